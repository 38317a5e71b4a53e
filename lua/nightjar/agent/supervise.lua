-- The supervise stage: keeps Envoy running with the bootstrap on disk, and ends it with the agent.
-- It tells the state table (agent/lifecycle.lua) what happens and does what that says
-- (agent/deeds.lua); no state is decided here.

local acknowledge = require("nightjar.agent.acknowledge")
local admin = require("nightjar.agent.admin")
local admin_address = require("nightjar.agent.admin_address")
local backoff = require("nightjar.agent.backoff")
local bootstrap = require("nightjar.agent.bootstrap")
local clock = require("host.clock")
local deeds = require("nightjar.agent.deeds")
local file = require("host.file")
local hot_restart = require("nightjar.agent.hot_restart")
local lifecycle = require("nightjar.agent.lifecycle")
local log = require("nightjar.log")
local processes = require("nightjar.agent.processes")
local sched = require("nightjar.agent.sched")
local whose = require("nightjar.agent.whose")

local supervise = {}

local supervisor = {}
supervisor.__index = supervisor

local LOOK = 0.05 -- seconds between two looks at a state
local ROOM = 20   -- seconds for the old Envoy of a hot restart to end

-- Seconds; a spec may have less of them.
local TIMES = {
  live_within = 15, -- for a new Envoy to become live
  silence = 10,     -- of the admin interface before the listeners are asked
  terminate = 5,    -- from SIGTERM to SIGKILL in a restart
  replace = 10,     -- for requests to end before a restart that is not hot
  quiet = 60,       -- of life after which earlier crashes are forgotten
}

local UNSETTLED = { starting = true, handing_over = true, replacing = true, restarting = true,
  waiting = true }
local REPLACES = { handing_over = true, replacing = true, restarting = true }
local STARTS = { starting = true, handing_over = true }
local SILENT = { suspect = true, busy = true }

---A supervisor of one Envoy; nothing is started yet.
---@param settings table `envoy_bin` ("" for none), `envoy_admin_port`, `envoy_base_id`,
---  `envoy_log_level`, `envoy_pid_file`, `envoy_configuration_file`, `config_dir`, `state_dir`,
---  `stop_timeout`
---@param times? table seconds that a spec shortens, as in TIMES above
---@return table supervisor `state`: see agent/lifecycle.lua; `restarts`: since the agent started
function supervise.new(settings, times)
  return setmetatable({
    settings = settings,
    times = setmetatable(times or {}, { __index = TIMES }),
    admin = admin.new(admin_address.expected(settings)),
    processes = processes.new(settings),
    backoff = backoff.new(),
    state = lifecycle.first,
    since = clock.now(), -- of the state
    tasks = {},          -- what runs beside, by kind
    restarts = 0,
    starts = 0,
    deaths = {},         -- and failed starts, by their cause
    crashes = 0,         -- in a row
    lived = 0,           -- seconds, the last process that died; 0: it never came to be
    last_cause = nil,    -- of the last death or failed start (agent/cause.lua)
    problem = nil,       -- why the last start failed
    was_live = false,    -- the newest process has been live
    confirmed = false,   -- the newest process runs the generation on disk
    unasked = false,     -- it was said that the newest process cannot be asked
    busy_told = false,
    publishing = false,  -- what is on disk is not accepted yet (agent/pass.lua)
    before_start = function() end, -- of a start after a death (agent/pass.lua)
    give_way = function() end,     -- what the agent holds of inotify (agent/outside.lua)
    ended = function() end,        -- an event whose end was told (agent/agent.lua)
    stop_deadline = nil, -- when the end must have come
  }, supervisor)
end

---Tell what happened, and do what the table says.
---@param event string see lifecycle.events
---@param about any for the actions: a reason, or how a process ended
function supervisor:feed(event, about)
  local before = self.state
  local state, actions = lifecycle.step(before, event)
  self.state = state
  if state ~= before then
    self.since = clock.now()
    log.debug("envoy_state", { from = before, to = state, on = event })
  end
  for _, name in ipairs(actions) do
    deeds[name](self, about)
  end
end

---Does this agent start an Envoy at all?
function supervisor:supervises()
  return self.settings.envoy_bin ~= ""
end

---Is an Envoy of ours running?
function supervisor:running()
  return self.processes:running()
end

---Watch for the end of a process.
---@param epoch integer
---@param process Process
function supervisor:await_exit(epoch, process)
  sched.spawn(function()
    local exit = sched.exited(process)
    local event = epoch < self.processes.epoch and "old_ended" or "died"
    self.processes:remove(epoch)
    self:feed(event, { pid = process:pid(), epoch = epoch, status = exit.status,
      signal = exit.signal })
    if not self:running() then
      self:feed("gone")
    end
  end)
end

---Ask the newest Envoy how it is.
---@return "live"|"answers"|"silent"|"nobody" seen `answers`: not live yet; `silent`: the request
---  timed out; `nobody`: there is no admin interface of it
function supervisor:look()
  deeds.find_admin(self)
  local stats, _, code = self.admin:stats("^server\\.(state|hot_restart_epoch)$")
  if not stats then
    return code == "timeout" and "silent" or "nobody"
  end
  local epoch = self.processes.cold and "0" or tostring(self.processes.epoch)
  if stats["server.hot_restart_epoch"] ~= epoch or not whose.is_ours(self) then
    return "nobody" -- the process before it, or somebody else's
  end
  local state = stats["server.state"] -- 0: live, 1: draining
  return (state == "0" or state == "1") and "live" or "answers"
end

---Wait while a start or a replacement is under way, as long as a start may take; not for a program
---that cannot be started.
---@param once? boolean nor for another start after one that failed
function supervisor:settle(once)
  local deadline = sched.now() + self.times.live_within + self.times.replace
  while UNSETTLED[self.state] and not self.problem and sched.now() < deadline
    and not (once and self.state == "waiting")
    and not (STARTS[self.state] and sched.now() > self.started + self.times.live_within) do
    sched.sleep(LOOK)
  end
end

---The admin interface when somebody answers there: our own Envoy, for which a start that is under
---way is waited for, or the one of the shared-volume deployment. After a death the next start is
---waited for too, so that it starts from what was accepted; not so where each start fails: what is
---published next may be what mends it.
---@return table? admin
function supervisor:reachable()
  if not self:supervises() then
    return self.admin:ready() and self.admin or nil
  elseif not self:running() and (self.state ~= "waiting" or self.crashes > 2) then
    return nil
  end
  self:settle()
  if self.state == "suspect" or self.state == "fallen_back" or not self:running() then
    return nil
  end
  local seen = self:look()
  if seen == "live" or seen == "silent" then
    self:feed(seen)
  end
  return seen == "live" and self.admin or nil
end

---Have Envoy judge a bootstrap that is not in place yet.
---@param one { path: string, content: string }
---@return true? ok
---@return string? err
---@return string? code see agent/bootstrap.lua
function supervisor:check(one)
  return bootstrap.check(one.content, one.path, self.settings)
end

---Have every Envoy process of ours reopen its log files.
function supervisor:reopen_logs()
  deeds.reopen_logs(self)
end

---Take over an Envoy that an agent before this one left running, if there is one.
function supervisor:take_over()
  if not self:supervises() then
    return
  end
  local epochs, problem = self.processes:take_over()
  self.started, self.was_live = sched.now(), true
  for _, epoch in ipairs(epochs) do
    self:await_exit(epoch, self.processes.list[epoch].process)
  end
  if #epochs > 0 then
    log.info("envoy_taken_over", { pid = self.processes:newest():pid(),
      epoch = self.processes.epoch, base_id = self.processes.base_id })
    if self.processes.base_id ~= self.settings.envoy_base_id then
      log.warn("envoy_base_id", { reason = "Envoy runs with another one; the setting is for the "
        .. "next that starts alone", running = self.processes.base_id })
    end
    self:feed("taken")
  elseif problem then
    log.error("envoy_not_taken_over", { pid = self.processes.stranger.pid, reason = problem,
      help = "it is asked to end, so that a new one can start" })
    deeds.find_admin(self)
    if not whose.other(self.admin, self.processes.address_path) then
      self.admin:request("POST", "/quitquitquit")
    end
    self:feed("not_spawned")
  else
    self.processes:forget()
  end
end

---Make ready for the next agent in this process (child.become): wait, within bounds, until no
---replacement is under way.
---@param insisted fun(): boolean true when there is something more urgent
function supervisor:hand_on(insisted)
  local deadline = sched.now() + self.times.live_within
  while REPLACES[self.state] and sched.now() < deadline and not insisted() do
    sched.sleep(LOOK)
  end
  if self.processes:newest() then
    self.processes:save()
  end
end

---Why Envoy is not as it should be.
---@return string
function supervisor:trouble()
  if self.problem then
    return self.problem
  elseif SILENT[self.state] then
    return "envoy: its admin interface is silent"
  elseif self:running() then
    return ("envoy: not live after %d seconds"):format(self.times.live_within)
  end
  return "envoy: ended while it started; its log says why"
end

---Start Envoy if none was started yet.
---@return true? ok
---@return string? err
function supervisor:start()
  if not self:supervises() then
    return true
  end
  self:feed("start")
  return not self.problem or nil, self.problem
end

---Wait until the hot restart before this one is over: a third Envoy ends the first at once, with
---the connections that it still drains (tried: 1.40).
function supervisor:await_room()
  local deadline = sched.now() + ROOM
  while self.processes:count() > 1 do
    if sched.now() >= deadline then
      self.processes:signal("KILL", "older")
    end
    sched.sleep(LOOK)
  end
end

---Why the next Envoy cannot take over from this one while it serves.
---@return string? reason
function supervisor:cold()
  if self.state == "fallen_back" then
    return "the hand-over before this one failed" -- Envoy refuses another: "still initializing"
  end
  return self.processes.cold or hot_restart.obstacle(self.processes.base_id)
end

---Bring the bootstrap on disk into force.
---@return true? ok
---@return string? err
---@return "refused"|nil code the new process failed; the old one goes on, or none is there
function supervisor:renew()
  local reason = self:cold()
  if not reason then
    self:await_room()
  end
  local before = self.state
  self:feed(reason and "changed_cold" or "changed", reason)
  self:settle(before ~= "waiting") -- the next start is to be one of the bootstrap before
  if self.state == "fallen_back" and before ~= "fallen_back" then
    return nil, "envoy: the new process ended; the one before it goes on", "refused"
  elseif self.state == "waiting" and before ~= "waiting" then
    return nil, self:trouble(), "refused"
  elseif self.state == "live" or self.state == "mute" then
    return true
  end
  return nil, self:trouble()
end

-- What Envoy has not acknowledged must not pass for accepted because a later pass finds it on disk.
local function is_new(input)
  return input.done ~= nil and not input.accepted
end

---Why nothing can be put before Envoy now: it would not be known whether it takes it.
---@return string? reason nil: nothing stands in the way
function supervisor:silence()
  return SILENT[self.state] and self:trouble() or nil
end

local function ports_of(input)
  local ports = {}
  for i, listener in ipairs(input.plan and input.plan.listeners or {}) do
    ports[i] = listener.port
  end
  table.sort(ports)
  return ports
end

-- Have Envoy say that it runs what was published, if it can be asked.
function supervisor:confirm(input)
  if self.state == "mute" or self.state == "fallen_back" then
    if not self.unasked then -- once for each process
      deeds.tell_mute(self)
    end
    return true
  elseif SILENT[self.state] and not is_new(input) then
    return true
  elseif SILENT[self.state] then
    return nil, self:trouble(), "lost"
  elseif self.state ~= "live" then
    return nil, self:trouble()
  elseif self.confirmed then
    return true
  end
  local ok, err, code, refused = acknowledge.wait(self.admin, input.files, {
    again = function(one)
      return file.write(self.settings.config_dir .. "/" .. one.path, one.content)
    end,
  })
  self.confirmed = ok
  return ok, err, code, refused
end

---The stage: make the running Envoy agree with the generation on disk.
---@param input { files: table[], plan: table?, done: table?, accepted: boolean? } the generation
---  that was published; `accepted`: it is the one in force
---@return true? ok
---@return string? err
---@return "refused"|"lost"|nil code
---@return table[]? refused the files to which Envoy said no
function supervisor:run(input)
  if not self:supervises() then
    return true
  end
  self.processes:keep_ports(ports_of(input))
  self:start()
  self:settle()
  local ok, err, code, refused = true, nil, nil, nil
  if self:running() and not SILENT[self.state] and self.processes:outdated() then
    ok, err, code = self:renew()
  end
  if ok then
    ok, err, code, refused = self:confirm(input)
  end
  return ok, not ok and "supervise: " .. err or nil, code, refused
end

---Until when requests may finish.
---@return number
function supervisor:drain_deadline()
  local timeout = self.settings.stop_timeout
  if self.stop_deadline then
    return self.stop_deadline - math.min(2, timeout / 4) -- the rest is for Envoy's own end
  end
  return sched.now() + math.min(self.times.replace, timeout)
end

---Stop Envoy within `stop_timeout` seconds: health checks fail, clients are asked to leave, running
---requests finish, then SIGTERM (which Envoy answers at once), then SIGKILL.
---@param insisted fun(): boolean true when the operator wants the end now
function supervisor:stop(insisted)
  if not self:supervises() then
    return
  end
  local timeout = self.settings.stop_timeout
  self.stop_deadline = sched.now() + timeout
  if self:running() then
    log.info("draining", { seconds = timeout })
  end
  self:feed("stop")
  while self.state ~= lifecycle.last do
    if insisted() then
      self:feed("insist", "asked twice to stop")
    elseif sched.now() >= self.stop_deadline then
      self:feed("insist", "it did not end within STOP_TIMEOUT")
    end
    if self.state ~= lifecycle.last then
      sched.sleep(LOOK)
    end
  end
end

return supervise
