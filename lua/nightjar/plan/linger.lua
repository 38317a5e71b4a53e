-- Make before break: a cluster leaves one generation later than its routes
-- (defect 10). What the routes of the last accepted plan named, and those of
-- this plan no longer name, stays with its last endpoints for one generation,
-- so that each step of a publication is a valid configuration.

local mesh_shape = require("nightjar.plan.mesh_shape")
local schema = require("nightjar.plan.schema")
local text = require("nightjar.text")

local linger = {}

local function usable(cluster)
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.health ~= "unhealthy" then return true end
  end
  return false
end

local function key(listener, path, cluster)
  return listener .. "\0" .. path .. "\0" .. cluster
end

-- Which route names which cluster now.
local function named_by(plan)
  local named = {}
  for _, listener in ipairs(plan.listeners) do
    for _, route in ipairs(listener.routes) do
      for _, entry in ipairs(route.clusters) do
        named[key(listener.name, route.path, entry.cluster)] = true
      end
    end
  end
  return named
end

-- The clusters that some route named in the last plan and does not name in this one.
local function leavers(previous, named)
  local leaving = {}
  for _, route in ipairs(type(previous.routes) == "table" and previous.routes or {}) do
    for _, cluster in ipairs(type(route.clusters) == "table" and route.clusters or {}) do
      if not named[key(tostring(route.listener), tostring(route.path), tostring(cluster))] then
        leaving[cluster] = true
      end
    end
  end
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
---@param previous table? { clusters = …, routes = { { listener, path, clusters = names } … } }:
---       the clusters that the last accepted plan's routes named, and which route named which
---@param warnings Warnings
function linger.add(plan, previous, warnings)
  if type(previous) ~= "table" or type(previous.clusters) ~= "table" then return end
  local known = {}
  for _, cluster in ipairs(plan.clusters) do known[cluster.name] = cluster end
  local leaving = leavers(previous, named_by(plan))
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
