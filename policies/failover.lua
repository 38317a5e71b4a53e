-- Where requests go when a color cannot answer: to other endpoints, in the order
-- that FAILOVER lists. Envoy takes the next ones as far as it finds the ones
-- before unhealthy, and at once when there are none.
--   green, color:green   another color of the service
--   mesh:dr.local        the same service in another mesh that this container shows
--   zone:eu-central-1a   the color's own endpoints there come first; its others
--                        after all zones that are listed, and before what follows

local attributes = require("lib.attributes")
local parse = require("lib.parse")
local text = require("lib.text")
local walk = require("lib.walk")

-- Each target is a priority, of which there are 128, and zone_aware parts each in two.
local MOST = 32

local TARGETS = {
  expected = ('a list such as "color:green, mesh:dr.local" or "zone:a, zone:b" of at most %d')
    :format(MOST),
  read = function(value)
    local targets, known = {}, {}
    for _, word in ipairs(parse.names.read(value)) do
      local kind, name = word:match("^(%l+):(.+)$")
      if not kind then kind, name = "color", word end
      if kind ~= "color" and kind ~= "mesh" and kind ~= "zone" then return nil end
      local key = kind .. ":" .. name
      if not known[key] then
        targets[#targets + 1] = { kind = kind, name = name, text = text.quote(word) }
      end
      known[key] = true
    end
    return #targets > 0 and #targets <= MOST and targets or nil
  end,
}

-- Clusters that a public listener shows: what another mesh lets us see.
local function shown_in(mesh)
  local shown = {}
  for listener, route in walk.routes(mesh) do
    for _, entry in ipairs(route.clusters) do
      if listener.audience == "public" then shown[entry.cluster] = true end
    end
  end
  return shown
end

-- The clusters that a target means. In another mesh the same color is meant, or
-- all of them where it does not exist.
local function clusters_of(target, cluster, mesh, shown)
  local same_color, all = {}, {}
  for _, other in ipairs(mesh.clusters) do
    if other.service == cluster.service and other ~= cluster then
      if target.kind == "color" then
        if other.mesh == cluster.mesh and other.color == target.name then all[#all + 1] = other end
      elseif other.mesh == target.name and target.name ~= cluster.mesh and shown[other.name] then
        all[#all + 1] = other
        if other.color == cluster.color then same_color[#same_color + 1] = other end
      end
    end
  end
  return #same_color > 0 and same_color or all
end

-- The color's own endpoints: those of listed zones first, in their order.
local function own_levels(cluster, targets)
  local zones, levels, count = {}, {}, 0
  for _, target in ipairs(targets) do
    if target.kind == "zone" and not zones[target.name] then
      zones[target.name], count = count, count + 1
    end
  end
  for _, endpoint in ipairs(cluster.endpoints) do
    endpoint.priority = endpoint.zone and zones[endpoint.zone] or count
    levels[#levels + 1] = endpoint
  end
  return levels, count
end

local function lend(list, other, priority)
  for _, endpoint in ipairs(other.own) do
    local copy = {}
    for name, value in pairs(endpoint) do copy[name] = value end
    local id = other.name .. "/" .. endpoint.id
    copy.id, copy.priority, copy.lent_by = #id <= 1024 and id or endpoint.id, priority, other.name
    list[#list + 1] = copy
  end
end

local function fail_over(mesh, cluster, targets, shown)
  local endpoints, priority = own_levels(cluster, targets)
  for _, target in ipairs(targets) do
    if target.kind ~= "zone" then
      priority = priority + 1
      local others = clusters_of(target, cluster, mesh, shown)
      for _, other in ipairs(others) do
        if other.http2 == cluster.http2 then
          lend(endpoints, other, priority)
        else
          attributes.warn(mesh, cluster, "FAILOVER",
            ("%s speaks another HTTP version"):format(other.name))
        end
      end
      if #others == 0 then
        attributes.warn(mesh, cluster, "FAILOVER", ("nothing is known as %s"):format(target.text))
      end
    end
  end
  cluster.endpoints = endpoints
end

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  local targets, shown = attributes.collect(mesh, "FAILOVER", TARGETS), shown_in(mesh)
  -- What is lent is what a cluster has of its own, not what it has borrowed.
  for _, cluster in ipairs(mesh.clusters) do cluster.own = cluster.endpoints end
  for _, cluster in ipairs(mesh.clusters) do
    if targets[cluster.name] then fail_over(mesh, cluster, targets[cluster.name], shown) end
  end
  for _, cluster in ipairs(mesh.clusters) do cluster.own = nil end
  return mesh
end

local function shop(failover, more)
  return {
    listeners = { { mesh = "mesh", routes = { { path = "/shop", clusters = {
      { cluster = "blue", service = "shop", color = "blue", weight = 90 },
      { cluster = "green", service = "shop", color = "green", weight = 10 } } } } }, more },
    clusters = {
      { name = "blue", service = "shop", color = "blue", attributes = { FAILOVER = failover },
        endpoints = { { id = "b1", zone = "a" }, { id = "b2", zone = "b" } } },
      { name = "green", service = "shop", color = "green", endpoints = { { id = "g1" } } },
      { name = "dr", service = "shop", color = "blue", mesh = "dr.local",
        endpoints = { { id = "d1" } } },
    },
  }
end

local function dr(audience)
  return { mesh = "dr.local", audience = "public", routes = { { path = "/shop", clusters = {
    { cluster = "dr", service = "shop", color = "blue", audience = audience } } } } }
end

local function blue(...)
  return { clusters = { { name = "blue", endpoints = { ... } }, { endpoints = { {} } },
    { endpoints = { {} } } } }
end

local OWN = { id = "b1", priority = 0 }

return {
  about = "When a color cannot answer, its requests go to another color, mesh or zone, in order.",
  attributes = {
    FAILOVER = { about = "where this color's requests go: color:green, mesh:dr.local, zone:a" },
  },
  apply = apply,
  examples = {
    { about = "another color", given = shop("green"),
      expect = blue(OWN, { priority = 0 }, { id = "green/g1", priority = 1, lent_by = "green" }) },
    { about = "a color, then another mesh", given = shop("color:green, mesh:dr.local", dr()),
      expect = blue(OWN, { priority = 0 }, { id = "green/g1", priority = 1 },
        { id = "dr/d1", priority = 2 }) },
    { about = "zones part the own endpoints", given = shop("zone:b"),
      expect = blue({ id = "b1", priority = 1 }, { id = "b2", priority = 0 }) },
    { about = "zones come before other colors", given = shop("zone:a, green"),
      expect = blue(OWN, { id = "b2", priority = 1 }, { id = "green/g1", priority = 2 }) },
    { about = "a mesh that shows nothing to us is not used", given = shop("mesh:dr.local"),
      expect = { clusters = blue(OWN, { priority = 0 }).clusters,
        warnings = { { code = "bad_attribute", attribute = "FAILOVER" } } } },
    { about = "a color that does not exist is warned of", given = shop("purple"),
      expect = { clusters = blue(OWN, { priority = 0 }).clusters,
        warnings = { { code = "bad_attribute" } } } },
  },
}
