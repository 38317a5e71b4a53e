-- Coroutines over the host's one wait: code that waits reads as straight-line code.
--
--   sched.run(function()
--     sched.spawn(beat)                                    -- runs beside
--     local answer, err = sched.http { url = url, timeout = 5 }
--     local ending = sched.exited(process)
--     sched.sleep(0.5)
--   end)
--
-- A function run by sched.run or sched.spawn is a task. Tasks give way to each other only in the
-- functions that wait (sleep, all, join, take, http, batch, exec, exited); between two of these a
-- task is alone in the world. All waiting is done by host.loop, so while nothing happens nothing
-- wakes but timers. What a waiting task holds is let go of when the task is cancelled: its request
-- is given up, its program killed.

local batch = require("nightjar.agent.sched.batch")
local clock = require("host.clock")
local core = require("nightjar.agent.sched.core")
local exec = require("nightjar.agent.sched.exec")
local http = require("host.http")
local loop = require("host.loop")
local queue = require("nightjar.agent.sched.queue")
local server = require("host.server")

local sched = {
  run = core.run,
  spawn = core.spawn,
  queue = queue.new,
  exec = exec,
  batch = batch,
  now = clock.monotonic, -- seconds that never jump
}

local SIGNALS = { "TERM", "INT", "QUIT", "HUP", "USR1", "USR2" }

---@param seconds number
function sched.sleep(seconds)
  core.rest(assert(seconds, "sched: sleep: expected seconds"))
end

---Calls `fn(element, index)` for each element, at most `limit` at a time, and waits for all. A
---single element needs nobody beside it: that is done in the caller's own task.
---@generic T, R
---@param list T[]
---@param limit integer
---@param fn fun(element: T, index: integer): R
---@return R[] results in the list's order; the first result of each call
function sched.all(list, limit, fn)
  assert(limit >= 1, "sched: all: expected a limit of at least 1")
  if #list == 1 then return { (fn(list[1], 1)) } end
  local results, at, crew = {}, 0, {}
  local _ <close> = core.guard(function()
    for _, worker in ipairs(crew) do worker:cancel() end
  end)
  for i = 1, math.min(limit, #list) do
    crew[i] = core.spawn(function()
      while at < #list do
        at = at + 1
        local index = at
        results[index] = (fn(list[index], index))
      end
    end)
  end
  for _, worker in ipairs(crew) do worker:join() end
  return results
end

-- A request under way is its own `<close>` value: what is made at each request is made thousands of
-- times a pass.
local PLACE = { __close = function(place)
  place.transfers[place.id] = nil
  if not place.event then http.cancel(place.id) end
end }

---Makes an HTTP request and waits for its response.
---@param request HttpRequest see lua/meta/host/http.lua
---@return {status: integer, headers: table<string, string>?, body: string?, known: true?}? response
---@return {kind: string, message: string}? err
function sched.http(request)
  local waiting, scheduler = core.here()
  local id, message, code = http.start(request)
  if not id then return nil, { kind = code or "request", message = message } end
  local transfers = scheduler.transfers
  local place <close> = setmetatable({ task = waiting, id = id, transfers = transfers,
    event = nil }, PLACE)
  transfers[id] = place
  core.pause(waiting)
  local event = place.event
  if event.error then return nil, event.error end
  return event
end

---Waits until a process of host.child has ended.
---@param process Process
---@return {status: integer?, signal: string?} ending one of the two
function sched.exited(process)
  local waiting, exits, id = core.here(), core.scheduler().exits, process:id()
  while not process:status() do
    local waiters = exits[id] or {}
    exits[id] = waiters
    table.insert(waiters, waiting)
    local _ <close> = core.guard(function()
      core.remove(waiters, waiting)
      if #waiters == 0 then exits[id] = nil end
    end)
    core.rest()
  end
  return process:status()
end

---Receives signals of the process from now on, instead of being ended by them.
---@param names string[]? TERM, INT, QUIT, HUP, USR1 and USR2 if not given
---@return Queue queue of names: "TERM"
function sched.signals(names)
  local signals = queue.new()
  assert(loop.signals(names or SIGNALS))
  table.insert(core.scheduler().signals, signals)
  return signals
end

---Serves readers on this host from now on (lua/meta/host/server.lua) until `sched.unserve`. Each
---request is to be answered, by host.server's `answer`; beyond what the queue holds it is the
---scheduler that does, with 503.
---@param options ServerOptions
---@param limit integer? requests that wait at once
---@return Queue? requests
---@return integer|string port or what stands in the way
---@return string? code
function sched.serve(options, limit)
  local port, err, code = server.open(options)
  if not port then return nil, err, code end
  local requests = queue.new(limit)
  core.scheduler().requests = requests
  return requests, port
end

---Serves nobody any more.
function sched.unserve()
  core.scheduler().requests = nil
  server.close()
end

---Puts `true` in a queue each time a name may have come into its folder, until `sched.unwatch`.
---A queue of one entry suffices: several reasons to look are one.
---@param path string the name is its last part
---@param reasons Queue
---@param options {removal: boolean?}? `removal`: also when the name goes
---@return integer? id
---@return string? err
---@return string? code see lua/meta/host/loop.lua
function sched.watch(path, reasons, options)
  local watches = core.scheduler().watches
  local id, err, code = loop.watch(path, options)
  if not id then return nil, err, code end
  watches[id] = reasons
  return id
end

---Ends a watch.
---@param id integer
function sched.unwatch(id)
  core.scheduler().watches[id] = nil
  loop.unwatch(id)
end

return sched
