-- The supervise stage: starts Envoy once its bootstrap exists, restarts it when it dies, hands over
-- to a new process when the bootstrap changes, and drains it before the end.

local acknowledge = require("nightjar.agent.acknowledge")
local admin = require("nightjar.agent.admin")
local child = require("host.child")
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
local MAX_BOOTSTRAP = 4 * 1024 * 1024

-- Envoy gets an environment of its own: nothing of the agent's credentials.
local PASSED_ON = { "PATH", "HOME", "TZ", "LANG", "LC_ALL", "TMPDIR" }

---A supervisor of one Envoy; nothing is started yet.
---@param settings table `envoy_bin` ("" for none), `envoy_admin_port`, `envoy_base_id`,
---  `envoy_log_level`, `envoy_pid_file`, `envoy_configuration_file`, `config_dir`, `state_dir`,
---  `stop_timeout`
---@return table supervisor
function supervise.new(settings)
  return setmetatable({
    settings = settings,
    admin = admin.new("127.0.0.1:" .. settings.envoy_admin_port),
    -- Envoy says here where its admin interface is: a bootstrap left by an earlier agent, or an
    -- operator's own, need not have it where the settings say.
    address_path = settings.state_dir .. "/envoy-admin-address",
    bootstrap_path = settings.config_dir .. "/" .. settings.envoy_configuration_file,
    processes = {},        -- epoch → process that has not ended yet
    epoch = -1,            -- of the newest process
    deaths = 0,            -- in a row, for the back-off
    restarts = 0,          -- since the agent started, for status
    ended = sched.queue(), -- one entry for each process that ended
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

---The admin interface when somebody answers there: our own live Envoy, or the one of the
---shared-volume deployment.
---@return table? admin
function supervisor:reachable()
  if self:supervises() and not self:running() then
    return nil
  end
  return self.admin:ready() and self.admin or nil
end

local function clean_environment(environment)
  local clean = {}
  for _, name in ipairs(PASSED_ON) do
    clean[name] = environment[name]
  end
  return clean
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

---Start a process of a given epoch and watch it.
---@return true? ok
---@return string? err
function supervisor:spawn(epoch)
  local bootstrap, problem = file.read(self.bootstrap_path, MAX_BOOTSTRAP)
  if not bootstrap then
    return nil, problem
  end
  file.remove(self.address_path)
  local process, err = child.spawn {
    argv = self:arguments(epoch), env = clean_environment(self.settings.environment or {}),
    stdin = "null", stdout = "inherit", stderr = "inherit", death_signal = "TERM",
  }
  if not process then
    return nil, "envoy: " .. self.settings.envoy_bin .. ": " .. err
  end
  self.bootstrap, self.epoch, self.started = bootstrap, epoch, sched.now()
  self.confirmed = false -- until this process is known to run the generation on disk
  self.processes[epoch] = process
  local pid = process:pid()
  log.info("envoy_started", { pid = pid, epoch = epoch, binary = self.settings.envoy_bin })
  local ok, why = file.write(self.settings.envoy_pid_file, pid .. "\n")
  if not ok then
    log.warn("envoy_pid_file", { path = self.settings.envoy_pid_file, reason = why })
  end
  sched.spawn(function()
    self:on_exit(epoch, pid, sched.exited(process))
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
  self.ended:put(epoch)
  local fields = { pid = pid, epoch = epoch, status = exit.status, signal = exit.signal }
  if not self:running() then
    file.remove(self.settings.envoy_pid_file)
  end
  if self.stopping or epoch < self.epoch then
    return log.info("envoy_ended", fields)
  end
  log.error("envoy_died", fields)
  -- The newest one is gone; an older one is on its way out and would leave nobody behind.
  self:signal("KILL")
  if sched.now() - self.started > QUIET then
    self.deaths = 0
  end
  self:restart()
end

---Start anew after the back-off, as often as it takes.
function supervisor:restart()
  repeat
    local delay = self:backoff()
    log.warn("envoy_restart", { seconds = delay, deaths = self.deaths })
    sched.sleep(delay)
    if self.stopping or self:running() then
      return
    end
    self.restarts = self.restarts + 1
    local ok, err = self:spawn(0)
    if not ok then
      log.error("envoy_not_started", { reason = err })
    end
  until ok
end

---Send a signal to every Envoy process of ours.
function supervisor:signal(name)
  for epoch, process in pairs(self.processes) do
    local ok, err = process:signal(name)
    if not ok then
      log.warn("envoy_signal", { signal = name, epoch = epoch, reason = err })
    end
  end
end

---Wait until the newest Envoy is live.
---@return true? ok
---@return string? err
function supervisor:await_live()
  local deadline, epoch = sched.now() + LIVE_WITHIN, self.epoch
  while sched.now() < deadline do
    if not self.processes[epoch] then
      return nil, "envoy: ended while it started; its log says why"
    end
    local address = (file.read(self.address_path, 256) or ""):match("^%S+:%d+$")
    if address then
      self.admin = admin.new(address)
    end
    local stats = self.admin:stats("^server\\.(state|hot_restart_epoch)$")
    if stats and stats["server.state"] == "0"
      and stats["server.hot_restart_epoch"] == tostring(epoch) then
      return true
    end
    sched.sleep(0.02)
  end
  return nil, ("envoy: not live after %d seconds"):format(LIVE_WITHIN)
end

---Start Envoy if the bootstrap is there and none runs.
---@return true? ok
---@return string? err
function supervisor:start()
  if not self:supervises() or self:running() or self.restarting then
    return true
  end
  local ok, err = self:spawn(0)
  if not ok then
    log.error("envoy_not_started", { reason = err })
    self.restarting = true
    sched.spawn(function()
      self:restart()
      self.restarting = false
    end)
    return nil, err
  end
  return true
end

---Hand over to a new Envoy, if the bootstrap on disk is one that Envoy takes.
---@return true? ok
---@return string? err
function supervisor:hot_restart()
  local checked, err = sched.exec {
    argv = { self.settings.envoy_bin, "--mode", "validate", "--config-path", self.bootstrap_path,
      "--log-level", "error", "--base-id", tostring(self.settings.envoy_base_id) },
    env = clean_environment(self.settings.environment or {}), deadline = LIVE_WITHIN,
    max_output = 64 * 1024,
  }
  if not checked or checked.status ~= 0 then
    local ok, problem = file.write(self.bootstrap_path, self.bootstrap)
    return nil, ("supervise: %s: Envoy refuses the changed bootstrap (%s); %s"):format(
      self.bootstrap_path, err or "its log says why",
      ok and "the one before it is back" or problem)
  end
  log.info("envoy_hot_restart", { epoch = self.epoch + 1 })
  local ok
  ok, err = self:spawn(self.epoch + 1)
  if not ok then
    return nil, err
  end
  return self:await_live()
end

---The stage: make the running Envoy agree with the generation on disk.
---@param input { files: table[] } the generation that was published
---@return true? ok
---@return string? err
function supervisor:run(input)
  if not self:supervises() then
    return true
  end
  local ok, err = self:start()
  if ok and not self.confirmed then
    ok, err = self:await_live()
  end
  if ok and file.read(self.bootstrap_path, MAX_BOOTSTRAP) ~= self.bootstrap then
    ok, err = self:hot_restart()
  end
  if ok and not self.confirmed then
    ok, err = acknowledge.wait(self.admin, input.files, {
      all = true,
      again = function(one)
        return file.write(self.settings.config_dir .. "/" .. one.path, one.content)
      end,
    })
    self.confirmed = ok
  end
  return ok, err
end

---Wait until requests have ceased for a while, the time is up, or somebody insists.
function supervisor:drain(deadline, insisted)
  local quiet_for = self.settings.stop_timeout / 5
  local quiet_since = sched.now()
  while sched.now() < deadline and not insisted() and self:running() do
    local active = self.admin:active()
    if not active then
      return
    elseif active > 0 then
      quiet_since = sched.now()
    elseif sched.now() - quiet_since >= quiet_for then
      return
    end
    sched.sleep(0.1)
  end
end

---Stop Envoy within `stop_timeout` seconds: health checks fail, clients are asked to leave, running
---requests finish, then SIGTERM (which Envoy answers at once), then SIGKILL.
---@param insisted fun(): boolean true when the operator wants the end now
function supervisor:stop(insisted)
  self.stopping = true
  local deadline = sched.now() + self.settings.stop_timeout
  if not self:running() then
    return
  end
  log.info("draining", { seconds = self.settings.stop_timeout })
  if self.admin:fail_health_check() and self.admin:drain() then
    -- What is left after the drain is for Envoy's own end.
    self:drain(deadline - math.min(2, self.settings.stop_timeout / 10), insisted)
  end
  self:signal("TERM")
  while self:running() and sched.now() < deadline and not insisted() do
    self.ended:take(math.min(0.1, math.max(0, deadline - sched.now())))
  end
  if self:running() then
    log.warn("envoy_killed", { reason = "it did not end within the stop time-out" })
    self:signal("KILL")
    while self:running() do
      self.ended:take(1)
    end
  end
end

return supervise
