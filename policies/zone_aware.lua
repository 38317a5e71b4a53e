-- The own availability zone first: it is nearer, and traffic within it is free.
-- Endpoints of other zones are taken as far as Envoy finds those of the own zone
-- unhealthy. A zone with few endpoints of a color sends all of its own requests
-- to them: `min_endpoints` is how many there must be.

local attributes = require("lib.attributes")
local parse = require("lib.parse")
local walk = require("lib.walk")

local function usable_in(cluster, zone)
  local count = 0
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.zone == zone and endpoint.health ~= "unhealthy" and not endpoint.lent_by then
      count = count + 1
    end
  end
  return count
end

-- Within each priority that failover gave, the own zone comes first.
local function prefer(cluster, zone)
  for _, endpoint in ipairs(cluster.endpoints) do
    endpoint.priority = math.min(127, (endpoint.priority or 0) * 2
      + (endpoint.zone == zone and 0 or 1))
  end
end

-- The reason stands with every entry of the cluster, as endpoints have none.
local function explain(mesh, reasons)
  for _, route in walk.routes(mesh) do
    for _, entry in ipairs(route.clusters) do
      if reasons[entry.cluster] then table.insert(entry.why, reasons[entry.cluster]) end
    end
  end
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  local asked, reasons = attributes.collect(mesh, "ZONE_AWARE", parse.switch), {}
  local zone = settings.zone ~= "" and settings.zone or mesh.zone
  for _, cluster in ipairs(mesh.clusters) do
    local wanted = asked[cluster.name]
    if wanted == nil then wanted = settings.all end
    if wanted and not zone then
      reasons[cluster.name] = "no zone is preferred: AVAILABILITY_ZONE is not known"
    elseif wanted then
      local count = usable_in(cluster, zone)
      if count >= settings.min_endpoints then
        prefer(cluster, zone)
        reasons[cluster.name] = ("zone %s first: %d endpoint%s"):format(zone, count,
          count == 1 and "" or "s")
      else
        reasons[cluster.name] = ("zone %s is not preferred: %d of %d endpoints that are wanted")
          :format(zone, count, settings.min_endpoints)
      end
    end
  end
  explain(mesh, reasons)
  return mesh
end

local function shop(zone, asked)
  return {
    zone = zone, listeners = { { routes = { { clusters = { { cluster = "blue" } } } } } },
    clusters = { { name = "blue", attributes = { ZONE_AWARE = asked },
      endpoints = { { zone = "a" }, { zone = "b" }, {} } } },
  }
end

local function priorities(...)
  local endpoints = {}
  for i, priority in ipairs({ ... }) do endpoints[i] = { priority = priority } end
  return { clusters = { { endpoints = endpoints } } }
end

local function untouched(reason)
  return { listeners = { { routes = { { clusters = { { why = { reason } } } } } } } }
end

return {
  about = "Endpoints in the own availability zone come first.",
  attributes = { ZONE_AWARE = { about = "yes: clients of this color prefer their own zone" } },
  settings = {
    all = { type = "boolean", default = false, about = "ZONE_AWARE of services that say nothing" },
    zone = { type = "string", default = "", about = "the own zone; empty: AVAILABILITY_ZONE" },
    min_endpoints = { type = "integer", default = 1, min = 1, max = 100000,
      about = "how many usable endpoints the own zone must have to be preferred" },
  },
  apply = apply,
  examples = {
    { about = "the own zone first, the others after it", given = shop("b", "yes"),
      expect = priorities(1, 0, 1) },
    { about = "too few endpoints there are not preferred", settings = { min_endpoints = 2 },
      given = shop("b", "yes"), expect = untouched(
        "zone_aware: zone b is not preferred: 1 of 2 endpoints that are wanted") },
    { about = "without a known zone nothing is preferred", given = shop(nil, "yes"),
      expect = untouched("zone_aware: no zone is preferred: AVAILABILITY_ZONE is not known") },
    { about = "every service, by the settings", settings = { all = true, zone = "a" },
      given = shop("b", nil), expect = priorities(0, 1, 1) },
  },
}
