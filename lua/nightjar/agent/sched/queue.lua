-- Queues between tasks: first in, first out, on both sides.

local core = require("nightjar.agent.sched.core")

local LIMIT = 1000 -- entries

---@class Queue
---@field limit integer
---@field entries any[] those that nobody has taken
---@field takers table[] who waits; empty unless `entries` is
local queue = {}
queue.__index = queue

---A queue. It may be made, and filled, outside sched.run.
---@param limit integer? most entries; 1000 if not given
---@return Queue
function queue.new(limit)
  return setmetatable({ limit = limit or LIMIT, entries = {}, takers = {} }, queue)
end

local function hand_over(self, value, position)
  local taker = table.remove(self.takers, 1)
  if taker then
    taker.value = value
    core.wake(taker.task)
  else
    table.insert(self.entries, position, value)
  end
end

---Adds a value; never waits.
---@param value any not nil
---@return true? ok nil when the queue is full
---@return string? err
function queue:put(value)
  assert(value ~= nil, "sched: put: a queue holds no nil")
  if #self.entries >= self.limit then
    return nil, ("the queue is full (%d entries)"):format(self.limit)
  end
  hand_over(self, value, #self.entries + 1)
  return true
end

---Whether somebody waits for a value.
---@return boolean
function queue:is_awaited() return #self.takers > 0 end

---How many values nobody has taken.
---@return integer
function queue:count() return #self.entries end

---Takes the oldest value, or waits for one. Those who wait are served in their order.
---@param seconds number? how long to wait; for ever if not given
---@return any value nil when the time is over
function queue:take(seconds)
  if #self.entries > 0 then return table.remove(self.entries, 1) end
  local place = { task = core.here() }
  table.insert(self.takers, place)
  -- A value that was handed over to a task which is then cancelled goes to the next one.
  local _ <close> = core.guard(function()
    core.remove(self.takers, place)
    if place.value ~= nil then hand_over(self, place.value, 1) end
  end)
  core.rest(seconds)
  local value = place.value
  place.value = nil
  return value
end

return queue
