--- What a look at the object of a fleet says: whether somebody leads, and how long its data hold.
---
--- Pure. `every` is the time between two passes of the agent that looks, in seconds.
local claim = require "nightjar.agent.discover.fleet_claim"

local sight = {}

-- An object is good for so long, in passes of one's own and seconds: who passes most often leads.
-- The store tells whole seconds only.
local FRESH_PASSES, FRESH_SECONDS = 1.1, 2
-- A leader is late by more than those whole seconds may be wrong by.
local ROUNDED = 1
-- Data of that many passes are still used while another agent reads.
local USABLE_PASSES = 3

--- Seconds since its data were read.
---@param one FleetSight  with a record
---@return integer
function sight.age_of(one) return (one.record.age or 0) + one.age end

--- How old a fresh record may be, in seconds.
---@param every number
---@return number
function sight.freshness(every) return FRESH_PASSES * every + FRESH_SECONDS end

--- Whether it is the reading of an agent that leads.
---@param one FleetSight
---@param every number
---@return boolean?
function sight.is_fresh(one, every)
  return one.record and not one.record.reading and one.age <= sight.freshness(every)
end

--- Whether its leader leads, and should have written again by now.
---@param one FleetSight
---@param every number
---@return boolean?
function sight.is_late(one, every)
  return sight.is_fresh(one, every) and one.age > every + ROUNDED
end

--- Whether nobody leads, so that the lead may be claimed.
---@param one FleetSight
---@param every number
---@return boolean
function sight.is_free(one, every)
  if one.taken then return false end
  if one.missing then return true end
  if one.record and one.record.reading then return one.age > claim.LIFE end
  return one.age > sight.freshness(every)
end

--- How old data may be that are used while another agent reads, in seconds.
---@param every number
---@return number
function sight.usable(every) return USABLE_PASSES * every end

--- Whether its data may be used while another agent reads.
---@param one FleetSight
---@param every number
---@return boolean?
function sight.is_usable(one, every)
  return one.record and one.record.services and sight.age_of(one) <= sight.usable(every)
end

return sight
