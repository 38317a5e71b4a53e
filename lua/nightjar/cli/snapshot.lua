-- Where the commands get a snapshot from: a file, standard input, the agent's
-- state, or the world. A file may be a record (`nightjar record`), which holds a
-- snapshot and all else that a pass decides from.

local file = require "host.file"
local json = require "host.json"
local messages = require "nightjar.text"
local record = require "nightjar.cli.record_file"

local snapshot = {}

local MAX_SNAPSHOT = 256 * 1024 * 1024 -- bytes; the agent's state has the same limit

local function is_snapshot(value)
  return type(value) == "table" and value.format == 1 and type(value.meshes) == "table"
end

-- What is wrong with what the commands themselves need of a snapshot.
local function fault_of(value)
  if not json.is_array(value.meshes) then return "meshes: expected a list, got an object" end
  if math.type(value.taken_at) ~= "integer" or value.taken_at < 0 then
    return "taken_at: expected unix seconds, got " .. messages.show(value.taken_at)
  end
end

---Checks what is needed to go on; nightjar-plan checks the rest.
---@param text string
---@param name string for messages
---@return table? snapshot
---@return string? err
---@return table? kept the record that holds it, if it is one (see record_file.lua)
function snapshot.parse(text, name)
  local value, err = json.decode(text, { max_bytes = MAX_SNAPSHOT })
  if value == nil then return nil, ("%s: %s"):format(name, err) end
  if record.is(value) then
    local fault = record.check(value)
    if not fault and not is_snapshot(value.snapshot) then
      fault = "snapshot: expected a snapshot of format 1"
    end
    local within = not fault and fault_of(value.snapshot)
    if within then fault = "snapshot." .. within end
    if fault then return nil, ("%s: %s"):format(name, fault) end
    return value.snapshot, nil, value
  end
  if not is_snapshot(value) then
    return nil, name .. ": expected a snapshot of format 1, as `nightjar discover` prints it, or "
      .. "a record"
  end
  local fault = fault_of(value)
  if fault then return nil, ("%s: %s"):format(name, fault) end
  return value
end

local function read_standard_input()
  local text, err = io.stdin:read(MAX_SNAPSHOT + 1), nil
  if not text then return nil, "standard input: expected a snapshot, got nothing" end
  if #text > MAX_SNAPSHOT then err = "standard input: expected at most 256 MiB" end
  return not err and text or nil, err
end

---Reads a snapshot or record from a file, or from standard input for "-".
---@param path string
---@return table? snapshot
---@return string? err
---@return table? kept the record that holds it, if it is one
function snapshot.read(path)
  if path == "-" then
    local text, err = read_standard_input()
    if not text then return nil, err end
    return snapshot.parse(text, "standard input")
  end
  local text, err = file.read(path, MAX_SNAPSHOT)
  if not text then return nil, err end
  return snapshot.parse(text, path)
end

---The last snapshot of an agent that has the same TMP_DIR, if there is one.
---@param settings table `state_dir`
---@return table? snapshot nil without a message: there is none
---@return string? err
function snapshot.of_agent(settings)
  local path = settings.state_dir .. "/snapshot.json"
  if not file.stat(path) then return nil end
  return snapshot.read(path)
end

---Asks the world. Called within sched.run.
---@param settings table
---@return table? snapshot
---@return string? err
function snapshot.discover(settings)
  return require("nightjar.agent.discover").run(nil, settings)
end

---What the settings alone say: each listener, without any service. Enough to
---try policies and templates where no mesh can be reached.
---@param settings table
---@param now integer unix seconds
---@return table
function snapshot.empty(settings, now)
  local meshes = json.array {}
  local function add(ref, name, port, audience)
    meshes[#meshes + 1] = { ref = ref, name = name, id = name, port = port, audience = audience,
      read_at = now, services = json.array {} }
  end
  if not settings.gateway and settings.service_member then
    add("own", "own", settings.service_port, "private")
  end
  for _, one in ipairs(settings.namespaces) do
    add(one.ref, one.namespace, one.port, "public")
  end
  return { format = 1, source = settings.discovery, taken_at = now, meshes = meshes,
    warnings = json.array {} }
end

return snapshot
