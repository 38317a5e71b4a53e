--- How long discovery leaves alone what it reads seldom, as the settings say.

local times = {}

--- Seconds within which the first tries for a mesh that was never read may begin. What has no last
--- good data would be left out of the first generation, and others get its share: in a large mesh
--- for no other reason than the agent's own rate, which lets it ask for the attributes of some
--- 5,000 services in that time.
times.FIRST_READING = 120
-- A pass that takes longer than its time would only delay the next one; but it has that much.
local LEAST = 10

-- Passes from one look to the next, where the settings name no time: for what there is, and for
-- service-level attributes of a service that had none. The second grows with the square of the
-- number of services, so that a small mesh is quick, and looks at half a service a pass in one of
-- forty; not for ever: beyond a hundred passes nobody would wait for it.
local LIST_PASSES, LEAST_PASSES, MOST_PASSES, SQUARE = 4, 4, 100, 20

--- The times of a pass, in seconds.
---@param settings table  `refresh_time`, `list_time`, `attributes_time`
---@return {pass: number, list: number, attributes: number?}
function times.of(settings)
  local pass = settings.refresh_time or 30
  return { pass = pass, list = settings.list_time or LIST_PASSES * pass,
    attributes = settings.attributes_time }
end

--- Seconds that a pass may begin to read in, where there are last good data.
---@param settings table
---@return number
function times.reading(settings)
  return math.max(settings.refresh_time or 30, LEAST)
end

--- Seconds between two looks whether a service has attributes of its own by now.
---@param given {pass: number, attributes: number?}  what `of` returned
---@param count integer  services of its namespace
---@return number
function times.attributes(given, count)
  if given.attributes then return given.attributes end
  return math.max(LEAST_PASSES, math.min(MOST_PASSES, count * count / SQUARE)) * given.pass
end

return times
