-- Stops the line: while any service of a mesh carries FREEZE, the routes and
-- weights of that mesh stay as they are in force, in every container. Endpoints
-- still move. What stands after this policy in init.lua still works: who may not
-- see a path any more does not, and a color without endpoints gives its share to
-- the others, and gets it back.
--
-- A container that starts meanwhile has nothing in force; it begins with what
-- the mesh says.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local variants = require("lib.variants")
local walk = require("lib.walk")

local function identity(route)
  return variants.identity(route.path, route.match)
end

local function by_identity(routes)
  local index = {}
  for _, route in ipairs(routes) do index[identity(route)] = route end
  return index
end

-- The entries of a route in force, with those that only left for want of
-- endpoints: they come back when they have some.
local function entries_in_force(route, removed)
  local entries = table.move(route.clusters, 1, #route.clusters, 1, {})
  for _, item in ipairs(removed) do
    if item.because == "no_endpoints" and identity(item) == identity(route) then
      entries[#entries + 1] = { cluster = item.cluster, service = item.service, color = item.color,
        weight = item.weight, audience = item.audience, why = {} }
    end
  end
  return entries
end

-- A route as it is in force, with the history that today's route has. What is
-- the own service today has no place in it.
local function hold(old, today, removed, clusters, own)
  local route = {}
  for name, value in pairs(old) do route[name] = value end
  route.why, route.clusters = today and today.why or {}, {}
  local known = {}
  for _, entry in ipairs(today and today.clusters or {}) do known[entry.cluster] = entry end
  for _, entry in ipairs(entries_in_force(old, removed)) do
    if clusters[entry.cluster] and entry.service ~= own then
      entry.why = known[entry.cluster] and known[entry.cluster].why or {}
      table.insert(route.clusters, entry)
    end
  end
  local mirrors = {}
  for _, item in ipairs(old.mirrors or {}) do
    if clusters[item.cluster] then mirrors[#mirrors + 1] = item end
  end
  route.mirrors = old.mirrors and #mirrors > 0 and mirrors or nil
  return route
end

local function total(route)
  local sum = 0
  for _, entry in ipairs(route and route.clusters or {}) do sum = sum + entry.weight end
  return sum
end

local function freeze(listener, old, clusters, own)
  local today, frozen = by_identity(listener.routes), by_identity(old.routes)
  local routes = {}
  for _, route in ipairs(old.routes) do
    local present = today[identity(route)]
    local held = hold(route, present, old.removed or {}, clusters, own)
    -- Whoever had the weight is gone: better the mesh's word than no answer.
    if total(held) == 0 and total(present) > 0 then held = present end
    if #held.clusters > 0 then routes[#routes + 1] = held end
  end
  for _, route in ipairs(listener.routes) do
    if not frozen[identity(route)] then
      table.insert(listener.removed, { path = route.path, match = route.match,
        why = { "the mesh is frozen: no route is added" } })
    end
  end
  listener.routes = routes
end

-- Why each mesh is frozen that is.
local function frozen_meshes(mesh, settings)
  local says, frozen = attributes.collect(mesh, "FREEZE", parse.switch), {}
  for _, cluster in ipairs(mesh.clusters) do
    if says[cluster.name] and not frozen[cluster.mesh] then
      frozen[cluster.mesh] = "FREEZE of " .. cluster.cloudmap_service
    end
  end
  for _, listener in ipairs(mesh.listeners) do
    if settings.all then frozen[listener.mesh] = "settings policies.freeze.all" end
  end
  return frozen
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@param _ integer
---@param previous? nightjar.Previous what is in force
---@return nightjar.Mesh
local function apply(mesh, settings, _, previous)
  local frozen, clusters, old = frozen_meshes(mesh, settings), walk.clusters(mesh), {}
  for _, listener in ipairs(previous and previous.listeners or {}) do
    old[listener.name] = listener
  end
  for _, listener in ipairs(mesh.listeners) do
    local before = old[listener.name]
    -- A listener that shows another mesh than before has nothing to hold.
    if frozen[listener.mesh] and before and before.mesh == listener.mesh then
      freeze(listener, before, clusters,
        mesh.member and listener.audience == "private" and mesh.member.service)
      local reason = ("the mesh is frozen (%s)"):format(frozen[listener.mesh])
      for _, route in ipairs(listener.routes) do table.insert(route.why, reason) end
    end
  end
  return mesh
end

local function routes(blue, green, more)
  local list = { { path = "/shop", clusters = {
    { cluster = "blue", service = "shop", color = "blue", weight = blue },
    { cluster = "green", service = "shop", color = "green", weight = green } } } }
  list[2] = more
  return list
end

local function frozen(blue, green, more)
  return { listeners = { { routes = routes(blue, green, more) } },
    clusters = { { name = "control", attributes = { FREEZE = "yes" } } } }
end

return {
  about = "While a service of the mesh carries FREEZE, its routes and weights stay as they are.",
  attributes = { FREEZE = { about = "yes, on any service: routes and weights of its mesh stay" } },
  settings = {
    all = { type = "boolean", default = false, about = "freeze every mesh, without an attribute" },
  },
  apply = apply,
  examples = {
    { about = "weights stay as they are in force", given = frozen(0, 100),
      previous = { listeners = { { routes = routes(90, 10) } } },
      expect = example.weights(90, 10) },
    { about = "no route is added", previous = { listeners = { { routes = routes(90, 10) } } },
      given = frozen(90, 10, { path = "/new", clusters = { { cluster = "new" } } }),
      expect = { listeners = { { routes = { { path = "/shop" } },
        removed = { { path = "/new", cluster = "new" } } } } } },
    { about = "a route whose key was taken away stays",
      given = { listeners = { {} },
        clusters = { { name = "blue", attributes = { FREEZE = "yes" } } } },
      previous = { listeners = { { routes = { { path = "/a", clusters = {
        { cluster = "blue", weight = 7 } } } } } } },
      expect = example.routes({ path = "/a", clusters = { { weight = 7 } } }) },
    { about = "a color that left for want of endpoints comes back with its weight",
      given = frozen(1, 1), previous = { listeners = { {
        routes = { { path = "/shop", clusters = {
          { cluster = "blue", service = "shop", color = "blue", weight = 90 } } } },
        removed = { { path = "/shop", cluster = "green", service = "shop", color = "green",
          weight = 10, audience = "public", because = "no_endpoints", why = {} } } } } },
      expect = { listeners = { { routes = { { clusters = {
        { cluster = "blue", weight = 90 }, { cluster = "green", weight = 10 } } } } } } } },
    { about = "a service that is gone is not waited for",
      given = { listeners = { {} },
        clusters = { { name = "control", attributes = { FREEZE = "on" } } } },
      previous = { listeners = { { routes = routes(90, 10) } } },
      expect = example.routes() },
    { about = "with nothing in force the mesh says how it begins", given = frozen(50, 50),
      expect = example.weights(50, 50) },
  },
}
