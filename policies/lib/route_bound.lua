-- How many of Envoy's routes a color may ask for by one attribute. The conditions of a route become
-- several where they have more values than one expression of Envoy's holds, and that again on every
-- path of the color: written in one short attribute, that is more than any plan bears.

local attributes = require("lib.attributes")
local walk = require("lib.walk")

local route_bound = {}

---How many of Envoy's routes one attribute of a color makes at most, on all its paths together.
route_bound.MOST = 1000

---How many routes and conditions of theirs all attributes of all colors make at most together: what
---that costs grows with both, and twice as many are more than a plan bears.
route_bound.MOST_TOGETHER = 60000

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

-- How many routes matches make, and how many with their conditions. In floats: a product of many
-- groups is large, and never wraps.
local function count_routes(matches)
  local count, with_conditions = 0.0, 0.0
  for _, match in ipairs(matches) do
    local product = 1.0
    for _, condition in ipairs(match) do
      -- None of many values is one route, whatever their number.
      local parts = condition.values and not condition.invert
      product = product * (parts and route_bound.groups(condition.values) or 1)
    end
    count, with_conditions = count + product, with_conditions + product * (1 + #match)
  end
  return count, with_conditions
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

-- What is left of MOST_TOGETHER beside the further routes that other attributes have made.
local function left_of_all(mesh)
  local made = {}
  for _, route in walk.routes(mesh) do
    if route.match then made[#made + 1] = route.match end
  end
  local _, taken = count_routes(made)
  return route_bound.MOST_TOGETHER - taken
end

-- Takes away what is too much for all together: of the colors that ask for most, so that one that
-- asks for little loses nothing to others. `asked` is what each asks for.
local function share(mesh, key, claims, asked)
  local order, left = {}, left_of_all(mesh)
  for _, cluster in ipairs(mesh.clusters) do
    if asked[cluster.name] then order[#order + 1] = cluster end
  end
  table.sort(order, function(a, b)
    if asked[a.name] ~= asked[b.name] then return asked[a.name] < asked[b.name] end
    return a.name < b.name
  end)
  for _, cluster in ipairs(order) do
    left = left - asked[cluster.name]
    if left < 0 then
      claims[cluster.name] = nil
      attributes.warn(mesh, cluster, key, ("expected at most %d of Envoy's routes and their "
        .. "conditions for all colors together, of which those that ask for fewer come first; "
        .. "this one asks for %.0f"):format(route_bound.MOST_TOGETHER, asked[cluster.name]))
    end
  end
end

---Takes away the claims that make too many routes, and warns of each by service and attribute.
---@param mesh nightjar.Mesh
---@param key string the attribute
---@param claims table<string, nightjar.Condition[][]> by name of the cluster: what its further
---       routes match, on each of its paths
---@return table<string, nightjar.Condition[][]> claims the same table
function route_bound.keep(mesh, key, claims)
  local paths, asked = count_paths(mesh), {}
  for _, cluster in ipairs(mesh.clusters) do
    local on = paths[cluster.name] or 0
    local each, with_conditions = count_routes(claims[cluster.name] or {})
    if on * each > route_bound.MOST then
      claims[cluster.name] = nil
      attributes.warn(mesh, cluster, key, ("expected at most %d of Envoy's routes, got %.0f: %.0f "
        .. "on each of %d paths"):format(route_bound.MOST, on * each, each, on))
    elseif on * each > 0 then
      asked[cluster.name] = on * with_conditions
    end
  end
  share(mesh, key, claims, asked)
  return claims
end

return route_bound
