--- What need not be read at each pass: when it is due again.
---
--- Each thing has a time of its own, with jitter, so that neither one agent nor a fleet that
--- started together asks for everything at once.

local seldom = {}
seldom.__index = seldom

local KINDS = { "list", "service", "attributes" }
-- Of the time that is given; the mean is that time.
local EARLIEST, LATEST = 0.75, 1.25

---@class Seldom
---@field monotonic fun(): number
---@field random fun(): number
---@field at table<string, table<string, number>>  when each thing is due, monotonic seconds: by its
---  kind and its id

--- Nothing was read yet, so everything is due.
---@param world AwsWorld  its clock and its dice
---@return Seldom
function seldom.new(world)
  local self = setmetatable({ monotonic = world.monotonic, random = world.random }, seldom)
  self:hurry_all()
  return self
end

--- Whether a thing is to be read now.
---@param kind "list"|"service"|"attributes"
---@param id string  of a namespace or service
---@return boolean
function seldom:due(kind, id)
  local at = self.at[kind][id]
  return at == nil or self.monotonic() >= at
end

--- It was read; the next time is in about so many seconds.
---@param kind "list"|"service"|"attributes"
---@param id string
---@param seconds number
function seldom:done(kind, id, seconds)
  self.at[kind][id] = self.monotonic() + seconds * (EARLIEST + (LATEST - EARLIEST) * self.random())
end

--- A thing is due at the next pass.
---@param kind "list"|"service"|"attributes"
---@param id string
function seldom:hurry(kind, id) self.at[kind][id] = nil end

--- Everything is due at the next pass.
function seldom:hurry_all()
  self.at = {}
  for _, kind in ipairs(KINDS) do self.at[kind] = {} end
end

-- The integral of math.ceil from 0 to x.
local function ceilings(x)
  local whole = math.floor(x)
  return whole * (whole + 1) / 2 + (x - whole) * (whole + 1)
end

--- From one reading to the next, in passes: the mean, which is more than the time's own, since
--- what is due between two passes waits for the second.
---@param seconds number  as given to `done`
---@param pass number  seconds from one pass to the next
---@return number passes  at least 1
function seldom.passes(seconds, pass)
  if seconds <= 0 then return 1 end
  local first, last = EARLIEST * seconds / pass, LATEST * seconds / pass
  return (ceilings(last) - ceilings(first)) / (last - first)
end

return seldom
