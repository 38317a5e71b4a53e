-- Whether Envoy still runs what it had accepted: one question to it in a pass that changes nothing.
-- Anything but a plain yes is a no: a whole pass looks closer, and does what is to be done.

local acknowledge = require("nightjar.agent.acknowledge")
local deeds = require("nightjar.agent.deeds")

local still = {}

-- The files that Envoy tells the version of: the others tell nothing while nobody touches them.
local function versioned(files)
  local list = {}
  for _, one in ipairs(files) do
    list[#list + 1] = one.version and not one.counted and one or nil
  end
  return list
end

local function runs(running, files)
  return running ~= nil and #acknowledge.missing(versioned(files), running) == 0
end

-- An Envoy that the task has started may be another one by now. Where none answered at the last
-- look, and none answers now, nothing has changed.
local function beside(admin, files)
  local before = admin.requests
  local running, _, kind = admin:subscriptions()
  if not running then
    return before == nil and kind == "connect"
  end
  return before ~= nil and admin.requests ~= nil and admin.requests > before
    and runs(running, files)
end

---@param supervisor table (agent/supervise.lua)
---@param files table[] of the generation in force
---@return boolean
function still.holds(supervisor, files)
  if not supervisor:supervises() then
    return beside(supervisor.admin, files)
  elseif supervisor.state ~= "live" or not supervisor.confirmed or supervisor.processes.unsaved then
    return false
  end
  deeds.find_admin(supervisor)
  return runs(supervisor.admin:versions(), files)
end

return still
