--- Lets a limited number of coroutines through at a time; the others wait in order.
local sched = require "nightjar.agent.sched"

---@class Gate
---@field free integer  places that nobody has
---@field waiting integer  who waits, or has been handed a place and not gone on yet
---@field tokens Queue  places that are handed over to them
local gate = {}
gate.__index = gate

-- For a wait that may be cancelled.
local WAIT = { __close = function(self) self.gate.waiting = self.gate.waiting - 1 end }

--- A gate with `limit` places.
---@param limit integer
---@return Gate
function gate.new(limit)
  assert(limit >= 1, "gate.new: a gate needs a place")
  return setmetatable({ free = limit, waiting = 0, tokens = sched.queue() }, gate)
end

--- Waits for a place. The result gives it back when closed: `local place <close> = g:enter()`.
function gate:enter()
  if self.free > 0 then
    self.free = self.free - 1
    return self
  end
  self.waiting = self.waiting + 1
  local _ <close> = setmetatable({ gate = self }, WAIT)
  -- One that was handed to somebody who was cancelled then lies there, and is taken at once.
  self.tokens:take()
  return self
end

function gate:__close()
  if self.waiting > 0 then
    self.tokens:put(true)
  else
    self.free = self.free + 1
  end
end

return gate
