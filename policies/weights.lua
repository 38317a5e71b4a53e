-- Weights are shared among the colors that can answer. A color with a weight
-- and no usable endpoint would keep its share, and Envoy answers that with 503;
-- it leaves the route, and the others share by their weights. Where no color can
-- answer, the route stays as it is configured and answers 503. A route whose
-- weights are all 0 is not published.

local route_label = require("lib.route_label")

-- Endpoints that may get traffic: the healthy, and those nobody checks.
local function count_usable(cluster)
  local count = 0
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.health ~= "unhealthy" then count = count + 1 end
  end
  return count
end

local function usable_by_name(mesh)
  local usable = {}
  for _, cluster in ipairs(mesh.clusters) do usable[cluster.name] = count_usable(cluster) > 0 end
  return usable
end

local function warn(mesh, listener, route, code, text)
  table.insert(mesh.warnings, {
    code = code,
    listener = listener.name,
    mesh = listener.mesh,
    path = route.path,
    service = #route.service <= 255 and route.service or nil,
    message = ("listener %s: route %s of %s %s"):format(listener.name,
      route_label.of(route.path, route.match), route.service, text),
  })
end

-- The entries that stay, those that leave, and the sum of all weights.
local function sift(route, usable)
  local staying, leaving, total = {}, {}, 0
  for _, entry in ipairs(route.clusters) do
    total = total + entry.weight
    local leaves = entry.weight > 0 and not usable[entry.cluster]
    table.insert(leaves and leaving or staying, entry)
  end
  return staying, leaving, total
end

local function sum(entries)
  local total = 0
  for _, entry in ipairs(entries) do total = total + entry.weight end
  return total
end

-- "color green has", "colors blue, green have"
local function have(entries)
  local colors = {}
  for i, entry in ipairs(entries) do
    colors[i] = i <= 3 and entry.color or "…"
    if i > 3 then break end
  end
  return ("color%s %s %s"):format(#entries == 1 and "" or "s", table.concat(colors, ", "),
    #entries == 1 and "has" or "have")
end

local function give_share(listener, route, staying, leaving, total)
  for _, entry in ipairs(leaving) do
    table.insert(listener.removed, { path = route.path, cluster = entry.cluster,
      audience = entry.audience, match = route.match, because = "no_endpoints",
      why = { "it has no usable endpoint; the others share" } })
  end
  local rest = sum(staying)
  for _, entry in ipairs(staying) do
    if entry.weight > 0 then
      table.insert(entry.why, ("its share goes from %d of %d to %d of %d, as %s no usable "
        .. "endpoint"):format(entry.weight, total, entry.weight, rest, have(leaving)))
    end
  end
  route.clusters = staying
end

-- Whether the route is published.
local function share(mesh, listener, route, usable)
  local staying, leaving, total = sift(route, usable)
  if total == 0 then
    table.insert(listener.removed, { path = route.path, why = { "all its weights are 0" } })
    warn(mesh, listener, route, "all_weights_zero", "is not published: all its weights are 0")
    return false
  end
  if #leaving == 0 then return true end
  if sum(staying) > 0 then
    give_share(listener, route, staying, leaving, total)
  else
    table.insert(route.why, "no color with a weight has a usable endpoint: it answers 503")
    warn(mesh, listener, route, "no_endpoints",
      "answers 503: no color with a weight has a usable endpoint")
  end
  return true
end

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  local usable = usable_by_name(mesh)
  for _, listener in ipairs(mesh.listeners) do
    local routes = {}
    for _, route in ipairs(listener.routes) do
      if share(mesh, listener, route, usable) then routes[#routes + 1] = route end
    end
    listener.routes = routes
  end
  return mesh
end

local function split(blue, green)
  return { { routes = { { path = "/shop", service = "shop", clusters = {
    { cluster = "blue", color = "blue", weight = blue },
    { cluster = "green", color = "green", weight = green } } } } } }
end

return {
  about = "Weights are shared among the colors that have endpoints.",
  apply = apply,
  examples = {
    {
      about = "while every color has endpoints, the weights stay as they are",
      given = { listeners = split(90, 10) },
      expect = { listeners = { { routes = { { clusters = { { cluster = "blue", weight = 90 },
        { cluster = "green", weight = 10 } } } }, removed = {} } }, warnings = {} },
    },
    {
      about = "a color without endpoints gives its share to the others",
      given = { listeners = split(90, 10), clusters = { { name = "green", endpoints = {} } } },
      expect = { listeners = { { routes = { { clusters = { { cluster = "blue", weight = 90,
        why = { "weights: its share goes from 90 of 100 to 90 of 90, as color green has no usable "
          .. "endpoint" } } } } }, removed = { { cluster = "green", weight = 10 } } } } },
    },
    {
      about = "a color whose endpoints are all unhealthy counts as one without",
      given = { listeners = split(90, 10),
        clusters = { { name = "green", endpoints = { { health = "unhealthy" } } } } },
      expect = { listeners = { { routes = { { clusters = { { cluster = "blue" } } } } } } },
    },
    {
      about = "where no color can answer, the route stays and answers 503",
      given = { listeners = split(90, 10), clusters = { { name = "blue", endpoints = {} },
        { name = "green", endpoints = {} } } },
      expect = { listeners = { { routes = { { clusters = { { cluster = "blue", weight = 90 },
        { cluster = "green", weight = 10 } } } } } }, warnings = { { code = "no_endpoints" } } },
    },
    {
      about = "a color with weight 0 stays in the route and gets nothing",
      given = { listeners = split(1, 0), clusters = { { name = "green", endpoints = {} } } },
      expect = { listeners = { { routes = { { clusters = { { cluster = "blue", weight = 1 },
        { cluster = "green", weight = 0 } } } } } } },
    },
    {
      about = "a color with weight 0 does not step in for one without endpoints",
      given = { listeners = split(1, 0), clusters = { { name = "blue", endpoints = {} } } },
      expect = { listeners = { { routes = { { clusters = { { cluster = "blue", weight = 1 },
        { cluster = "green", weight = 0 } } } } } }, warnings = { { code = "no_endpoints" } } },
    },
    {
      about = "a route whose weights are all 0 is not published",
      given = { listeners = split(0, 0) },
      expect = { listeners = { { routes = {}, removed = { { cluster = "blue", why = {
        "weights: removed (all its weights are 0)" } }, { cluster = "green" } } } },
        warnings = { { code = "all_weights_zero" } } },
    },
  },
}
