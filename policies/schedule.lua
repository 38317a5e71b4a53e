-- Weights by the clock on the wall: at night, on weekdays, over the holidays. A
-- color's SCHEDULE holds rules, the first that holds counts, else the weight of
-- its path:
--   Europe/Berlin Mon-Fri 09:00-17:00 = 50; 2026-12-24..2026-12-26 = 0
-- A night belongs to the day on which it begins: Fri 22:00-06:00 ends on Saturday.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local schedule = require("lib.schedule")
local walk = require("lib.walk")
local zone = require("lib.zone")

local WEIGHT = parse.integer(0, 65535)

local RULES = {
  expected = 'rules such as "Europe/Berlin Mon-Fri 09:00-17:00 = 50"',
  read = function(value) return schedule.read(value, WEIGHT.read) end,
}

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@param now integer seconds since 1970
---@return nightjar.Mesh
local function apply(mesh, settings, now)
  local default = zone.find(settings.zone)
  if not default then
    error('settings: zone: expected a time zone such as "Europe/Berlin"', 0)
  end
  local rules_for = attributes.collect_paths(mesh, "SCHEDULE", RULES)
  for _, route in walk.routes(mesh) do
    for _, entry in ipairs(route.clusters) do
      local rules = rules_for(entry.cluster, route.path)
      local rule = rules and schedule.find(rules, default, now)
      if rule then
        entry.weight = rule.value
        table.insert(entry.why, ("SCHEDULE: %s = %d"):format(rule.text, rule.value))
      end
    end
  end
  return mesh
end

local function shop(rules)
  return example.shop(90, 10, { attributes = { SCHEDULE = rules } })
end

local function green(weight)
  return example.weights(90, weight)
end

local NIGHT = shop("Fri 22:00-06:00 = 50")
local HOURS = shop("Europe/Berlin 09:00-17:00 = 50")
local FRIDAY = 1767312000 -- 2026-01-02T00:00:00Z
local SUMMER = 1782864000 -- 2026-07-01T00:00:00Z

return {
  about = "Weights by time of day, weekday and date, in any time zone.",
  attributes = {
    SCHEDULE = { path = true, about = "this color's weights: Mon-Fri 09:00-17:00 = 50; …" },
  },
  settings = {
    zone = { type = "string", default = "UTC", about = "the time zone of rules that name none" },
  },
  apply = apply,
  examples = {
    { about = "in winter nine o'clock in Berlin is eight in Greenwich", now = FRIDAY + 8 * 3600,
      given = HOURS, expect = green(50) },
    { about = "and not a second before", now = FRIDAY + 8 * 3600 - 1, given = HOURS,
      expect = green(10) },
    { about = "in summer it is seven", now = SUMMER + 7 * 3600, given = HOURS, expect = green(50) },
    { about = "a night begins on its day", now = FRIDAY + 23 * 3600, given = NIGHT,
      expect = green(50) },
    { about = "and ends on the next", now = FRIDAY + 86400 + 6 * 3600 - 1, given = NIGHT,
      expect = green(50) },
    { about = "the night before is none of it", now = FRIDAY + 3600, given = NIGHT,
      expect = green(10) },
    { about = "the first rule that holds counts", now = FRIDAY,
      given = shop("2026-01-01..2026-01-06 = 0; Mon-Sun = 50"), expect = green(0) },
    { about = "the settings name the zone of those that name none", now = SUMMER + 7 * 3600,
      settings = { zone = "Europe/Berlin" }, given = shop("09:00-24:00 = 1"), expect = green(1) },
    { about = "a rule that is none is warned of", given = shop("always = 5"),
      expect = example.warned(green(10), "SCHEDULE") },
  },
}
