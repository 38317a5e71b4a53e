--- Lets a limited number of coroutines through at a time; the others wait in order.
local sched = require "nightjar.agent.sched"

---@class Gate
---@field tokens table  a queue that holds one token for each free place
local gate = {}
gate.__index = gate

--- A gate with `limit` places.
---@param limit integer
---@return Gate
function gate.new(limit)
  assert(limit >= 1, "gate.new: a gate needs a place")
  local tokens = sched.queue()
  for _ = 1, limit do tokens:put(true) end
  return setmetatable({ tokens = tokens }, gate)
end

--- Waits for a place. The result gives it back when closed: `local place <close> = g:enter()`.
function gate:enter()
  self.tokens:take()
  return self
end

function gate:__close() self.tokens:put(true) end

return gate
