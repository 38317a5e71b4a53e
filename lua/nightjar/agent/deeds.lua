-- What agent/lifecycle.lua names as actions, each a function of the supervisor. What takes time
-- runs beside, and tells the supervisor of its end as an event.

local admin = require("nightjar.agent.admin")
local admin_address = require("nightjar.agent.admin_address")
local cause = require("nightjar.agent.cause")
local drain = require("nightjar.agent.drain")
local envoy = require("nightjar.agent.envoy")
local file = require("host.file")
local hot_restart = require("nightjar.agent.hot_restart")
local inotify = require("nightjar.agent.inotify")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")
local whose = require("nightjar.agent.whose")

local deeds = {}

local LOOK = 0.05 -- seconds between two looks at a process
local LOOK_LATER = 1 -- and at one that is late, or silent
local WATCHED = { starting = true, handing_over = true }
-- Failures of a request that show no life; a reset or a wrong protocol is an answer too.
local NO_LIFE = { connect = true, timeout = true, resolve = true }

-- At most one of each kind of task; one that is over may be replaced by what it began itself.
local function beside(self, kind, fn)
  local task = self.tasks[kind]
  if task and task.thread ~= coroutine.running() then
    task:cancel()
  end
  local new
  new = sched.spawn(function()
    fn()
    if self.tasks[kind] == new then
      self.tasks[kind] = nil
    end
  end)
  self.tasks[kind] = new
end

-- Why the newest process is no more, or never came to be.
local function note(self, name)
  self.last_cause, self.deaths[name] = name, (self.deaths[name] or 0) + 1
end

local function start(self, epoch)
  local process, err, code = self.processes:spawn(epoch)
  if not process then
    local name = cause.of_start(code)
    self.problem, self.crashes, self.lived = "envoy: " .. err, 0, 0
    note(self, name)
    log.error(cause.list[name].event, { reason = err, help = cause.list[name].help })
    return self:feed("not_spawned")
  end
  self.starts = self.starts + 1
  self.problem, self.started, self.was_live, self.confirmed = nil, sched.now(), false, false
  self.unasked, self.busy_told, self.other = false, false, nil
  self:await_exit(epoch, process)
  deeds.watch(self)
end

function deeds.spawn(self)
  start(self, 0)
end

function deeds.spawn_beside(self)
  local epoch = self.processes.epoch + 1
  log.info("envoy_hot_restart", { epoch = epoch })
  start(self, epoch)
end

function deeds.watch(self)
  local epoch = self.processes.epoch
  beside(self, "watch", function()
    local deadline, answered = self.started + self.times.live_within, false
    while WATCHED[self.state] and self.processes.epoch == epoch do
      local seen = self:look()
      answered = answered or seen == "answers"
      local late = sched.now() >= deadline
      if seen == "live" then
        return self:feed("live")
      elseif late and not answered then
        return self:feed(seen == "silent" and "silent" or "late")
      end
      sched.sleep(late and LOOK_LATER or LOOK)
    end
  end)
end

function deeds.settle(self)
  self.was_live, self.problem = true, nil
end

function deeds.back_off(self)
  local seconds, deaths = self.backoff:pause(self.lived)
  log.warn("envoy_restart", { seconds = ("%.2f"):format(seconds), deaths = deaths })
  beside(self, "back_off", function()
    sched.sleep(seconds)
    -- Killed, but not gone yet; or what it must not start from is still on disk.
    while self.processes:running() or self.publishing do
      sched.sleep(LOOK)
    end
    self.restarts = self.restarts + 1
    self.before_start()
    self:feed("due")
  end)
end

---Does anything at a port say anything? Envoy answers any request with some status.
local function is_alive(port)
  local answer, err = sched.http {
    method = "GET", url = ("http://127.0.0.1:%d/"):format(port), connect_timeout = 1, timeout = 2,
    headers = { connection = "close" },
  }
  return answer ~= nil or not NO_LIFE[err.kind]
end

function deeds.probe(self)
  local deadline = sched.now() + self.times.silence
  if not self.busy_told then
    log.warn("envoy_silent", { reason = "its admin interface does not answer in time" })
  end
  beside(self, "probe", function()
    while self.state == "suspect" and sched.now() < deadline do
      if self:look() ~= "silent" then
        return self:feed("live")
      end
      sched.sleep(math.min(LOOK_LATER, math.max(0, deadline - sched.now())))
    end
    local alive = false
    for _, one in ipairs(sched.all(self.processes.ports, 4, is_alive)) do
      alive = alive or one
    end
    self:feed(alive and "serves" or "hangs")
  end)
end

function deeds.drain(self)
  local processes = self.processes
  local deadline = self:drain_deadline()
  beside(self, "drain", function()
    drain.run {
      admin = function()
        self:look() -- finds where its admin interface is
        return whose.admin(self)
      end,
      deadline = deadline, quiet = self.settings.stop_timeout / 5,
      single = function() return processes:count() < 2 end,
      -- In the midst of a hot restart the admin interface is on its way to the new process.
      expected = function()
        return processes:count() > 1 and sched.now() < self.started + self.times.live_within
      end,
    }
    self:feed("drained")
  end)
end

function deeds.terminate(self)
  self.processes:signal("TERM")
  if not self.processes:running() then
    return self:feed("gone")
  end
  beside(self, "terminate", function()
    sched.sleep(self.times.terminate)
    if self.state == "restarting" then
      log.warn("envoy_killed", { reason = "it did not end on SIGTERM" })
      self.processes:signal("KILL")
    end
  end)
end

function deeds.kill(self)
  self.processes:signal("KILL")
  if not self.processes:running() then
    self:feed("gone")
  end
end

function deeds.kill_newest(self)
  self.processes:signal("KILL", "newest")
end

function deeds.fall_back(self)
  self.processes:fall_back()
  self.was_live, self.unasked = true, false
end

---SIGUSR1 to each process, to one that starts as soon as it listens for that.
---@param self table supervisor
function deeds.reopen_logs(self)
  local deadline = sched.now() + self.times.live_within
  beside(self, "reopen_logs", function()
    local all = self.processes:reopen_logs()
    while not all and sched.now() < deadline do
      sched.sleep(LOOK)
      all = self.processes:reopen_logs(true)
    end
  end)
end

function deeds.leave(self)
  file.remove(hot_restart.shared_memory(self.processes.base_id))
  self.processes:forget()
  for _, task in pairs(self.tasks) do
    if task.thread ~= coroutine.running() then
      task:cancel()
    end
  end
end

---Log a death; a status of 1 before it was live is looked into: Envoy says that for a bootstrap it
---refuses as well as for a port in use.
function deeds.tell_death(self, ended)
  local facts = { status = ended.status, signal = ended.signal, was_live = self.was_live }
  -- Envoy aborts where it gets no inotify instance; its own are free again.
  local short = ended.signal == "ABRT" and inotify.shortage(#self.processes.ports) or nil
  facts.inotify_short = short ~= nil
  if short then
    self.give_way()
  end
  local function tell()
    local name = cause.of_end(facts)
    note(self, name)
    self.crashes = cause.is_crash(name) and self.crashes + 1 or 0
    log.error(cause.list[name].event, {
      pid = ended.pid, epoch = ended.epoch, status = ended.status, signal = ended.signal,
      reason = facts.refusal or facts.other, help = short and "on the host: " .. short.sysctl
        or cause.list[name].help,
    })
    if self.crashes >= cause.LOOP then
      log.error("envoy_crash_loop", { count = self.crashes, last = ended.signal
        and "signal " .. ended.signal or "status " .. (ended.status or "unknown"),
        help = "each start fails alike; Envoy's own log says where" })
    end
  end
  self.lived = sched.now() - self.started
  if self.lived > self.times.quiet then
    self.crashes = 0
  end
  if cause.of_end(facts) ~= "start" then
    return tell()
  end
  beside(self, "diagnosis", function()
    local _, reason, code = envoy.validate(self.settings.envoy_bin,
      self.processes.bootstrap_path, self.settings)
    facts.refusal = code == "refused" and reason or nil
    -- Nobody of ours is left who could answer there.
    facts.other = whose.there(admin.new(admin_address.expected(self.settings)))
    tell()
  end)
end

function deeds.tell_end(_, ended)
  log.info("envoy_ended", { pid = ended.pid, epoch = ended.epoch, status = ended.status,
    signal = ended.signal })
end

function deeds.tell_handover(_, ended)
  log.error("envoy_handover_failed", { pid = ended.pid, epoch = ended.epoch,
    status = ended.status, signal = ended.signal, help = "the one before it goes on; see its log" })
end

function deeds.tell_mute(self)
  self.unasked = true
  log.warn("envoy_unasked",
    { reason = "envoy: " .. (self.other or "its admin interface does not answer") })
end

function deeds.tell_hang(self)
  self.crashes, self.lived = 0, sched.now() - self.started
  note(self, "hang")
  log.error("envoy_hangs", { pid = self.processes:newest():pid(),
    reason = "neither its admin interface nor its listeners answer; it is killed",
    help = "a stopped process, or a machine short of CPU or memory" })
end

function deeds.tell_busy(self)
  if not self.busy_told then
    self.busy_told = true
    log.warn("envoy_busy", { reason = "its admin interface is silent, but its listeners answer",
      help = "nothing is done while it serves; changes wait" })
  end
end

function deeds.tell_answers(self)
  self.busy_told = false
  log.info("envoy_answers", {})
  self.ended("envoy_silent")
  self.ended("envoy_busy")
end

function deeds.tell_cold(_, reason)
  log.warn("envoy_cold_restart", { reason = reason or "it is not live" })
end

function deeds.tell_kill(_, reason)
  log.warn("envoy_killed", { reason = reason })
end

---The admin interface at the address that Envoy wrote, or else at the one of the settings.
---@param self table supervisor
function deeds.find_admin(self)
  local address = admin_address.read(self.settings.state_dir)
  if address then
    self.admin = admin.new(address)
  end
end

return deeds
