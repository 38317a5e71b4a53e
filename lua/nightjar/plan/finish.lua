-- Makes the plan of the mesh that the last policy returned: drops what cannot
-- or need not be published, sorts what is left, and checks it for the last time.

local linger = require("nightjar.plan.linger")
local mesh_shape = require("nightjar.plan.mesh_shape")
local route_label = require("nightjar.route_label")
local route_service = require("nightjar.plan.route_service")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")
local why = require("nightjar.plan.why")

local finish = {}

local function total_weight(route)
  local sum = 0
  for _, entry in ipairs(route.clusters) do sum = sum + entry.weight end
  return sum
end

-- Envoy refuses a route whose weights sum up to 0 (defect 8). The shipped
-- policies leave none; others may.
local function drop_weightless(listener, warnings)
  local kept = {}
  for _, route in ipairs(listener.routes) do
    if total_weight(route) > 0 then
      kept[#kept + 1] = route
    else
      local reason = #route.clusters == 0 and "no cluster is left in it" or "all weights are 0"
      listener.removed[#listener.removed + 1] = { path = route.path, match = route.match,
        why = { reason } }
      warnings:add("route_without_weight", ("listener %s: route %s is not published: %s")
        :format(text.quote(listener.name), text.quote(route_label.of(route.path, route.match)),
          reason),
        { listener = listener.name, mesh = listener.mesh, path = route.path })
    end
  end
  listener.routes = kept
end

-- The policies may have left fewer services in a route than the model found.
local function describe(route)
  route.service = route_service.join(route.clusters)
  route.audience = "private"
  for _, entry in ipairs(route.clusters) do
    if entry.audience == "public" then route.audience = "public" end
  end
end

-- Envoy takes the first route that matches: the longest path first, so that
-- `/` hides nothing (defect 9); of one path the routes with conditions in the
-- order that the policies gave them, then the one that takes what is left.
local function sort_routes(routes)
  local place = {}
  for i, route in ipairs(routes) do place[route] = i end
  table.sort(routes, function(a, b)
    if #a.path ~= #b.path then return #a.path > #b.path end
    if a.path ~= b.path then return a.path < b.path end
    if (a.match == nil) ~= (b.match == nil) then return a.match ~= nil end
    return place[a] < place[b]
  end)
end

local function entry_order(a, b)
  if a.cluster ~= b.cluster then return a.cluster < b.cluster end
  return a.audience < b.audience
end

local function listener_order(a, b)
  if a.audience ~= b.audience then return a.audience < b.audience end
  return a.port < b.port
end

local function by_name(a, b)
  return a.name < b.name
end

local function endpoint_order(a, b)
  if a.id ~= b.id then return a.id < b.id end
  if a.address ~= b.address then return a.address < b.address end
  return a.port < b.port
end

local function sort(plan)
  sorted.sort(plan.listeners, listener_order)
  for _, listener in ipairs(plan.listeners) do
    sort_routes(listener.routes)
    for _, route in ipairs(listener.routes) do sorted.sort(route.clusters, entry_order) end
  end
  sorted.sort(plan.clusters, by_name)
  for _, cluster in ipairs(plan.clusters) do sorted.sort(cluster.endpoints, endpoint_order) end
end

-- A service-color without a route gets no cluster.
local function named_clusters(plan)
  local named, kept = {}, {}
  for _, listener in ipairs(plan.listeners) do
    for _, route in ipairs(listener.routes) do
      for _, entry in ipairs(route.clusters) do named[entry.cluster] = true end
      for _, mirror in ipairs(route.mirrors or {}) do named[mirror.cluster] = true end
    end
  end
  for _, cluster in ipairs(plan.clusters) do
    if named[cluster.name] then kept[#kept + 1] = cluster end
  end
  return kept
end

---Turns a checked mesh into the plan, in place.
---@param mesh table
---@param context table { previous = what is in force (see linger.add)?, warnings = Warnings }
---@return table? plan
---@return table? err { message, field }
function finish.run(mesh, context)
  local before = why.note(mesh)
  for _, listener in ipairs(mesh.listeners) do
    drop_weightless(listener, context.warnings)
  end
  why.record("plan", before, mesh)
  for _, listener in ipairs(mesh.listeners) do
    for _, route in ipairs(listener.routes) do describe(route) end
  end
  mesh.clusters = named_clusters(mesh)
  local message, path = mesh_shape.check_plan(mesh)
  if message then return nil, { message = "the plan: " .. message, field = path } end
  linger.add(mesh, context.previous, context.warnings)
  sort(mesh)
  return mesh
end

return finish
