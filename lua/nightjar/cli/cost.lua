-- `nightjar cost`: what the agent has asked of AWS, what a day of it costs, and what other settings
-- would change.

local calls = require "nightjar.agent.calls"
local estimate = require "nightjar.agent.estimate"
local json = require "host.json"
local output = require "nightjar.cli.output"
local past = require "nightjar.cli.past"
local report = require "nightjar.cli.report"
local times = require "nightjar.agent.discover.times"

local MAX_AGENTS = 1000000
-- Of a price behind the point; one that needs more is written as a power of ten.
local MOST_DIGITS = 20
local SERVICES = { servicediscovery = "Cloud Map", s3 = "S3" }

-- ---- words ----

local function commas(number, digits)
  local text = ("%." .. (digits or 0) .. "f"):format(number)
  local whole, rest = text:match("^(%-?%d+)(.*)$")
  local count
  repeat whole, count = whole:gsub("^(%-?%d+)(%d%d%d)", "%1,%2") until count == 0
  return whole .. rest
end

local function dollars(amount)
  if amount > 0 and amount < 0.00005 then return "<$0.0001" end
  return "$" .. commas(amount, amount < 1 and 4 or 2)
end

local function dollars_or_free(amount)
  return amount > 0 and dollars(amount) or "free"
end

-- A price with all of its digits, for sums are made with all of them.
local function price_text(price)
  for digits = 2, MOST_DIGITS do
    if tonumber(("%%.%df"):format(digits):format(price)) == price then
      return "$" .. commas(price, digits)
    end
  end
  return ("$%g"):format(price)
end

-- Columns whose numbers end below one another; the first column is text.
local function table_of(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, utf8.len(cell) or #cell) end
  end
  for _, row in ipairs(rows) do
    for i = 2, #row do
      if not row.text or i < row.text then
        row[i] = (" "):rep(widths[i] - (utf8.len(row[i]) or #row[i])) .. row[i]
      end
    end
  end
  return report.columns(rows, "  ")
end

-- Every operation that one of these lists knows, sorted: { service, operation }.
local function operations_of(...)
  local list, seen = {}, {}
  for _, operations in ipairs { ... } do
    for service, counts in pairs(operations) do
      for operation in pairs(counts) do
        local key = service .. " " .. operation
        if not seen[key] then
          seen[key], list[#list + 1] = true, { service = service, operation = operation }
        end
      end
    end
  end
  table.sort(list, function(a, b)
    if a.service ~= b.service then return a.service > b.service end
    return a.operation < b.operation
  end)
  return list
end

local function name_of(one)
  return ("%s %s"):format(SERVICES[one.service] or report.plain(one.service),
    report.plain(one.operation))
end

local function count_of(operations, one)
  return (operations[one.service] or {})[one.operation] or 0
end

-- ---- parts of the text ----

-- The mean of the passes after the first one, which reads everything.
local function later(record, one)
  local count = count_of(record.operations, one) - count_of(record.first, one)
  return record.passes > 1 and ("%.1f"):format(count / (record.passes - 1)) or "-"
end

local function write_so_far(record)
  output.write(("So far, in %s pass%s from %s to %s:\n\n"):format(commas(record.passes),
    record.passes == 1 and "" or "es", past.utc(record.since), past.utc(record.at)))
  local rows = { { "", "calls", "first pass", "a later pass" } }
  for _, one in ipairs(operations_of(record.operations)) do
    rows[#rows + 1] = { name_of(one), commas(count_of(record.operations, one)),
      commas(count_of(record.first, one)), later(record, one) }
  end
  output.write(table_of(rows))
  if record.retries > 0 then
    output.write(("\n  %s of them were further tries\n"):format(commas(record.retries)))
  end
end

local function write_meshes(record)
  for _, mesh in ipairs(record.meshes) do
    local name = report.plain(mesh.name or mesh.refs[1])
    if mesh.unread then
      output.write(("  %s: could not be read yet, and is not part of this\n"):format(name))
    else
      output.write(("  %s: %d services, %d of them read seldom; %d with attributes of their own\n")
        :format(name, mesh.services, mesh.resting, mesh.attributed))
    end
  end
end

local function seconds(value)
  return ("%g"):format(value)
end

local function settings_line(given, settings)
  return ("REFRESH_TIME=%s LIST_TIME=%s ATTRIBUTES_TIME=%s%s"):format(seconds(given.pass),
    seconds(given.list), given.attributes and seconds(given.attributes) or "by number of services",
    settings.snapshot_store and " SNAPSHOT_STORE" or "")
end

local function price_line(prices)
  return ("%s for a million DiscoverInstances; of S3 %s PUT, %s GET"):format(
    price_text(prices.servicediscovery.DiscoverInstances), price_text(prices.s3.PutObject),
    price_text(prices.s3.GetObject))
end

local function agents_text(agents)
  return agents == 1 and "one agent" or commas(agents) .. " agents"
end

local function write_day(view)
  local day = view.day
  output.write(("\nA day of %s, in steady state, at these settings:\n  %s\n"):format(
    agents_text(view.agents), settings_line(times.of(view.settings), view.settings)))
  write_meshes(view.record)
  output.write("\n")
  local rows = { { "", "calls a day", "a pass", "dollars a day" } }
  for _, one in ipairs(operations_of(day.operations)) do
    local count = count_of(day.operations, one)
    rows[#rows + 1] = { name_of(one), commas(count), commas(count / day.passes, 1),
      dollars_or_free(estimate.dollars({ [one.service] = { [one.operation] = count } },
        view.prices)) }
  end
  local total = estimate.total(day.operations)
  rows[#rows + 1] = { "all", commas(total), commas(total / day.passes, 1),
    dollars(view.dollars) }
  output.write(table_of(rows))
  local year = view.dollars * estimate.DAYS_A_YEAR
  output.write(("\n  %s a month, %s a year\n  %s\n"):format(dollars(year / 12), dollars(year),
    price_line(view.prices)))
end

local function write_changes(view)
  output.write("\nWith one setting changed:\n\n")
  local rows = { { "", "calls a day", "dollars a year", "", text = 4 },
    { "as it is", commas(estimate.total(view.day.operations)),
      dollars(view.dollars * estimate.DAYS_A_YEAR), "", text = 4 } }
  for _, row in ipairs(view.changes) do
    rows[#rows + 1] = { report.plain(row.setting), commas(estimate.total(row.day.operations)),
      dollars(row.dollars * estimate.DAYS_A_YEAR), report.plain(row.note or ""), text = 4 }
  end
  output.write(table_of(rows))
end

-- ---- the view, and its two forms ----

local function view_of(record, settings, options)
  return { record = record, settings = settings, agents = options.agents,
    prices = options.prices }
end

-- Adds a day, and what settings change, to a view.
local function reckon(view)
  local meshes, settings, agents = view.record.meshes, view.settings, view.agents
  view.day = estimate.day(meshes, settings, agents)
  view.dollars = estimate.dollars(view.day.operations, view.prices)
  view.changes = estimate.changes(meshes, settings, agents)
  for _, row in ipairs(view.changes) do
    row.dollars = estimate.dollars(row.day.operations, view.prices)
  end
end

local function day_as_json(operations, amount)
  return { operations = operations, calls = estimate.total(operations), dollars = amount,
    dollars_a_month = amount * estimate.DAYS_A_YEAR / 12,
    dollars_a_year = amount * estimate.DAYS_A_YEAR }
end

local function changes_as_json(view)
  local changes = json.array {}
  for i, row in ipairs(view.changes) do
    changes[i] = day_as_json(row.day.operations, row.dollars)
    changes[i].setting, changes[i].note = row.setting, row.note
  end
  return changes
end

-- Where no day is known its fields are left out: zeros would say that it is free.
local function as_json(view)
  local record, given = view.record, times.of(view.settings)
  local day = view.day and day_as_json(view.day.operations, view.dollars)
  if day then day.passes = view.day.passes end
  output.write(assert(json.encode({
    so_far = record.since and { since = record.since, at = record.at, passes = record.passes,
      retries = record.retries, operations = record.operations, first_pass = record.first },
    meshes = record.meshes, agents = view.agents, prices = view.prices,
    settings = { refresh_time = given.pass, list_time = given.list,
      attributes_time = given.attributes, snapshot_store = view.settings.snapshot_store },
    day = day, changes = day and changes_as_json(view),
  }, { indent = 2 })), "\n")
end

-- ---- the command ----

local function number(text, name, least, most)
  local value = tonumber(text)
  if value and value >= least and value <= most then return value end
  return nil, ("--%s: expected a number from %d to %d, got %q"):format(name, least, most, text)
end

local function options_of(args)
  local agents, err = number(args.agents or "1", "agents", 1, MAX_AGENTS)
  if not agents then return nil, err end
  if not math.tointeger(agents) then
    return nil, ("--agents: expected a whole number, got %q"):format(args.agents)
  end
  local prices = { s3 = estimate.prices.s3, servicediscovery = {} }
  local price
  price, err = number(args.price or "1", "price", 0, 1000000)
  if not price then return nil, err end
  prices.servicediscovery.DiscoverInstances = math.abs(price) -- -0.0 is no other price than 0
  return { agents = math.tointeger(agents), prices = prices }
end

-- Of an agent that reads a file: `counted` if there are calls of another one all the same.
local function write_nothing(settings, options, wants_json, counted)
  if wants_json then
    local view = view_of({ meshes = json.array {} }, settings, options)
    reckon(view)
    as_json(view)
    return
  end
  output.write("DISCOVERY=file: nothing is asked of AWS, so it costs nothing there",
    counted and "; but an agent has\ncounted calls in this TMP_DIR: give this command "
    .. "that agent's settings" or "", "\n")
end

local function run(settings, args)
  local options, wrong = options_of(args)
  if not options then return 2, wrong end
  local record, err = calls.read(settings.state_dir)
  if settings.discovery ~= "cloudmap" then
    write_nothing(settings, options, args.json, record or err)
    return 0
  end
  if not record then
    return 1, err or ("no agent has counted its calls in %s: start `nightjar run` with this "
      .. "TMP_DIR (its first pass writes them down), or name that of the agent with --tmp-dir")
      :format(settings.state_dir)
  end
  local view = view_of(record, settings, options)
  if #estimate.read(record.meshes) > 0 then reckon(view) end
  if args.json then
    as_json(view)
    return 0
  end
  write_so_far(record)
  if view.day then
    write_day(view)
    write_changes(view)
  else
    output.write("\nNo mesh could be read yet, so nobody can say what a day asks.\n")
  end
  return 0
end

return {
  about = "what is asked of AWS, so far and in a day, in money, and what settings change",
  usage = "nightjar cost [--agents N] [--price DOLLARS] [--json] [settings]",
  flags = {
    { name = "agents", value = "N", about = "so many agents that read the same meshes; default 1" },
    { name = "price", value = "DOLLARS",
      about = "for a million DiscoverInstances calls; default 1.00" },
    { name = "json", about = "print JSON" },
  },
  details = [[
Shows the calls of the agent that runs with this TMP_DIR, by operation, as it wrote
them down last (after its first pass, then at most every five minutes, and at its end);
a restart in place goes on counting, a new process begins anew.

Then what a day asks in steady state, computed from the services that the agent sees
and the settings; the first pass, which reads everything, is not part of it. Give other
settings to see what they would cost, as in `nightjar cost --refresh-time 60`. The last
table changes one setting at a time.

DiscoverInstances alone costs money in Cloud Map; $1.00 for a million is the price of
most regions. Reads TMP_DIR/nightjar-state and asks neither AWS nor Envoy.

Exit status: 0 done; 1 when no agent has counted yet; 2 for wrong flags or settings.]],
  run = run,
}
