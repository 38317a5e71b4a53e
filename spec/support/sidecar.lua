-- An agent on a mesh file, with a real Envoy and backends, for the system specs.

local file = require("host.file")
local json = require("host.json")
local program = require("host.program")
local world_of = require("spec.support.world")

local sidecar = { program = program.directory .. "/nightjar" }
sidecar.__index = sidecar

local TOLD = 3000 -- bytes of a log, to tell why something has not come

---A world with backends and a free port for the listener; the agent is not started yet.
---@param ... string names of backends
---@return table sidecar `world`, `ports` of the backends by name, `port` of the listener
function sidecar.new(...)
  return sidecar.within(world_of.new(), ...)
end

---The same in a world that there is.
function sidecar.within(world, ...)
  local self = setmetatable({ world = world, eventually = world_of.eventually }, sidecar)
  self.ports = ... and world:backends(...) or {}
  self.port, self.admin_port = world:ports(2)
  self.mesh_file = world.directory .. "/mesh.json"
  self.folder = world.directory .. "/tmp/active-envoy-config"
  self.state = world.directory .. "/tmp/nightjar-state"
  return self
end

---The same in a world of its own, with a mesh of one service, web-blue, that has all of /web.
function sidecar.of_one()
  local self = sidecar.new("blue")
  self:mesh { sidecar.service("web-blue", { ["/web"] = 1 }, { self.ports.blue }) }
  return self
end

---A service-color of the mesh file.
---@param name string `GROUP-COLOR`
---@param weights table<string, integer> path → weight
---@param ports integer[] of its endpoints
function sidecar.service(name, weights, ports)
  local group, color = name:match("^(.*)%-(.-)$")
  local attributes, instances = { SERVICE = group, COLOR = color }, json.array {}
  for path, weight in pairs(weights) do
    attributes[path] = weight
  end
  for i, port in ipairs(ports) do
    instances[i] = { id = "i" .. i, ipv4 = "127.0.0.1", port = port }
  end
  return { name = name, attributes = attributes, instances = instances }
end

---Write the mesh file: one mesh on the listener's port, further ones as given.
---@param services table[]
---@param more table<string, integer>? names of further, empty meshes and their ports
function sidecar:mesh(services, more)
  local namespaces = { { name = "mesh.local", port = self.port, services = json.array(services) } }
  for name, port in pairs(more or {}) do
    namespaces[#namespaces + 1] = { name = name, port = port, services = json.array {} }
  end
  assert(file.write(self.mesh_file, assert(json.encode { namespaces = namespaces })))
end

---A copy of the shipped templates that a spec may spoil.
---@return string folder
function sidecar:own_templates()
  local folder = self.world.directory .. "/templates"
  assert(os.execute(("cp -R %s/templates %s"):format(program.data_directory(), folder)))
  return folder
end

---Start the agent; `self.agent` is its process.
---@param settings table<string, string|number>?
---@param argv string[]? instead of `nightjar run`
function sidecar:start(settings, argv)
  local directory = self.world.directory
  local all = {
    TMP_DIR = directory .. "/tmp", ENVOY_PID_FILE = directory .. "/envoy.pid",
    TRIGGER_STOP_FILE = directory .. "/stop.txt", ENVOY_BASE_ID = self.admin_port,
    ENVOY_ADMIN_PORT = self.admin_port, MESH_FILE = self.mesh_file, DISCOVERY = "file",
    REFRESH_TIME = 0.5, STOP_TIMEOUT = 2, LOG_LEVEL = "debug",
  }
  for name, value in pairs(settings or {}) do
    all[name] = value
  end
  self.agent = self.world:start("agent-" .. #self.world.running,
    argv or { sidecar.program, "run" }, all)
  return self.agent
end

function sidecar:url(path, port)
  return ("http://127.0.0.1:%d%s"):format(port or self.port, path)
end

---Wait until a path answers with a status.
function sidecar:answers(path, status, seconds, port)
  local seen, why
  local ok, err = pcall(self.eventually, function()
    seen, why = self.world:get(self:url(path, port))
    return seen == status
  end, seconds or 15, ("%s answers %d"):format(path, status))
  if ok then return end
  error(("%s\nbut: %s, and the agent says:\n%s"):format(err, seen or why,
    self.agent and self.world:log(self.agent):sub(-TOLD) or "nothing"), 2)
end

---Wait until the log of the agent holds a text beyond what it held at `from`.
function sidecar:logged(text, seconds, from)
  local log
  local ok, found = pcall(self.eventually, function()
    log = self.world:log(self.agent)
    return log:find(text, from or 1, true)
  end, seconds or 10, "in the log: " .. text)
  if ok then return found end
  error(found .. "\nbut:\n" .. log:sub(from or 1):sub(-TOLD), 2)
end

---Wait until a pass has ended well: what the agent took from Envoy is then in its state.
function sidecar:passed(seconds, from)
  self.eventually(function()
    local log = self.world:log(self.agent)
    return log:find("event=unchanged", from or 1, true)
      or log:find("event=published", from or 1, true)
  end, seconds or 15, "a pass that ends well")
end

---Where the agent's log ends now.
function sidecar:mark()
  return #self.world:log(self.agent) + 1
end

---Do something and wait for the pass that publishes it.
function sidecar:publishes(change)
  local from = self:mark()
  change()
  self:logged("event=published", 10, from)
end

---A published file, decoded.
function sidecar:read(path)
  return assert(json.decode(assert(file.read(self.folder .. "/" .. path))))
end

---Names of the clusters that are published.
function sidecar:clusters()
  local names = {}
  for i, cluster in ipairs(self:read("cds.json").resources) do
    names[i] = cluster.name:match("^[^@]+")
  end
  return names
end

---One of Envoy's statistics, as text.
function sidecar:stat(name)
  local _, body = self.world:get(("http://127.0.0.1:%d/stats?filter=^%s$"):format(
    self.admin_port, (name:gsub("%.", "%%5C."))))
  return body:match(": \"?([^\"\n]*)")
end

---Children of a process, of any state: pid → state (proc(5)).
function sidecar.children(parent)
  local found = {}
  for _, entry in ipairs(assert(file.list("/proc"))) do
    local text = entry.name:match("^%d+$") and file.read("/proc/" .. entry.name .. "/stat", 4096)
    local state, ppid = (text or ""):match("^.*%) (%a) (%d+)")
    if tonumber(ppid) == parent then
      found[math.tointeger(tonumber(entry.name))] = state
    end
  end
  return found
end

---Envoy's process id, from its file.
function sidecar:envoy()
  return math.tointeger(tonumber(file.read(self.world.directory .. "/envoy.pid") or ""))
end

---Do something under keep-alive load; no request may fail and no connection be closed.
---@return table seen what load.py counted
function sidecar:under_load(path, change)
  local load = self.world:load(self:url(path), 10, 300)
  os.execute("sleep 0.4")
  change()
  os.execute("sleep 0.4")
  local seen = self.world:finish_load(load)
  assert(seen.failed == 0 and seen.closed == 0, ("%d failed, %d closed of %d: %s"):format(
    seen.failed, seen.closed, seen.requests, table.concat(seen.errors, "; ")))
  assert(seen.requests > 50, "too few requests: " .. seen.requests)
  return seen
end

return sidecar
