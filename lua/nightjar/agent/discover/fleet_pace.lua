--- When the agents of a fleet pass, and when a follower looks: after its leader's writes, and in
--- quiet times after each second.
---
--- Agents that pass equally often keep their distance in time, so one pass that comes early is
--- enough to be in step. A follower then has a change half a pass sooner, on average, and may leave
--- out a look: half of all followers look in each pass. As all pass a tenth more often than an
--- agent that reads alone would, two of their passes, with what a reading and a look take, are no
--- longer than two of its.
local pace = {}
pace.__index = pace

-- What the agents of a fleet make of REFRESH_TIME.
local SHARE = 0.9
-- Of REFRESH_TIME: it must be longer than the whole seconds in which a store tells how old an
-- object is; and for a look to be left out, what is gained in two passes must be more than the
-- other one comes late.
local LEAST_IN_STEP, LEAST_SELDOM = 5, 25
-- After the write: one second and this part of a pass at most, jittered, so that not all followers
-- look at once; one more, as the store tells whole seconds, is still in step.
local AFTER, SPREAD, REACH = 1, 1 / 15, 1
-- How often a follower tries to come into step with a leader, as the first write of one that has
-- waited for the lead says nothing of its next; and passes before which it does not try once more
-- after that, as one that takes longer than its passes should take is never where it is expected.
local TRIES, PATIENCE = 2, 10
-- Changes come in rows: until so many looks have brought nothing new no look is left out. What that
-- takes more is bounded, for a mesh that changes all the time: a follower has looks to spend, some
-- to begin with, one more every twenty-five passes, and never more than these.
local QUIET, FIRST, EARN, MOST = 4, 2, 1 / 25, 5

--- Seconds between two passes of an agent in a fleet.
---@param refresh_time number
---@return number
function pace.between(refresh_time) return SHARE * refresh_time end

--- Looks of a follower in a pass, while nothing changes.
---@param refresh_time number
---@return number
function pace.looks(refresh_time) return refresh_time < LEAST_SELDOM and 1 or 1 / 2 end

--- The pace of one namespace.
---@param context AwsWorld  uses monotonic, random
---@param refresh_time number
---@return FleetPace
function pace.new(context, refresh_time)
  return setmetatable({ context = context, every = pace.between(refresh_time), quiet = 0,
    tries = 0, is_in_step = refresh_time >= LEAST_IN_STEP,
    is_seldom = refresh_time >= LEAST_SELDOM, is_spare = context.random() < 0.5,
    saved = FIRST }, pace)
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
---@param is_open boolean?  no look is left out: this agent may have to lead soon
function pace:saw(sight, is_open)
  local now, record = self.context.monotonic(), sight.record
  self.quiet = record == self.record and self.quiet + 1 or 0
  self.record = record
  if not self.is_in_step or record.every ~= self.every then return end
  if sight.age > AFTER + SPREAD * self.every + REACH then
    return self:move(record.leader, sight.age, now)
  end
  if not is_open then self.sight, self.at = sight, now end
end

--- When the next pass should begin; said once, so that it can bring no more than one.
---@return number? time  by the monotonic clock
function pace:take_due()
  local due = self.due
  self.due = nil
  return due
end

-- Whether a look that could be left out is made all the same.
function pace:spends()
  if self.quiet >= QUIET or self.saved < 1 then return false end
  self.saved = self.saved - 1
  return true
end

--- Whether this pass does without a look. Each pass asks, before it looks; two that follow each
--- other never both do without.
---@param requested boolean?  an operator asks for this pass
---@return FleetSight? sight  what the last look found, older by now; nil: look
function pace:skips(requested)
  local sight, passed = self.sight, self.context.monotonic() - (self.at or 0)
  self.due, self.sight = nil, nil
  self.is_spare, self.saved = not self.is_spare, math.min(MOST, self.saved + EARN)
  -- One who stood still, or whose pass took long, has missed more than one write.
  if not sight or not self.is_seldom or not self.is_spare or requested
    or passed > 1.5 * self.every or self:spends() then
    return nil
  end
  local seconds = math.floor(passed)
  return { record = sight.record, age = sight.age + seconds, date = sight.date + seconds }
end

return pace
