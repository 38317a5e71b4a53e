-- What is kept of a plan that Envoy has accepted: for lingering (which route names which clusters,
-- and those clusters), for policies that look at what is in force, and to tell the next difference.
-- Reasons are not kept: each pass tells its own.

local json = require("host.json")

local memory = {}

local ROUTE = { "path", "match", "service", "audience", "hash", "mirrors", "timeout",
  "idle_timeout", "retries" }
local ENTRY = { "cluster", "service", "color", "weight", "audience", "cookie" }
local REMOVED = { "path", "match", "cluster", "service", "color", "weight", "audience", "because" }
local LISTENER = { "name", "mesh", "port", "audience" }

local function picked(item, fields)
  local kept = {}
  for _, field in ipairs(fields) do
    kept[field] = item[field]
  end
  return kept
end

local function each(list, make)
  local kept = json.array({})
  for i, item in ipairs(list or {}) do
    kept[i] = make(item)
  end
  return kept
end

local function route_of(route)
  local kept = picked(route, ROUTE)
  kept.clusters = each(route.clusters, function(entry) return picked(entry, ENTRY) end)
  return kept
end

local function listener_of(listener)
  local kept = picked(listener, LISTENER)
  kept.routes = each(listener.routes, route_of)
  kept.removed = each(listener.removed, function(item) return picked(item, REMOVED) end)
  return kept
end

---@param route table
---@return string[] names of the clusters that it sends requests or their copies to
function memory.named(route)
  local names = {}
  for _, field in ipairs { "clusters", "mirrors" } do
    for _, item in ipairs(route[field] or {}) do
      names[#names + 1] = item.cluster
    end
  end
  return names
end

---@param plan table
---@return { listeners: string[], plan_listeners: table[], clusters: table[], lingering: string[] }
---  `plan_listeners`: the plan's listeners without reasons; `clusters`: those that routes name
function memory.of(plan)
  local named = {}
  local kept = { listeners = json.array({}), clusters = json.array({}), lingering = json.array({}),
    plan_listeners = each(plan.listeners, listener_of) }
  for i, listener in ipairs(plan.listeners) do
    kept.listeners[i] = listener.name
    for _, route in ipairs(listener.routes) do
      for _, name in ipairs(memory.named(route)) do
        named[name] = true
      end
    end
  end
  for _, cluster in ipairs(plan.clusters) do
    if cluster.linger then
      kept.lingering[#kept.lingering + 1] = cluster.name
    end
    if named[cluster.name] then
      -- Its age grows with each pass; what is kept changes only when the mesh does.
      local one = {}
      for key, value in pairs(cluster) do
        one[key] = value
      end
      one.age = 0
      kept.clusters[#kept.clusters + 1] = one
    end
  end
  return kept
end

---What is in force, as nightjar-plan gets it.
---@param kept table? what `of` returned, or what an older agent kept
---@return { clusters: table[]?, listeners: table[]?, routes: table[]? }? previous nil when nothing
---  is in force; `routes` is what an older agent kept instead of the listeners
function memory.previous(kept)
  return kept and { clusters = kept.clusters, routes = kept.routes,
    listeners = kept.plan_listeners }
end

-- An agent that knew no conditions kept { listener, path, clusters = names, weights }.
local function older_route(route)
  local clusters = {}
  for i, name in ipairs(route.clusters or {}) do
    clusters[i] = { cluster = name, weight = (route.weights or {})[i] }
  end
  return { path = route.path, clusters = clusters }
end

---@param kept table? what `of` returned, or what an older agent kept
---@param visit fun(listener: string, route: table) called for each route
function memory.each_route(kept, visit)
  kept = kept or {}
  for _, listener in ipairs(kept.plan_listeners or {}) do
    for _, route in ipairs(listener.routes) do
      visit(listener.name, route)
    end
  end
  for _, route in ipairs(not kept.plan_listeners and kept.routes or {}) do
    visit(route.listener, older_route(route))
  end
end

return memory
