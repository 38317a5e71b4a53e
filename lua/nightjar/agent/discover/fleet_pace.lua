--- When a follower of a fleet looks: after its leader's writes, in quiet times after each second.
---
--- Agents that pass equally often keep their distance in time, so one pass that comes early is
--- enough to be in step. A follower then has a change half a pass sooner, on average, and may leave
--- out a look without having it later than an agent that looks at any moment of each pass.
local pace = {}
pace.__index = pace

-- A pass must be longer than the whole seconds in which a store tells how old an object is.
local LEAST_EVERY = 5
-- After the write: one second and this part of a pass at most, jittered, so that not all followers
-- look at once; as far from it as the second is still in step.
local AFTER, SPREAD, REACH = 1, 1 / 15, 1 / 10
-- How often a follower tries to come into step with a leader, as the first write of one that has
-- waited for the lead says nothing of its next; and passes before which it does not try once more
-- after that, as one that takes longer than its passes should take is never where it is expected.
local TRIES, PATIENCE = 2, 10
-- Looks that must have brought nothing new before one is left out, or one more: changes come in
-- rows, and in each pass half of the followers are to look.
local QUIET = 4

--- Looks of a follower in a pass, while nothing changes.
---@param every number  seconds between two passes
---@return number
function pace.looks(every) return every < LEAST_EVERY and 1 or 1 / 2 end

--- The pace of one namespace.
---@param context AwsWorld  uses monotonic, random
---@param every number  seconds between two passes
---@return FleetPace
function pace.new(context, every)
  return setmetatable({ context = context, every = every, quiet = 0, tries = 0,
    wanted = QUIET + math.floor(2 * context.random()) }, pace)
end

-- Whether the leader has left out a service: it may be one that another agent could read.
local function is_whole(record)
  for _, service in ipairs(record.services) do
    if service.stale or service.error then return false end
  end
  return true
end

-- A pass that comes early, just after the next write of this leader.
function pace:move(leader, age, now)
  if leader ~= self.leader then self.leader, self.tries = leader, 0 end
  if self.tries >= TRIES and now - self.moved_at < PATIENCE * self.every then return end
  self.tries, self.moved_at = self.tries + 1, now
  self.due = now + math.max(0, self.every - age) + AFTER
    + self.context.random() * SPREAD * self.every
end

--- A look has found the leader's reading, which is followed.
---@param sight FleetSight
function pace:saw(sight)
  local now, record = self.context.monotonic(), sight.record
  self.quiet = record == self.record and self.quiet + 1 or 0
  self.record = record
  if self.every < LEAST_EVERY or record.every ~= self.every then return end
  if sight.age > AFTER + REACH * self.every then
    return self:move(record.leader, sight.age, now)
  end
  if self.quiet >= self.wanted and is_whole(record) then self.sight, self.at = sight, now end
end

--- When the next pass should begin; said once, so that it can bring no more than one.
---@return number? time  by the monotonic clock
function pace:take_due()
  local due = self.due
  self.due = nil
  return due
end

--- Whether this pass does without a look. Each pass asks, before it looks; two that follow each
--- other never both do without.
---@param requested boolean?  an operator asks for this pass
---@return FleetSight? sight  what the last look found, older by now; nil: look
function pace:skips(requested)
  local sight, passed = self.sight, self.context.monotonic() - (self.at or 0)
  self.due, self.sight = nil, nil
  -- One who stood still, or whose pass took long, has missed more than one write.
  if not sight or requested or passed > 1.5 * self.every then return nil end
  local seconds = math.floor(passed)
  return { record = sight.record, age = sight.age + seconds, date = sight.date + seconds }
end

return pace
