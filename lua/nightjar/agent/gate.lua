--- Lets a limited number of coroutines through at a time; the others wait in order.
local sched = require "nightjar.agent.sched"

---@class Gate
---@field limit integer  places
---@field free integer  those that nobody has
---@field tokens Queue  those that are handed over to who waits
---@field eager Places?  who takes what nobody waits for
local gate = {}
gate.__index = gate

---@class Places  several places of a gate, given back when closed
---@field count integer
---@field most integer  it takes no more
---@field widen fun()?  to be set: called when there is one more
local places = {}
places.__index = places

function places:__close()
  local from = self.gate
  if from.eager == self then from.eager = nil end
  for _ = 1, self.count do from:__close() end
end

-- Whether it takes a place that became free.
function places:takes()
  if not self.widen or self.count >= self.most then return false end
  self.count = self.count + 1
  self.widen()
  return true
end

--- Gives back all but so many, and takes no other one from then on.
---@param count integer
function places:narrow(count)
  local from = self.gate
  if from.eager == self then from.eager = nil end
  for _ = count + 1, self.count do
    self.count = self.count - 1
    from:__close()
  end
end

--- A gate with `limit` places.
---@param limit integer
---@return Gate
function gate.new(limit)
  assert(limit >= 1, "gate.new: a gate needs a place")
  return setmetatable({ limit = limit, free = limit, tokens = sched.queue(), eager = nil }, gate)
end

--- Waits for a place. The result gives it back when closed: `local place <close> = g:enter()`.
function gate:enter()
  if self.free > 0 then
    self.free = self.free - 1
  else
    -- One that was handed to somebody who was cancelled then lies there, and is taken at once.
    self.tokens:take()
  end
  return self
end

--- Waits for a place and takes, for one who can use several, what is free besides. What becomes
--- free later, and nobody waits for, comes to them too.
---@param first integer  no more at first; at least 1
---@param most integer  no more later
---@return Places  to be closed
function gate:enter_many(first, most)
  self:enter()
  while self.tokens:count() > 0 do -- as above
    self.tokens:take()
    self.free = self.free + 1
  end
  local more = math.min(self.free, first - 1)
  self.free = self.free - more
  local many = setmetatable({ gate = self, count = 1 + more, most = most, widen = nil }, places)
  self.eager = self.eager or many
  return many
end

function gate:__close()
  if self.tokens:is_awaited() then
    self.tokens:put(true)
  elseif not (self.eager and self.eager:takes()) then
    self.free = self.free + 1
  end
end

return gate
