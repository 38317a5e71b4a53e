--- When a follower tries to lead in place of an agent that cannot read all.
---
--- Another agent may be able to: it may have rights that the leader lacks. One that could not read
--- it either has others wait, longer each time, so that what nobody can read costs no more than a
--- reading now and then.
local sights = require "nightjar.agent.discover.fleet_sight"

local relief = {}
relief.__index = relief

-- How likely an agent tries in one pass, so that not all of them do at once.
local CHANCE = 0.1
-- Passes to wait after a change of leaders that has not helped, twice as many after each, jittered.
local LEAST_REST, MOST_REST = 4, 128

---@class FleetRelief
---@field is_open boolean  something is not read, and this agent may try: it looks in each pass

--- For one namespace.
---@param context AwsWorld  uses monotonic, random
---@param every number  seconds between two passes
---@return FleetRelief
function relief.new(context, every)
  return setmetatable({ context = context, every = every, rest = LEAST_REST,
    rest_until = -math.huge, unread = {}, is_open = false }, relief)
end

-- Whether the record lacks anything, and whether it has for longer than data are used without a
-- leader. How old last good data are says the record; of what never was read this agent remembers
-- since when it has seen so.
function relief:lacks(sight)
  local now, before, most = self.context.monotonic(), self.unread, sights.usable(self.every)
  local any, long = false, false
  self.unread = {}
  for _, service in ipairs(sight.record.services) do
    local age
    if service.stale then
      age = sight.date - service.read_at
    elseif service.error then
      self.unread[service.id] = before[service.id] or now
      age = now - self.unread[service.id]
    end
    any, long = any or age ~= nil, long or (age or 0) > most
  end
  return any, long
end

-- Leaves it to others for a while.
function relief:rests()
  self.rest_until = self.context.monotonic()
    + self.rest * self.every * (0.5 + self.context.random())
  self.rest = math.min(2 * self.rest, MOST_REST)
end

--- This agent leads now: whoever does next leads in its place, also who did before.
function relief:leads() self.leader = "" end

--- Whether to try now. Each look that finds a leader asks.
---@param sight FleetSight  with a record of services
---@return boolean
function relief:is_due(sight)
  local any, long = self:lacks(sight)
  local leader = sight.record.leader
  if not any then
    self.leader, self.rest, self.rest_until = nil, LEAST_REST, -math.huge
  elseif not self.leader or long and leader ~= self.leader then
    if self.leader then self:rests() end -- the other one cannot read it either
    self.leader = leader
  end
  local may = self.context.monotonic() >= self.rest_until
  self.is_open = any and may
  local is_due = long and may and self.context.random() < CHANCE
  -- Where it helps that is forgotten.
  if is_due then self:rests() end
  return is_due
end

return relief
