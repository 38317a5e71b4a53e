-- The supervise stage: starts Envoy once its bootstrap exists, restarts it when it dies, hands over
-- to a new process when the bootstrap changes, and drains it before the end.

local acknowledge = require("nightjar.agent.acknowledge")
local admin = require("nightjar.agent.admin")
local admin_address = require("nightjar.agent.admin_address")
local bootstrap = require("nightjar.agent.bootstrap")
local child = require("host.child")
local envoy = require("nightjar.agent.envoy")
local file = require("host.file")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")

local supervise = {}

local supervisor = {}
supervisor.__index = supervisor

local BACKOFF_FIRST, BACKOFF_LONGEST = 0.5, 30 -- seconds
local QUIET = 60          -- seconds of life after which earlier deaths are forgotten
local LIVE_WITHIN = 15    -- seconds for a new Envoy to become live
local HANDOVER_DRAIN = 10 -- seconds in which the old Envoy of a hot restart drains
local HANDOVER_END = 15   -- seconds after which the old Envoy of a hot restart ends
local LOOK = 0.05         -- seconds between two looks at a process
-- What Envoys of one base id share for a hot restart; the last one leaves it behind (tried: 1.40).
local SHARED_MEMORY = "/dev/shm/envoy_shared_memory_%d"
local MAX_BOOTSTRAP = 4 * 1024 * 1024

---A supervisor of one Envoy; nothing is started yet.
---@param settings table `envoy_bin` ("" for none), `envoy_admin_port`, `envoy_base_id`,
---  `envoy_log_level`, `envoy_pid_file`, `envoy_configuration_file`, `config_dir`, `state_dir`,
---  `stop_timeout`
---@return table supervisor
function supervise.new(settings)
  return setmetatable({
    settings = settings,
    admin = admin.new(admin_address.expected(settings)),
    address_path = admin_address.path(settings.state_dir),
    bootstrap_path = settings.config_dir .. "/" .. settings.envoy_configuration_file,
    processes = {},   -- epoch → process that has not ended yet
    epoch = -1,       -- of the process that is to serve
    handover = nil,   -- epoch of a hot restart that is not over
    deaths = 0,       -- in a row, for the back-off
    restarts = 0,     -- since the agent started, for status
    reviving = false, -- a start is under way, or waits for its time
    problem = nil,    -- why the last start failed
    mute = false,     -- the process never answered on its admin interface
    stuck = false,    -- a hand-over failed: no other is possible
  }, supervisor)
end

---Does this agent start an Envoy at all?
function supervisor:supervises()
  return self.settings.envoy_bin ~= ""
end

---Is an Envoy of ours running?
function supervisor:running()
  return next(self.processes) ~= nil
end

---The admin interface when somebody answers there: our own Envoy, for which a start that is under
---way is waited for, or the one of the shared-volume deployment.
---@return table? admin
function supervisor:reachable()
  if self:supervises() then
    return self:running() and self:await_live() and self.admin or nil
  end
  return self.admin:ready() and self.admin or nil
end

function supervisor:arguments(epoch)
  local settings = self.settings
  return {
    settings.envoy_bin, "--config-path", self.bootstrap_path,
    "--base-id", tostring(settings.envoy_base_id), "--restart-epoch", tostring(epoch),
    "--drain-time-s", tostring(HANDOVER_DRAIN),
    "--parent-shutdown-time-s", tostring(HANDOVER_END),
    "--admin-address-path", self.address_path,
    "--log-level", settings.envoy_log_level,
  }
end

---Have Envoy judge a bootstrap that is not in place yet.
---@param one { path: string, content: string }
---@return true? ok
---@return string? err
---@return string? code see agent/bootstrap.lua
function supervisor:check(one)
  return bootstrap.check(one.content, one.path, self.settings)
end

function supervisor:write_pid()
  local process, path = self.processes[self.epoch], self.settings.envoy_pid_file
  local ok, err = file.write(path, process:pid() .. "\n")
  if not ok then
    log.warn("envoy_pid_file", { path = path, reason = err })
  end
end

---Start a process of a given epoch and watch it.
---@return true? ok
---@return string? err
function supervisor:spawn(epoch)
  local content, err = file.read(self.bootstrap_path, MAX_BOOTSTRAP)
  local process
  if content then
    file.remove(self.address_path)
    process, err = child.spawn {
      argv = self:arguments(epoch), env = envoy.environment(self.settings),
      stdin = "null", stdout = "inherit", stderr = "inherit", death_signal = "TERM",
    }
  end
  self.problem = not process and "envoy: " .. err or nil
  if not process then
    log.error("envoy_not_started", { reason = err })
    return nil, self.problem
  end
  self.bootstrap, self.epoch, self.started = content, epoch, sched.now()
  self.confirmed, self.mute, self.stuck = false, false, false -- nothing is known of it yet
  self.processes[epoch], self.unasked = process, false
  log.info("envoy_started",
    { pid = process:pid(), epoch = epoch, binary = self.settings.envoy_bin })
  self:write_pid()
  sched.spawn(function()
    self:on_exit(epoch, process:pid(), sched.exited(process))
  end)
  return true
end

---Seconds until the next start: exponential, with jitter so that a fleet does not beat in time.
function supervisor:backoff()
  local longest = math.min(BACKOFF_FIRST * 2 ^ self.deaths, BACKOFF_LONGEST)
  self.deaths = self.deaths + 1
  return longest * (0.5 + math.random() / 2)
end

function supervisor:on_exit(epoch, pid, exit)
  self.processes[epoch] = nil
  local fields = { pid = pid, epoch = epoch, status = exit.status, signal = exit.signal }
  if not self:running() then
    file.remove(self.settings.envoy_pid_file)
  end
  if self.stopping or epoch < self.epoch then
    return log.info("envoy_ended", fields)
  elseif self.handover == epoch and self.processes[epoch - 1] then
    -- The one before it still serves, and goes on. It has given its admin interface away.
    self.epoch, self.mute, self.stuck = epoch - 1, true, true
    self:write_pid()
    return log.error("envoy_handover_failed", fields)
  end
  log.error("envoy_died", fields)
  -- An older one is on its way out and would leave nobody behind.
  self:signal("KILL")
  if sched.now() - self.started > QUIET then
    self.deaths = 0
  end
  self:revive()
end

---Start anew after the back-off, as often as it takes.
function supervisor:revive()
  if self.reviving then
    return
  end
  self.reviving = true
  sched.spawn(function()
    repeat
      local delay = self:backoff()
      log.warn("envoy_restart", { seconds = ("%.2f"):format(delay), deaths = self.deaths })
      sched.sleep(delay)
      while self:running() do -- killed, but not gone yet
        sched.sleep(LOOK)
      end
      self.restarts = self.restarts + 1
    until self.stopping or self:spawn(0)
    self.reviving = false
  end)
end

---Send a signal to every Envoy process of ours.
function supervisor:signal(name)
  for epoch, process in pairs(self.processes) do
    local ok, err, code = process:signal(name)
    if not ok and code ~= "ESRCH" then
      log.warn("envoy_signal", { signal = name, epoch = epoch, reason = err })
    end
  end
end

---Ask the newest Envoy whether it is live.
---@return boolean live
---@return boolean answers
function supervisor:live()
  local address = admin_address.read(self.settings.state_dir)
  if address then
    self.admin = admin.new(address)
  end
  local stats = self.admin:stats("^server\\.(state|hot_restart_epoch)$")
  local epoch = stats and stats["server.hot_restart_epoch"]
  return stats ~= nil and stats["server.state"] == "0" and epoch == tostring(self.epoch),
    epoch == tostring(self.epoch)
end

---Wait until the newest Envoy is live. One that did not answer in that time is only asked once
---from then on: it may have no admin interface, or hang.
---@return true? ok
---@return string? err
function supervisor:await_live()
  local deadline = sched.now() + (self.mute and 0 or LIVE_WITHIN)
  local answered, failed = false, self.stuck
  repeat
    if self.problem then
      return nil, self.problem
    elseif self.stuck and not failed or not self:running() and not self.reviving then
      return nil, "envoy: ended while it started; its log says why"
    end
    local live, answers = self:live()
    if live then
      self.mute = false
      return true
    end
    answered = answered or answers
    sched.sleep(LOOK)
  until sched.now() >= deadline
  self.mute = not answered and self:running()
  return nil, answered and ("envoy: not live after %d seconds"):format(LIVE_WITHIN)
    or "envoy: its admin interface does not answer"
end

---Start Envoy if the bootstrap is there and none runs.
---@return true? ok
---@return string? err
function supervisor:start()
  if not self:supervises() or self:running() or self.reviving then
    return true
  end
  local ok, err = self:spawn(0)
  if not ok then
    self:revive()
  end
  return ok, err
end

---Wait until there is room for one more process: Envoy has names for three.
function supervisor:await_room()
  local deadline = sched.now() + HANDOVER_END + 5
  local oldest = self.processes[self.epoch - 2]
  while oldest and not oldest:status() do
    if sched.now() >= deadline then
      oldest:signal("KILL")
    end
    sched.sleep(LOOK)
  end
end

---Hand over to a new Envoy, which runs the bootstrap on disk.
---@return true? ok
---@return string? err
---@return "refused"|nil code the new process failed; the old one goes on
function supervisor:hot_restart()
  if self.stuck then
    -- Tried: after a hand-over that failed Envoy refuses another ("still initializing").
    log.warn("envoy_cold_restart", { reason = "the hand-over before this one failed" })
    self.mute = false
    self:signal("TERM")
    return self:await_live()
  end
  self:await_room()
  local epoch, content = self.epoch + 1, self.bootstrap
  log.info("envoy_hot_restart", { epoch = epoch })
  self.handover = epoch
  local ok, err = self:spawn(epoch)
  if ok then
    ok, err = self:await_live()
  end
  self.handover = nil
  if not ok and not self.mute then
    return nil, err
  elseif self.stuck then
    self.bootstrap = content
    return nil, "envoy: the new process ended; the one before it goes on", "refused"
  end
  return true
end

---The stage: make the running Envoy agree with the generation on disk.
---@param input { files: table[] } the generation that was published
---@return true? ok
---@return string? err
---@return "refused"|"lost"|nil code
function supervisor:run(input)
  if not self:supervises() then
    return true
  end
  local ok, err, code = self:start()
  if ok and not self.confirmed then
    ok, err = self:await_live()
  end
  if (ok or self.mute) and self.bootstrap ~= file.read(self.bootstrap_path, MAX_BOOTSTRAP) then
    ok, err, code = self:hot_restart()
  end
  if self.mute and code ~= "refused" then
    if not self.unasked then -- once for each process
      self.unasked = true
      log.warn("envoy_unasked", { reason = err or "its admin interface does not answer" })
    end
    return true
  elseif ok and not self.confirmed then
    ok, err, code = acknowledge.wait(self.admin, input.files, {
      again = function(one)
        return file.write(self.settings.config_dir .. "/" .. one.path, one.content)
      end,
    })
    self.confirmed = ok
  end
  return ok, not ok and "supervise: " .. err or nil, code
end

---Fail health checks, ask clients to leave, and wait until requests have ceased for a while.
function supervisor:drain(deadline)
  if not (self.admin:fail_health_check() and self.admin:drain()) then
    return
  end
  local quiet_for = self.settings.stop_timeout / 5
  local quiet_since = sched.now()
  while sched.now() < deadline do
    local active = self.admin:active()
    if not active then
      return
    elseif active > 0 or next(self.processes, next(self.processes)) then
      quiet_since = sched.now() -- the old Envoy of a hot restart counts as a request
    elseif sched.now() - quiet_since >= quiet_for then
      return
    end
    sched.sleep(0.1)
  end
end

function supervisor:wait_until(done, deadline)
  while self:running() and sched.now() < deadline and not done() do
    sched.sleep(LOOK)
  end
end

---Stop Envoy within `stop_timeout` seconds: health checks fail, clients are asked to leave, running
---requests finish, then SIGTERM (which Envoy answers at once), then SIGKILL.
---@param insisted fun(): boolean true when the operator wants the end now
function supervisor:stop(insisted)
  self.stopping = true
  if not self:running() then
    return
  end
  local timeout = self.settings.stop_timeout
  local deadline = sched.now() + timeout
  log.info("draining", { seconds = timeout })
  local drained = false
  local polite = sched.spawn(function()
    -- What is left after the drain is for Envoy's own end.
    self:drain(deadline - math.min(2, timeout / 10))
    drained = true
  end)
  self:wait_until(function() return drained or insisted() end, deadline)
  polite:cancel()
  self:signal("TERM")
  self:wait_until(insisted, deadline)
  if self:running() then
    log.warn("envoy_killed", { reason = insisted() and "asked twice to stop"
      or "it did not end within STOP_TIMEOUT" })
    self:signal("KILL")
    self:wait_until(function() return false end, math.huge)
  end
  file.remove(SHARED_MEMORY:format(self.settings.envoy_base_id * 10))
end

return supervise
