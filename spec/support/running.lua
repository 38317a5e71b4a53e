-- A whole agent within a spec: real passes over a mesh file, or over Cloud Map, and no Envoy of its
-- own unless the settings name one.

local agent = require("nightjar.agent.agent")
local file = require("host.file")
local json = require("host.json")
local program = require("host.program")
local reference = require("spec.support.reference")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local settings_of = require("nightjar.settings")

local running = {}
running.__index = running

---A place for agents: a folder, and settings for `run`.
---@return table
function running.new()
  return setmetatable({ folder = script.folder() }, running)
end

---Removes the folder.
function running:close()
  script.discard(self.folder)
end

---Writes the mesh file: services of one namespace by name, with the weight of the path /web.
---@param weights table<string, integer>
---@param colors? table<string, string>
---@param port? integer of the listener
function running:mesh(weights, colors, port)
  local services = {}
  for name, weight in pairs(weights) do
    services[#services + 1] = { name = name,
      attributes = { ["/web"] = weight, SERVICE = colors and "web" or name,
        COLOR = colors and colors[name] or "default" },
      instances = { { id = "a", ipv4 = "127.0.0.1", port = 9001 } } }
  end
  table.sort(services, function(a, b) return a.name < b.name end)
  assert(file.write(self.folder .. "/mesh.json", assert(json.encode {
    namespaces = { { name = "m.local", port = port or 9000, services = json.array(services) } } })))
end

---Settings of an agent that reads the mesh file.
---@param more? table<string, string> environment
---@return table
function running:settings(more)
  local environment = { PATH = os.getenv("PATH"), DISCOVERY = "file", ENVOY_BIN = "",
    MESH_FILE = self.folder .. "/mesh.json", TMP_DIR = self.folder, ENVOY_ADMIN_PORT = "1",
    ENVOY_PID_FILE = self.folder .. "/envoy.pid", TRIGGER_STOP_FILE = self.folder .. "/stop",
    REFRESH_TIME = "60", STATUS_ADDRESS = self.folder .. "/status.sock" }
  for name, value in pairs(more or {}) do environment[name] = value or nil end
  return assert(settings_of.load { flags = {}, environment = environment,
    data_directory = program.data_directory() })
end

---Settings of an agent that reads Cloud Map's reference mesh at an endpoint.
---@param endpoint string
---@param more? table<string, string> environment
---@return table
function running:cloudmap(endpoint, more)
  local environment = { DISCOVERY = false, MESH_FILE = false, SERVICE_MEMBER = reference.MEMBER,
    AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint, AWS_ACCESS_KEY_ID = "ASIAEXAMPLE",
    AWS_SECRET_ACCESS_KEY = "wJalrXUtnFEMIsecret", AWS_SESSION_TOKEN = "FwoGZXIvYXdzsession",
    AWS_EC2_METADATA_DISABLED = "true", HOME = "/nonexistent" }
  for name, value in pairs(more or {}) do environment[name] = value end
  return self:settings(environment)
end

---Has the failing endpoint fail from now on, from beside an agent.
---@param endpoint string
---@param list table[] see cloudmap.py
function running.faults(_, endpoint, list)
  local answer, err = sched.http { method = "PUT", url = endpoint .. "/faults",
    body = assert(json.encode(json.array(list))), timeout = 5 }
  assert(answer and answer.status == 200, err and err.message)
end

---Runs an agent; `beside` gets it, and `after_pass`, which waits for the end of the pass that is
---under way, or of the next one. The agent stops when `beside` returns.
---@param settings table
---@param beside fun(one: table, after_pass: fun())
function running.run(_, settings, beside)
  local problem
  sched.run(function()
    local one = assert(agent.new(settings))
    local function after_pass()
      local last, deadline = one.tally.last, sched.now() + 30
      repeat
        assert(sched.now() < deadline, "no pass has ended")
        sched.sleep(0.02)
      until one.tally.last ~= last and not one.passing
    end
    sched.spawn(function()
      local ok, err = xpcall(beside, function(reason)
        return type(reason) == "string" and debug.traceback(reason) or reason
      end, one, after_pass)
      problem = not ok and { err } or nil
      one.events:put({ signal = "TERM" })
    end)
    return one:run()
  end)
  if problem then error(problem[1], 0) end
end

return running
