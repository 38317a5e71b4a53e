-- Make before break: a cluster leaves one generation later than its routes
-- (defect 10). What the routes of the last accepted plan named, and those of
-- this plan no longer name, stays with its last endpoints for one generation,
-- so that each step of a publication is a valid configuration.

local mesh_shape = require("nightjar.plan.mesh_shape")
local route_label = require("nightjar.route_label")
local schema = require("nightjar.plan.schema")
local text = require("nightjar.text")

local linger = {}

local function usable(cluster)
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.health ~= "unhealthy" then return true end
  end
  return false
end

local function list(value)
  return type(value) == "table" and value or {}
end

-- Calls `visit(key, cluster)` for each cluster that a route names, as a choice or as a mirror; a
-- key tells which route of which listener names which cluster. What an agent kept is checked
-- nowhere else, so nothing of it is trusted.
local function each_name(listeners, visit)
  for _, one in ipairs(listeners) do
    local listener = list(one)
    for _, item in ipairs(list(listener.routes)) do
      local route = list(item)
      local ok, place = pcall(route_label.key, route.path, route.match)
      local key = ("%s\0%s\0"):format(tostring(listener.name), tostring(ok and place or nil))
      for _, field in ipairs({ "clusters", "mirrors" }) do
        for _, named in ipairs(list(route[field])) do
          local cluster = tostring(list(named).cluster)
          visit(key .. cluster, cluster)
        end
      end
    end
  end
end

-- An agent that knew no conditions kept `routes`: { listener, path, clusters = names }.
local function older_listeners(previous)
  local listeners = {}
  for _, item in ipairs(list(previous.routes)) do
    local route, clusters = list(item), {}
    for i, name in ipairs(list(route.clusters)) do clusters[i] = { cluster = name } end
    listeners[#listeners + 1] = { name = route.listener, routes = {
      { path = tostring(route.path), clusters = clusters } } }
  end
  return listeners
end

-- The clusters that some route named in the last plan and does not name in this one.
local function leavers(previous, plan)
  local named, leaving = {}, {}
  each_name(plan.listeners, function(key) named[key] = true end)
  local listeners = previous.listeners or older_listeners(previous)
  each_name(list(listeners), function(key, cluster)
    if not named[key] then leaving[cluster] = true end
  end)
  return leaving
end

-- What must linger of one cluster of the last plan: a copy, or nil. A cluster
-- that is still named lingers when it lost its last endpoint and some route
-- drops it for that: until Envoy has the new routes, the old ones ask for it.
local function lingering(cluster, known, leaving)
  local name = type(cluster) == "table" and cluster.name
  local present = known[name]
  if present and (usable(present) or not leaving[name]) then return nil end
  -- The decoder's marks on lists are no part of the data.
  local item = schema.plain(cluster)
  local message = schema.check(mesh_shape.cluster, item)
  if message then return nil, message end
  if present then return usable(item) and item or nil end
  -- One that lingered in the last generation already has had its time.
  return not item.linger and item or nil
end

---Adds to `plan.clusters`, which the plan's routes name, those that linger.
---@param plan table
---@param previous table? { clusters, listeners = { { name, routes } … } }: what the agent kept of
---       the last accepted plan: the clusters that its routes named, and its routes
---@param warnings Warnings
function linger.add(plan, previous, warnings)
  if type(previous) ~= "table" or type(previous.clusters) ~= "table" then return end
  local known = {}
  for _, cluster in ipairs(plan.clusters) do known[cluster.name] = cluster end
  local leaving = leavers(previous, plan)
  for i, cluster in ipairs(previous.clusters) do
    local item, message = lingering(cluster, known, leaving)
    if item then
      item.linger = true
      if known[item.name] then
        known[item.name].endpoints, known[item.name].linger = item.endpoints, true
      else
        known[item.name] = item
        plan.clusters[#plan.clusters + 1] = item
      end
    elseif message then
      warnings:add("bad_previous", ("previous.clusters[%d]: %s; it is not kept")
        :format(i, text.clean(message)))
    end
  end
end

return linger
