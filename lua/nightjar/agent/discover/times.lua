--- How long discovery leaves alone what it reads seldom, as the settings say.

local times = {}

-- Passes from one look to the next, where the settings name no time: for what there is, and for
-- service-level attributes of a service that had none. The second is twice the number of services,
-- so that a small mesh is quick and a large one costs little, and never more than this.
local LIST_PASSES, MOST_ATTRIBUTE_PASSES = 4, 100

--- The times of a pass, in seconds.
---@param settings table  `refresh_time`, `list_time`, `attributes_time`
---@return {pass: number, list: number, attributes: number?}
function times.of(settings)
  local pass = settings.refresh_time or 30
  return { pass = pass, list = settings.list_time or LIST_PASSES * pass,
    attributes = settings.attributes_time }
end

--- Seconds between two looks whether a service has attributes of its own by now.
---@param given {pass: number, attributes: number?}  what `of` returned
---@param count integer  services of its namespace
---@return number
function times.attributes(given, count)
  return given.attributes or math.min(MOST_ATTRIBUTE_PASSES, 2 * count) * given.pass
end

return times
