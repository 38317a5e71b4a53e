-- Runs nightjar-plan itself, as the agent would, with requests made by hand.

local cli = require "spec.support.cli"
local json = require "host.json"
local program = require "host.program"

local plan = {}

plan.executable = program.directory .. "/nightjar-plan"

---A request with one policy, "bad", and no services.
---@param policy string Lua text of the policy's file; its first line is line 1
---@return table
function plan.request(policy)
  return {
    command = "plan", now = 1700000000,
    settings = {
      envoy_admin_port = 9901, ping_path = "/ping", config_dir = "/tmp/x", service_member = "s",
      envoy_configuration_file = "envoy-config.yaml", service_container_name = "NOT_SET",
      envoy_base_id = 0, policies = json.decode("{}"),
    },
    snapshot = {
      format = 1, source = "file", taken_at = 1700000000, warnings = json.array {},
      meshes = { {
        ref = "own", name = "m", id = "m", port = 8080, audience = "private",
        read_at = 1700000000, services = json.array {},
      } },
    },
    previous = json.null,
    policies = { { name = "init.lua", text = 'return { "bad" }' },
      { name = "bad.lua", text = policy } },
    templates = json.array {}, copies = json.array {},
  }
end

local function run_text(text, options)
  local folder = cli.folder()
  cli.write(folder .. "/in", text)
  local words = { ("exec env %s%s '%s'"):format(options.environment or "", options.trace or "",
    plan.executable) }
  words[2] = options.arguments or ("--max-memory-mib %d --max-instructions %d --max-seconds %d "
    .. "--max-cpu-ms %d"):format(options.memory or 64, options.instructions or 20000000,
    options.seconds or 60, options.milliseconds or 60000)
  words[3] = ("<%s/in 2>%s/err"):format(folder, folder)
  local pipe = assert(io.popen(table.concat(words, " "), "r"))
  local output = pipe:read("a")
  local _, how, status = pipe:close()
  local result = { status = how == "exit" and status or 128 + status, output = output,
    stderr = cli.read(folder .. "/err") }
  cli.remove(folder)
  return result
end

---@param request table|string a request, or the bytes to send
---@param options? table memory (MiB), instructions, seconds (in all), milliseconds (for one policy
---       or template), arguments (instead of these), environment (`NAME=value ` words)
---@return {status: integer, output: string, stderr: string, response: table?}
function plan.run(request, options)
  local text = type(request) == "string" and request or assert(json.encode(request))
  local result = run_text(text, options or {})
  if result.status == 0 then result.response = assert(json.decode(result.output)) end
  return result
end

return plan
