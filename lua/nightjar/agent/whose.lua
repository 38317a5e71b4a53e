-- Whose Envoy answers at an admin address. Another agent's may hold the port, or one that an agent
-- before this one has left behind: what it runs must not pass for what ours does, nor is it ours to
-- drain or to end.

local admin_address = require("nightjar.agent.admin_address")
local file = require("host.file")
local sched = require("nightjar.agent.sched")
local text = require("nightjar.text")

local whose = {}

-- Seconds. Ours writes its address as soon as it has one, unless it cannot; one that finds the port
-- in use ends much sooner.
local WRITTEN_WITHIN = 5

local function options_of(admin)
  local info = admin:info()
  local options = info and info.command_line_options
  return type(options) == "table" and options or nil
end

local function describe(admin, options)
  return ("another Envoy answers at %s: base id %s, bootstrap %s"):format(
    admin.base:match("//(.*)"), text.clean(tostring(options.base_id or 0), 100),
    text.clean(tostring(options.config_path or "not from a file"), 1000))
end

-- Who asks may know the folder by another path than who started Envoy.
local function is_same(path, other)
  local here, there = file.stat(path), type(other) == "string" and file.stat(other)
  return path == other or here and there and here.inode == there.inode or false
end

---The Envoy at an address at which none of ours can be.
---@param admin table (agent/admin.lua)
---@return string? description nil: there is none, or it does not say
function whose.there(admin)
  local options = options_of(admin)
  return options and describe(admin, options)
end

---Why the Envoy at an address is none of an agent's. Envoys of one agent write their address into
---one file.
---@param admin table (agent/admin.lua)
---@param path string of that file (agent/admin_address.lua)
---@return string? reason nil: it is, or does not say
function whose.other(admin, path)
  local options = options_of(admin)
  if options and not is_same(path, options.admin_address_path) then
    return describe(admin, options)
  end
end

---Is the Envoy that answers the newest process of a supervisor? Each process is asked until it is.
---@param supervisor table (agent/supervise.lua) `recognised`: the process that was; gets `other`:
---  why it is not
---@return boolean
function whose.is_ours(supervisor)
  local process = supervisor.processes:newest()
  if not process or supervisor.recognised == process then
    return process ~= nil
  elseif not admin_address.read(supervisor.settings.state_dir)
    and sched.now() - supervisor.started < WRITTEN_WITHIN then
    return false
  end
  supervisor.other = whose.other(supervisor.admin, supervisor.processes.address_path)
  supervisor.recognised = not supervisor.other and process or nil
  return not supervisor.other
end

---The admin interface of a supervisor's newest process.
---@param supervisor table (agent/supervise.lua)
---@return table? admin nil while it was not recognised
function whose.admin(supervisor)
  local process = supervisor.processes:newest()
  return process and supervisor.recognised == process and supervisor.admin or nil
end

return whose
