-- How many of Envoy's routes a color may ask for by one attribute. The conditions of a route become
-- several where they have more values than one expression of Envoy's holds, and that again on every
-- path of the color: written in one short attribute, that is more than any plan bears.

local attributes = require("lib.attributes")
local walk = require("lib.walk")

local route_bound = {}

---How many of Envoy's routes one attribute of a color makes at most, on all its paths together.
route_bound.MOST = 1000

-- Bytes of values that stand in one expression, and one for each: as the plan parts them.
local MOST_BYTES = 90

---@param values string[]
---@return integer groups as many as the plan makes of them
function route_bound.groups(values)
  local count, size = 0, MOST_BYTES
  for _, value in ipairs(values) do
    size = size + #value + 1
    if size > MOST_BYTES then count, size = count + 1, #value + 1 end
  end
  return count
end

-- In floats: a product of many groups is large, and never wraps.
local function count_routes(matches)
  local count = 0.0
  for _, match in ipairs(matches) do
    local product = 1.0
    for _, condition in ipairs(match) do
      -- None of many values is one route, whatever their number.
      local parts = condition.values and not condition.invert
      product = product * (parts and route_bound.groups(condition.values) or 1)
    end
    count = count + product
  end
  return count
end

-- On how many routes each cluster stands that take further ones.
local function count_paths(mesh)
  local paths = {}
  for _, route in walk.routes(mesh) do
    for _, entry in ipairs(not route.match and route.clusters or {}) do
      paths[entry.cluster] = (paths[entry.cluster] or 0) + 1
    end
  end
  return paths
end

---Takes away the claims that make too many routes, and warns of each by service and attribute.
---@param mesh nightjar.Mesh
---@param key string the attribute
---@param claims table<string, nightjar.Condition[][]> by name of the cluster: what its further
---       routes match, on each of its paths
---@return table<string, nightjar.Condition[][]> claims the same table
function route_bound.keep(mesh, key, claims)
  local paths = count_paths(mesh)
  for _, cluster in ipairs(mesh.clusters) do
    local on, each = paths[cluster.name] or 0, count_routes(claims[cluster.name] or {})
    if on * each > route_bound.MOST then
      claims[cluster.name] = nil
      attributes.warn(mesh, cluster, key, ("expected at most %d of Envoy's routes, got %.0f: %.0f "
        .. "on each of %d paths"):format(route_bound.MOST, on * each, each, on))
    end
  end
  return claims
end

return route_bound
