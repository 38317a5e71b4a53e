-- Envoy's processes: usually one, two during a hot restart. Starts them, signals them, and hands
-- them down to the next agent. Decides nothing; agent/lifecycle.lua does.

local admin_address = require("nightjar.agent.admin_address")
local child = require("host.child")
local envoy = require("nightjar.agent.envoy")
local file = require("host.file")
local handed_down = require("nightjar.agent.handed_down")
local hot_restart = require("nightjar.agent.hot_restart")
local json = require("host.json")
local log = require("nightjar.log")
local owner = require("nightjar.agent.owner")

local processes = {}
processes.__index = processes

local HANDOVER_DRAIN = 10 -- seconds in which the old Envoy of a hot restart drains
local MAX_BOOTSTRAP = 4 * 1024 * 1024
local MAX_STATUS = 64 * 1024 -- bytes of /proc/PID/status
local USR1 = 1 << 9          -- its bit there

---Seconds after which the old Envoy of a hot restart ends.
processes.HANDOVER_END = 15

---No process yet.
---@param settings table see supervise.new
---@return table processes `epoch` of the newest; `cold`: why there is no hot restart, or nil
function processes.new(settings)
  return setmetatable({
    settings = settings,
    bootstrap_path = settings.config_dir .. "/" .. settings.envoy_configuration_file,
    address_path = admin_address.path(settings.state_dir),
    path = settings.state_dir .. "/envoy.json",
    list = {},       -- epoch → { process, start, bootstrap }, until it has ended
    epoch = -1,
    base_id = settings.envoy_base_id,
    cold = nil,
    ports = {},      -- of Envoy's listeners
    unsaved = false, -- what the next agent needs could not be written
    stranger = nil,  -- a process of the agent before this one that cannot be watched
  }, processes)
end

---Is any process there?
function processes:running()
  return next(self.list) ~= nil
end

---@return integer count
function processes:count()
  local count = 0
  for _ in pairs(self.list) do
    count = count + 1
  end
  return count
end

---The newest process, if it has not ended.
---@return Process? process
function processes:newest()
  local one = self.list[self.epoch]
  return one and one.process
end

---Does the newest process run another bootstrap than the one on disk?
function processes:outdated()
  local content = file.read(self.bootstrap_path, MAX_BOOTSTRAP)
  local one = self.list[self.epoch]
  return content ~= nil and one ~= nil and json.hash(content) ~= one.bootstrap
end

---Another process is to take the place of the newest, whatever the bootstrap; also where another
---agent has to see to it.
function processes:outdate()
  local one = self.list[self.epoch]
  if one then
    one.bootstrap = ""
    self:save()
  end
end

---@return boolean # as `outdate` has it
function processes:is_outdated()
  local one = self.list[self.epoch]
  return one ~= nil and one.bootstrap == ""
end

function processes:arguments(epoch)
  local settings = self.settings
  local argv = {
    settings.envoy_bin, "--config-path", self.bootstrap_path,
    "--admin-address-path", self.address_path,
    "--log-level", settings.envoy_log_level,
  }
  local more = self.cold and { "--disable-hot-restart" } or {
    "--base-id", tostring(self.base_id), "--restart-epoch", tostring(epoch),
    "--drain-time-s", tostring(HANDOVER_DRAIN),
    "--parent-shutdown-time-s", tostring(processes.HANDOVER_END),
  }
  return table.move(more, 1, #more, #argv + 1, argv)
end

---The files by which others find Envoy: the process id, and all that the next agent needs.
function processes:save()
  local list = {}
  for epoch, one in pairs(self.list) do
    list[#list + 1] = { pid = one.process:pid(), start = one.start, epoch = epoch,
      bootstrap = one.bootstrap }
  end
  table.sort(list, function(a, b) return a.epoch < b.epoch end)
  -- First: an agent that is killed before has left an Envoy that the next one does not find.
  self.unsaved = not handed_down.write(self.path,
    { processes = list, base_id = self.base_id, cold = self.cold, ports = self.ports })
  local path = self.settings.envoy_pid_file
  local ok, err = file.write(path, self:newest():pid() .. "\n")
  if not ok then
    log.warn("envoy_pid_file", { path = path, reason = err })
  end
end

---Remember the ports of Envoy's listeners: by them it is judged when its admin interface is silent.
---What could not be saved before is tried again.
---@param ports integer[]
function processes:keep_ports(ports)
  if self.unsaved or table.concat(ports, " ") ~= table.concat(self.ports, " ") then
    self.ports = ports
    if self:newest() then
      self:save()
    end
  end
end

---No Envoy is there: nobody shall look for it.
function processes:forget()
  file.remove(self.settings.envoy_pid_file)
  file.remove(self.path)
end

-- An Envoy that cannot be watched would go on beside a new one, at the same ports.
function processes:obstacle()
  local one = self.stranger
  if one and owner.identity(one.pid) == one.start then
    return ("process %d of an earlier agent still runs and cannot be taken over"):format(one.pid)
  end
  self.stranger = nil
end

---Start a process: alone (epoch 0), or beside the one before it.
---@param epoch integer
---@return Process? process
---@return string? err
---@return string? code errno's name
function processes:spawn(epoch)
  local obstacle = self:obstacle()
  if obstacle then
    return nil, obstacle, "EBUSY"
  end
  local content, err = file.read(self.bootstrap_path, MAX_BOOTSTRAP)
  if not content then
    return nil, err, "bootstrap"
  end
  if epoch == 0 then
    self.base_id = self.settings.envoy_base_id
    self.cold = hot_restart.obstacle(self.base_id)
  end
  file.remove(self.address_path)
  local process, problem, code = child.spawn {
    argv = self:arguments(epoch), env = envoy.environment(self.settings),
    stdin = "null", stdout = "inherit", stderr = "inherit",
    outlives = true, -- Envoy asks for SIGTERM at our death (tried: 1.40)
  }
  if not process then
    return nil, problem, code
  end
  self.epoch = epoch
  self.list[epoch] = { process = process, bootstrap = json.hash(content),
    start = owner.identity(process:pid()) or "" }
  self:save()
  log.info("envoy_started", { pid = process:pid(), epoch = epoch, hot_restart = not self.cold,
    binary = self.settings.envoy_bin })
  return process
end

---Take over what an earlier agent left running.
---@return integer[] epochs of the processes taken over, the oldest first
---@return string? problem one runs that cannot be taken over
function processes:take_over()
  local left = handed_down.read(self.path)
  local epochs, problem = {}, nil
  for _, one in ipairs(left and left.processes or {}) do
    local process, err, code = handed_down.adopt(one)
    if process then
      self.list[one.epoch] = { process = process, start = one.start, bootstrap = one.bootstrap }
      epochs[#epochs + 1] = one.epoch
    elseif code ~= "ESRCH" then
      self.stranger, problem = one, err
    end
  end
  if #epochs > 0 then
    self.epoch = epochs[#epochs]
    -- A base id that was set since then is for the next Envoy that starts alone.
    self.base_id, self.cold, self.ports = left.base_id, left.cold, left.ports
    self:save()
  end
  return epochs, problem
end

---A process has ended.
function processes:remove(epoch)
  self.list[epoch] = nil
  if not self:running() then
    file.remove(self.settings.envoy_pid_file)
  end
end

---The one before the newest, which has ended, serves again.
function processes:fall_back()
  self.epoch = self.epoch - 1
  self:save()
end

local function send(one, epoch, name)
  local ok, err, code = one.process:signal(name)
  if not ok and code ~= "ESRCH" then
    log.warn("envoy_signal", { signal = name, epoch = epoch, reason = err })
  end
end

---Send a signal to every process, or to some.
---@param name string "TERM"
---@param which? "newest"|"older"
function processes:signal(name, which)
  for epoch, one in pairs(self.list) do
    if not which or (epoch == self.epoch) == (which == "newest") then
      send(one, epoch, name)
    end
  end
end

-- Has a process a handler for SIGUSR1 (proc(5))? Envoy has none while it starts, and would end.
local function listens(process)
  local text = file.read(("/proc/%d/status"):format(process:pid()), MAX_STATUS)
  local caught = text and text:match("SigCgt:%s*(%x+)")
  return caught ~= nil and tonumber(caught, 16) & USR1 ~= 0
end

---Have every process reopen its log files that listens for the signal to do so.
---@param later? boolean only those that did not listen when they were to be told
---@return boolean all have been told
function processes:reopen_logs(later)
  local all = true
  for epoch, one in pairs(self.list) do
    if not later or one.untold then
      one.untold = not listens(one.process)
      if one.untold then
        all = false
      else
        send(one, epoch, "USR1")
      end
    end
  end
  return all
end

return processes
