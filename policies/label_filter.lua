-- Leaves out services and endpoints by their attributes: only those of the stage
-- "prod", none of a certain task definition. Every condition must hold:
--   STAGE           the attribute is there
--   STAGE=prod|eu   and has one of these values
--   STAGE!=test     it has not this value, or is not there

local text = require("lib.text")
local walk = require("lib.walk")

local function read_condition(value)
  local name, operator, values = value:match("^([^=!]+)(!?=)(.*)$")
  name = text.trim(name or value)
  if name == "" or name:find("[=!]") then return nil end
  local condition = { name = name, negated = operator == "!=" }
  if values then
    condition.values = {}
    for _, one in ipairs(text.split(values, "|")) do condition.values[one] = true end
  end
  return condition
end

local function read_all(settings, name)
  local conditions = {}
  for i, value in ipairs(settings[name]) do
    conditions[i] = read_condition(value)
    if not conditions[i] then
      error(('settings: %s[%d]: expected a condition such as "STAGE=prod"'):format(name, i), 0)
    end
    conditions[i].text = value
  end
  return conditions
end

local function holds(condition, attributes)
  local value = attributes[condition.name]
  if not condition.values then return value ~= nil end
  return (value ~= nil and condition.values[value] == true) ~= condition.negated
end

-- The first condition that does not hold.
local function broken(conditions, attributes)
  for _, condition in ipairs(conditions) do
    if not holds(condition, attributes) then return condition.text end
  end
end

local function filter_endpoints(cluster, conditions)
  local kept = {}
  for _, endpoint in ipairs(cluster.endpoints) do
    if not broken(conditions, endpoint.attributes) then kept[#kept + 1] = endpoint end
  end
  cluster.endpoints = kept
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  local services, endpoints = read_all(settings, "services"), read_all(settings, "endpoints")
  local reasons = {}
  for _, cluster in ipairs(mesh.clusters) do
    local condition = broken(services, cluster.attributes)
    reasons[cluster.name] = condition and ("its service is not " .. condition) or nil
    filter_endpoints(cluster, endpoints)
  end
  walk.remove(mesh, function(_, _, entry) return reasons[entry.cluster] end)
  return mesh
end

local function shop()
  return {
    listeners = { { routes = { { path = "/shop", clusters = {
      { cluster = "blue", weight = 90 }, { cluster = "green", weight = 10 } } } } } },
    clusters = {
      { name = "blue", attributes = { STAGE = "prod" },
        endpoints = { { attributes = { RACK = "1" } }, { attributes = { RACK = "2" } } } },
      { name = "green", attributes = { STAGE = "test" }, endpoints = { {} } },
    },
  }
end

local function left(clusters)
  return { listeners = { { routes = clusters } } }
end

return {
  about = "Only services and endpoints whose attributes fulfil conditions take part.",
  attributes = {},
  settings = {
    services = { type = "strings", default = {}, about = "conditions on services: STAGE=prod" },
    endpoints = { type = "strings", default = {}, about = "conditions on instances: RACK!=2" },
  },
  apply = apply,
  examples = {
    { about = "services of one stage", settings = { services = { "STAGE=prod" } }, given = shop(),
      expect = { listeners = { { routes = { { clusters = { { cluster = "blue" } } } },
        removed = { { cluster = "green", why = {
          "label_filter: removed (its service is not STAGE=prod)" } } } } } } },
    { about = "all but one value", settings = { services = { "STAGE!=prod" } }, given = shop(),
      expect = left({ { clusters = { { cluster = "green" } } } }) },
    { about = "several values, and an attribute that must be there",
      settings = { services = { "STAGE=test|prod", "STAGE" } }, given = shop(),
      expect = left({ { clusters = { { cluster = "blue" }, { cluster = "green" } } } }) },
    { about = "endpoints too", settings = { endpoints = { "RACK!=2" } }, given = shop(),
      expect = { clusters = { { endpoints = { { attributes = { RACK = "1" } } } },
        { endpoints = { {} } } } } },
    { about = "a route without any service goes", settings = { services = { "TEAM" } },
      given = shop(), expect = left({}) },
  },
}
