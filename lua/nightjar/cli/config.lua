-- `nightjar config`: each setting with its value and where it came from; region,
-- endpoint and credentials as the AWS code would take them. Never a secret.

local null = require("host.json").null
local output = require "nightjar.cli.output"

-- The AWS modules tell where something comes from; when one cannot tell, the answer is null and
-- the reason a line of its own. Where no AWS is asked for there is no reason to give.
local function ask(name, settings, ...)
  local answer, err = require("nightjar.agent.aws." .. name).describe(settings, ...)
  if answer then return answer end
  if settings.discovery == "cloudmap" then
    require("nightjar.cli.report").warnings { { message = name .. ": " .. err } }
  end
  return {}
end

local function pair(answer)
  return { value = answer.value or null, source = answer.source or null }
end

---The answer in the documented shape.
---@param settings table
---@return table
local function gather(settings)
  local list, rows = {}, require("nightjar.settings").describe(settings)
  for _, row in ipairs(rows) do
    local value = row.value
    if value == nil then value = null end
    list[row.name] = { value = value, source = row.source }
  end
  local where = ask("region", settings)
  local target = ask("endpoint", settings, nil, where.value)
  local credentials = ask("credentials", settings)
  return {
    settings = list, region = pair(where), endpoint = pair(target),
    credentials = {
      source = credentials.source or null,
      access_key_id = credentials.access_key_id or null,
      expires = credentials.expires or null,
    },
  }, rows
end

local function shown(value)
  if value == null or value == nil then return "-" end
  if value == "" then return '""' end
  if math.type(value) == "float" then return ("%.14g"):format(value) end
  return require("nightjar.cli.report").plain(value)
end

local function print_table(all, rows)
  local report = require "nightjar.cli.report"
  local lines = { { "SETTING", "VALUE", "SOURCE" } }
  for _, row in ipairs(rows) do
    if not row.aws or row.value ~= nil or row.name == "AWS_REGION" then
      lines[#lines + 1] = { row.name, shown(row.value), row.source }
    end
  end
  lines[#lines + 1] = { "", "", "" }
  for _, name in ipairs { "region", "endpoint" } do
    lines[#lines + 1] = { name, shown(all[name].value), shown(all[name].source) }
  end
  local keys = all.credentials
  local id = shown(keys.access_key_id)
  if keys.expires ~= null then id = id .. " until " .. shown(keys.expires) end
  lines[#lines + 1] = { "credentials", id, shown(keys.source) }
  output.write(report.columns(lines))
end

local function run(settings, args)
  local sched = require "nightjar.agent.sched"
  local all, rows = sched.run(gather, settings)
  if not args.json then
    print_table(all, rows)
    return 0
  end
  local text, err = require("host.json").encode(all, { indent = 2 })
  if not text then return nil, "settings: " .. err end
  output.write(text, "\n")
  return 0
end

return {
  about = "print each setting and where it came from",
  usage = "nightjar config [--json] [settings]",
  flags = { { name = "json", about = "print JSON instead of a table" } },
  details = [[
Sources are: flag, environment, file PATH, default. The last three lines are what
the AWS code would use: region, endpoint of Cloud Map, and credentials, of which
only the access key's id and the time of expiry are shown.]],
  run = run,
}
