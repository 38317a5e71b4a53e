-- Tasks, and the one wait that moves them. What a task may wait for is built on `rest` and `wake`
-- by the modules beside this one; users of the scheduler require "nightjar.agent.sched".

local clock = require("host.clock")
local loop = require("host.loop")
local server = require("host.server")

local core = {}

local resume, running_thread, yield = coroutine.resume, coroutine.running, coroutine.yield

---What core.run is running at the moment; nil outside. There is one loop for each Lua state, hence
---one scheduler.
---@class Scheduler
---@field current Task? the task that has the word
---@field ready Task[] those that go on in the next turn
---@field spare Task[] empty; takes the place of `ready` while those have their turn
---@field timers Task[] those that rest until a time, the next one first
---@field tasks table<Task, true> all that are not over
---@field transfers table<integer, table> requests: id → place, which gets `event`
---@field batches table<integer, BatchPlace> batches of requests: id → place, which takes events
---@field channels table<integer, Queue> programs: id → queue of all their events
---@field exits table<integer, Task[]> programs: id → those who wait for their end
---@field signals Queue[] they all get every signal
---@field requests Queue? gets what the server is asked
---@field watches table<integer, Queue> names in folders: id → queue that gets each reason to look
---@field failure any the first error that no task caught
local running

---@class Task
---@field thread thread
---@field resting boolean whether it waits
---@field due number? when it wakes of itself
---@field joining Task[] those who wait for its end
---@field results table? what its function returned, packed; set when it is over
local task = {}
task.__index = task

---A value for a `<close>` variable: what is to be done however the block ends, be it by the task's
---being cancelled.
---@param release function
function core.guard(release)
  return setmetatable({}, { __close = release })
end

---@generic T
---@param list T[]
---@param value T
function core.remove(list, value)
  for i, entry in ipairs(list) do
    if entry == value then return table.remove(list, i) end
  end
end

---The scheduler that runs; an error if there is none.
---@return Scheduler
function core.scheduler()
  return running or error("sched: only within sched.run", 3)
end

---The running task, about to wait.
---@return Task
---@return Scheduler
function core.here()
  local self = (running or core.scheduler()).current
  if not self or running_thread() ~= self.thread then
    error("sched: cannot wait outside of a task, nor in a coroutine inside of one", 3)
  end
  return self, running
end

local function set_timer(self, at)
  local timers, place = running.timers, #running.timers
  while place > 0 and timers[place].due > at do place = place - 1 end
  self.due = at
  table.insert(timers, place + 1, self)
end

-- A timer that is not needed any more goes at once: it would wake an idle process.
local function rouse(self)
  self.resting = false
  if not self.due then return end
  core.remove(running.timers, self)
  self.due = nil
end

---Lets a task go on in the next turn; nothing if it does not rest.
---@param self Task
function core.wake(self)
  if not self.resting then return end
  rouse(self)
  local ready = running.ready
  ready[#ready + 1] = self
end

---Rests until `wake`, or until `seconds` have passed.
---@param seconds number? for ever if not given or infinite
function core.rest(seconds)
  local self = core.here()
  if seconds and seconds < math.huge then
    set_timer(self, clock.monotonic() + math.max(seconds, 0))
  end
  core.pause(self)
end

---Rests until `wake`.
---@param self Task the running one, as `here` said
function core.pause(self)
  self.resting = true
  yield()
end

local function finish(self, results)
  self.results = results
  running.tasks[self] = nil
  for _, other in ipairs(self.joining) do core.wake(other) end
end

local function fail(err)
  if running.failure == nil then running.failure = err end
end

-- Lua's own words; raised again they are that error again. Where in the code it was says nothing,
-- and a traceback would need more of what there is not.
local NO_MEMORY = "not enough memory"

local function traced(thread, err)
  if type(err) ~= "string" or err == NO_MEMORY then return err end
  return debug.traceback(thread, err)
end

-- What follows a resume, with what that returned.
local function after_step(self, ok, ...)
  running.current = nil
  if ok and self.resting then return end
  if not ok then
    fail(traced(self.thread, (...)))
    coroutine.close(self.thread) -- an error alone runs no <close>
  end
  finish(self, table.pack(...))
end

local function step(self)
  running.current = self
  after_step(self, resume(self.thread))
end

---Starts a task beside the running one, when that next waits.
---An error in it ends sched.run with that error and a traceback.
---@param fn function
---@param ... any its arguments
---@return Task
function core.spawn(fn, ...)
  local arguments = table.pack(...)
  local self = setmetatable({ joining = {}, resting = true }, task)
  self.thread = coroutine.create(function()
    return fn(table.unpack(arguments, 1, arguments.n))
  end)
  core.scheduler().tasks[self] = true
  core.wake(self)
  return self
end

---Ends the task where it waits and releases what it holds. Nothing if it is over.
function task:cancel()
  if self.results then return end
  assert(running and running.tasks[self], "sched: cancel: not a task of this run")
  assert(running.current ~= self, "sched: cancel: a task cannot cancel itself, but return")
  rouse(self)
  finish(self, { n = 2, nil, "cancelled" })
  local closed, err = coroutine.close(self.thread)
  if not closed then fail(err) end
end

---Waits for the task's end.
---@return any ... what its function returned; nil, "cancelled" if it was cancelled
function task:join()
  if not self.results then
    local waiting = core.here()
    table.insert(self.joining, waiting)
    local _ <close> = core.guard(function() core.remove(self.joining, waiting) end)
    core.rest()
  end
  return table.unpack(self.results, 1, self.results.n)
end

local function dispatch_child(self, event)
  local channel = self.channels[event.child]
  if channel then channel:put(event) end
  if event.type ~= "exit" then return end
  for _, waiting in ipairs(self.exits[event.child] or {}) do core.wake(waiting) end
end

-- Nobody waits for an answer that nobody can give.
local function dispatch_request(self, event)
  if not self.requests or not self.requests:put(event) then
    server.answer(event.id, { status = 503, headers = { ["Retry-After"] = "1" } })
  end
end

-- The most frequent first.
local function dispatch(self, event)
  local type = event.type
  if type == "http" then
    local place = self.transfers[event.id]
    if not place then return end
    place.event = event
    core.wake(place.task)
  elseif type == "batch" then
    local place = self.batches[event.id]
    if place then place:take(event) end
  elseif type == "signal" then
    for _, signals in ipairs(self.signals) do signals:put(event.signal) end
  elseif type == "watch" then
    local reasons = self.watches[event.id]
    if reasons then reasons:put(true) end
  elseif type == "request" then
    dispatch_request(self, event)
  else
    dispatch_child(self, event)
  end
end

-- Those that become ready meanwhile have their turn after the next look at the world.
local function run_ready(self)
  local batch = self.ready
  self.ready, self.spare = self.spare, batch
  for position, ready in ipairs(batch) do
    if self.failure ~= nil then return end
    batch[position] = nil
    if not ready.results then step(ready) end
  end
end

local function patience(self)
  if #self.ready > 0 then return 0 end
  if self.timers[1] then return math.max(0, self.timers[1].due - clock.monotonic()) end
  local hope = next(self.transfers) or next(self.batches) or next(self.channels)
    or next(self.exits) or self.signals[1] or next(self.watches) or self.requests
  assert(hope, "sched: all tasks wait for each other")
  return math.huge
end

local function turn(self)
  run_ready(self)
  if self.failure ~= nil or self.main.results then return end
  for _, event in ipairs(assert(loop.wait(patience(self)))) do dispatch(self, event) end
  local now = clock.monotonic()
  while self.timers[1] and self.timers[1].due <= now do core.wake(self.timers[1]) end
end

---Runs `fn(...)` and everything that it spawns, until it returns; what still runs is cancelled.
---An error in any task is raised here: a string with the task's traceback, any other value as it
---is.
---@param fn function
---@param ... any
---@return any ... what `fn` returns
function core.run(fn, ...)
  assert(not running, "sched: run: already running")
  local self = { tasks = {}, ready = {}, spare = {}, timers = {}, transfers = {}, batches = {},
    channels = {}, exits = {}, signals = {}, watches = {} }
  running = self
  do
    local _ <close> = core.guard(function()
      self.current = nil
      while next(self.tasks) do next(self.tasks):cancel() end
      for id in pairs(self.watches) do loop.unwatch(id) end
      if self.requests then server.close() end
      running = nil
    end)
    self.main = core.spawn(fn, ...)
    while self.failure == nil and not self.main.results do turn(self) end
  end
  if self.failure ~= nil then error(self.failure, 0) end
  return table.unpack(self.main.results, 1, self.main.results.n)
end

return core
