-- The agent's life: passes at their times, signals, the stop file, and the end.

local calls = require("nightjar.agent.calls")
local discover = require("nightjar.agent.discover")
local file = require("host.file")
local log = require("nightjar.log")
local outside = require("nightjar.agent.outside")
local pass = require("nightjar.agent.pass")
local pin = require("nightjar.agent.pin")
local renewal = require("nightjar.agent.renewal")
local sched = require("nightjar.agent.sched")
local state = require("nightjar.agent.state")
local supervise = require("nightjar.agent.supervise")
local tally = require("nightjar.agent.tally")

local agent = {}
agent.__index = agent

local DEBUG_FILE = "/debug.json" -- agent/debug_request.lua, loaded when there is one
local HOOK_ENDS_WITHIN = 5 -- seconds for a hook when the agent restarts in place
local STOPS = { TERM = true, INT = true, QUIT = true }

---Make the folders, sweep what a killed agent left there.
---@param settings table
---@return table? agent
---@return string? err
function agent.new(settings)
  local kept, err = state.open(settings.state_dir)
  if not kept then
    return nil, err
  end
  -- One that was there and is gone is for the pass to make: an Envoy may run that watched it.
  if not kept.accepted then
    local ok
    ok, err = file.mkdir(settings.config_dir)
    if not ok then
      return nil, err
    end
  end
  file.sweep(settings.config_dir)
  if settings.status_address then
    kept:keep_weights()
  end
  local self = setmetatable({ settings = settings, state = kept, insistence = 0,
    tally = tally.new() }, agent)
  self.supervisor = supervise.new(settings)
  self.pass = pass.new(settings, kept, self.supervisor)
  self.supervisor.before_start = function() self.pass:before_start() end
  self.calls = calls.open(settings.state_dir, function()
    local snapshot = kept.snapshot
    return discover.counts(settings), snapshot and calls.meshes(snapshot, self.pass.resting)
  end)
  self.outside = outside.new { { path = settings.trigger_stop_file },
    { path = pin.path(settings.state_dir), removal = true },
    { path = settings.state_dir .. DEBUG_FILE, removal = true } }
  -- Envoy aborts without its inotify instances; the agent can do without.
  local function give_way() return self.outside:give_way() end
  self.supervisor.give_way, self.pass.inotify.give_way = give_way, give_way
  -- What comes again after its end was told is told again.
  local function ended(event) self:over(event) end
  self.pass.ended, self.pass.warned.ended = ended, ended
  self.supervisor.ended, self.pass.task_bootstrap.ended = ended, ended
  if settings.hook then
    self.hook = require("nightjar.agent.hook").attach(self.pass, settings)
    self.hook.succeeded = function() self:over("hook_failed") end
  end
  return self
end

---Fold what the log would say again and again. Most agents never need what does that.
function agent:fold_log()
  log.through(function(level, event, fields)
    self.repeats = self.repeats or require("nightjar.agent.repeats").new()
    return self.repeats:pass(level, event, fields)
  end)
  return setmetatable({}, { __close = function()
    log.through(nil)
    self:unfold_log()
  end })
end

-- What has happened is counted, and what happens from now on is said as if for the first time.
function agent:unfold_log()
  if self.repeats then
    self.repeats:close()
  end
end

-- What the log has folded may be over; `event` is for certain.
function agent:over(event)
  if self.repeats then
    self.repeats:look(event)
  end
end

---Everything the main loop reacts to arrives in one queue.
function agent:listen()
  self.events = sched.queue()
  local signals = sched.signals()
  sched.spawn(function()
    while true do
      local name = signals:take()
      if STOPS[name] then
        self.insistence = self.insistence + 1
      end
      self.events:put({ signal = name })
    end
  end)
  local ok, err, code = file.remove(self.settings.trigger_stop_file)
  if not ok and code ~= "ENOENT" then
    log.warn("stop_file", { reason = err })
  end
  sched.spawn(function() self:watch_files() end)
end

---Tells of the stop file, and of a pin or a wish for debug that comes, goes or changes: all are set
---from elsewhere.
function agent:watch_files()
  local paths = { pin = pin.path(self.settings.state_dir),
    debug = self.settings.state_dir .. DEBUG_FILE }
  local function inode(name)
    local stat = file.stat(paths[name])
    return stat and stat.inode or nil
  end
  local known = { pin = inode("pin") } -- of debug one from before is told: it may still hold
  self.outside:watch() -- first: what comes after the look is told
  while not file.stat(self.settings.trigger_stop_file) do
    for name in pairs(paths) do
      local now = inode(name)
      if now ~= known[name] then
        known[name] = now
        self.events:put({ [name] = true })
      end
    end
    self.outside:wait()
    self.outside:watch()
  end
  self.events:put({ stop = "stop file " .. self.settings.trigger_stop_file })
end

---What an earlier agent published goes into force at once: discovery may take its time, or fail.
---What it left unfinished goes back first.
function agent:resume()
  self.pass:go_back()
  local accepted = self.state.accepted
  if not accepted or not self.supervisor:supervises() then
    return
  end
  local paths = { self.settings.envoy_configuration_file, table.unpack(accepted.paths) }
  for _, path in ipairs(paths) do
    if not file.stat(self.settings.config_dir .. "/" .. path) then
      return
    end
  end
  log.info("resumed", { generation = accepted.generation })
  self.pass:inotify_for(accepted.listeners or {})
  self.supervisor:start()
end

---Debug is asked for, or not any more.
function agent:look_at_debug()
  self.verbosity = self.verbosity or require("nightjar.agent.verbosity").new(self.settings)
  self.verbosity:look()
end

---Start a pass beside the main loop, so that a signal never waits for AWS. An error of ours costs a
---pass, like one of a policy: it must not take Envoy along.
function agent:begin_pass()
  self.outside:nudge()
  self.tally:begin()
  self.passing = sched.spawn(function()
    local ran, ok, outcome, stage = xpcall(self.pass.run, debug.traceback, self.pass)
    if not ran then
      log.error("internal_error", { reason = ok })
    end
    self.tally:finish(ran, ok, outcome, stage)
    self.events:put({ passed = ran and ok or false })
  end)
end

---An Envoy that an earlier agent left running is taken over. The rest takes its time where Envoy
---hangs: it runs beside the main loop, in the place of a pass.
function agent:begin()
  self.supervisor:take_over()
  self.passing = sched.spawn(function()
    self:resume()
    self.events:put({ resumed = true })
  end)
end

---A pass is wanted now, or as soon as the one under way has ended.
function agent:hurry()
  self.again = self.passing ~= nil
  self.due = sched.now()
end

---Restart in place. When that fails, all goes on as before.
function agent:restart()
  local task = self.passing
  local function urgent() -- the next agent would remove a stop file as one from before
    return self.insistence > 0 or file.stat(self.settings.trigger_stop_file) ~= nil
  end
  if self.hook then
    self.hook:finish(HOOK_ENDS_WITHIN, urgent)
  end
  local _, err = renewal.run {
    pass = task, supervisor = self.supervisor, urgent = urgent,
    last = function()
      self.calls:save()
      self:unfold_log()
    end,
  }
  log.error("restart_failed", { reason = err })
  if task and task.results and task.results[2] == "cancelled" then
    if self.tally.began then self.tally:give_up() end
    self.passing, self.due = nil, sched.now()
  end
end

---@return string? reason why the agent stops
---@return integer? status
function agent:on_event(event)
  if event.stop then
    return event.stop, 0
  elseif event.resumed then
    self.passing, self.again = nil, false
  elseif event.signal == "USR1" then
    self.supervisor:reopen_logs()
  elseif event.signal == "USR2" then
    self:restart()
  elseif event.signal == "HUP" then
    log.info("pass_requested", {})
    self:unfold_log() -- who asks for a pass wants to see what comes of it
    self.pass:request()
    self:hurry()
  elseif event.pin then
    self:hurry()
  elseif event.debug then
    self:look_at_debug()
  elseif event.signal then
    return "signal " .. event.signal, 0
  elseif event.passed ~= nil then
    self.passing = nil
    self.calls:passed()
    self:over(event.passed and "pass_failed" or nil)
    if self.again then
      self.again, self.due = false, sched.now()
    end
    self.due = math.min(self.due, discover.take_due(self.settings) or self.due)
    if not event.passed and self.settings.exit_on_generation_failure and not self.leaving then
      self.leaving = sched.now() + self.settings.failure_sleep
      log.error("leaving", { seconds = self.settings.failure_sleep,
        reason = "EXIT_ON_GENERATION_FAILURE is set" })
    end
  end
end

---Seconds until something is due; nil while only events can move the agent.
function agent:wait_for()
  local due = self.leaving or (not self.passing and self.due or nil)
  return due and math.max(0, due - sched.now())
end

function agent:loop()
  self.due = sched.now()
  while true do
    local event = self.events:take(self:wait_for())
    self.turned = sched.now() -- a main loop that hangs is told by it (agent/status/health.lua)
    if event then
      local reason, status = self:on_event(event)
      if reason then
        return reason, status
      end
    elseif self.leaving then
      return "a generation failed", 1
    elseif not self.passing then
      self.due = sched.now() + discover.every(self.settings)
      self:begin_pass()
    end
  end
end

---Run until stopped.
---@return integer status 0 after a signal or the stop file, 1 after a failure that ends the agent
function agent:run()
  local _ <close> = self:fold_log()
  log.info("started", {
    version = require("host.program").version, discovery = self.settings.discovery,
    member = self.settings.service_member, config_dir = self.settings.config_dir,
  })
  self:listen()
  if self.settings.status_address then
    local server = require("nightjar.agent.status.server").new(self) -- most run without
    sched.spawn(function() server:run() end)
  end
  self:begin()
  local reason, status = self:loop()
  self.stopping = reason
  log.info("stopping", { reason = reason })
  if self.passing then
    self.passing:cancel()
  end
  local insisted_before, deadline = self.insistence, sched.now() + self.settings.stop_timeout
  local function insisted() return self.insistence > insisted_before end
  self.supervisor:stop(insisted)
  if self.hook then
    self.hook:finish(deadline - sched.now(), insisted)
  end
  file.remove(self.settings.trigger_stop_file)
  self.calls:save()
  self:unfold_log()
  self.state:leave()
  log.info("stopped", { status = status })
  return status
end

return agent
