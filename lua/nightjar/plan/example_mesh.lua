-- Completes the mesh part that an example of a policy gives: a person writes
-- what the example is about, and the rest is filled in with plain values.

local address = require("nightjar.plan.address")

local example_mesh = {}

-- Adds the fields of `defaults` that `target` lacks.
local function fill(target, defaults)
  for key, value in next, defaults do
    if target[key] == nil then target[key] = value end
  end
  return target
end

local function list(value)
  return type(value) == "table" and value or {}
end

local function fill_entry(entry, route)
  if type(entry.cookie) == "table" then
    fill(entry.cookie, { name = "color", value = entry.color or "default", ttl = 0 })
  end
  return fill(entry, { service = entry.cluster, color = "default", weight = 1,
    audience = route.audience or "public", why = {} })
end

local function fill_route(route)
  route.clusters = route.clusters or {}
  for _, entry in ipairs(list(route.clusters)) do fill_entry(entry, route) end
  for _, item in ipairs(list(route.hash)) do
    if type(item) == "table" and item.cookie then fill(item, { ttl = 0 }) end
  end
  for _, mirror in ipairs(list(route.mirrors)) do fill(mirror, { percent = 100 }) end
  if type(route.retries) == "table" then fill(route.retries, { on = { "5xx" }, count = 1 }) end
  local first = list(route.clusters)[1]
  return fill(route, { path = "/", service = first and first.service or "service",
    audience = "public", why = {} })
end

local function fill_listener(listener, i)
  fill(listener, { mesh = "mesh", port = 8079 + i, audience = "private", routes = {},
    removed = {} })
  fill(listener, { name = ("%s-%s"):format(listener.audience, listener.port) })
  for _, route in ipairs(list(listener.routes)) do fill_route(route) end
end

local function fill_endpoint(endpoint, i)
  fill(endpoint, { id = ("task-%d"):format(i), address = ("192.0.2.%d"):format(i), port = 8080,
    health = "healthy", since = 0, attributes = {} })
  fill(endpoint, { family = type(endpoint.address) == "string"
    and address.family(endpoint.address) or "ipv4" })
end

local function fill_cluster(cluster)
  fill(cluster, { mesh = "mesh", service = cluster.name, color = "default",
    cloudmap_service = cluster.name, http2 = false, attributes = {}, since = {}, age = 0,
    stale = false, endpoints = {} })
  for i, endpoint in ipairs(list(cluster.endpoints)) do fill_endpoint(endpoint, i) end
  return cluster
end

-- A cluster that a route names and the example says nothing about has one
-- healthy endpoint.
local function add_named_clusters(mesh)
  local known = {}
  for _, cluster in ipairs(mesh.clusters) do known[cluster.name] = true end
  local function add(item)
    local name = type(item) == "table" and item.cluster
    if not name or known[name] then return end
    known[name] = true
    mesh.clusters[#mesh.clusters + 1] = fill_cluster({ name = name, service = item.service,
      color = item.color, endpoints = { {} } })
  end
  for _, listener in ipairs(list(mesh.listeners)) do
    for _, route in ipairs(list(listener.routes)) do
      for _, entry in ipairs(list(route.clusters)) do add(entry) end
      for _, mirror in ipairs(list(route.mirrors)) do add(mirror) end
    end
  end
end

---@param part table a part of a mesh, the caller's own; completed in place
---@return table mesh not checked yet
function example_mesh.complete(part)
  fill(part, { listeners = {}, clusters = {} })
  for i, listener in ipairs(list(part.listeners)) do fill_listener(listener, i) end
  for _, cluster in ipairs(list(part.clusters)) do fill_cluster(cluster) end
  if type(part.clusters) == "table" then add_named_clusters(part) end
  if part.member then
    fill(part.member, { mesh = "mesh", service = "service", color = "default" })
    fill(part.member, { cloudmap_service = part.member.service })
  end
  return part
end

return example_mesh
