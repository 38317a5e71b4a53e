-- The first stage: makes the mesh model of a snapshot, checked, sorted and
-- typed. It decides nothing: each listener gets every route of its mesh,
-- private and public, the own service included; the policies cut.

local route_service = require("nightjar.plan.route_service")
local service = require("nightjar.plan.service")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")

local model = {}

-- The names that Envoy knows clusters by must differ where anything differs:
-- `@` parts service and mesh, so it is escaped within both (defect 6).
local function escape(name)
  return (name:gsub("[%%@]", { ["%"] = "%25", ["@"] = "%40" }))
end

local function cluster_name(service_name, suffix)
  return escape(service_name) .. "@" .. escape(suffix)
end

local function problem(message, field)
  return nil, { message = message, field = field }
end

-- What keeps a mesh of the snapshot from having a listener, or nil.
local function mesh_fault(mesh)
  if type(mesh) ~= "table" then return "is no table" end
  if not text.is_name(mesh.name, 1024) then return "has no usable name" end
  local port = mesh.port
  if math.type(port) ~= "integer" or port < 1 or port > 65535 then
    return ("has no port from 1 to 65535, but %s"):format(text.show(port))
  end
  if mesh.audience ~= "private" and mesh.audience ~= "public" then
    return ('has neither audience "private" nor "public", but %s'):format(text.show(mesh.audience))
  end
end

local function usable_meshes(snapshot, warnings)
  local meshes = {}
  for i, mesh in ipairs(snapshot.meshes) do
    local fault = mesh_fault(mesh)
    if fault then
      local ref = type(mesh) == "table" and mesh.ref or nil
      local who = ("mesh %d"):format(i) .. (ref and " (" .. text.show(ref) .. ")" or "")
      warnings:add("bad_mesh", ("%s %s; it is left out"):format(who, fault))
    else
      meshes[#meshes + 1] = mesh
    end
  end
  return meshes
end

-- Two listeners on one port are an error that names both (defect 3).
local function check_ports(meshes)
  local taken = {}
  for _, mesh in ipairs(meshes) do
    local ref = type(mesh.ref) == "string" and mesh.ref or mesh.name
    local me = ("%s (mesh %s)"):format(text.clean(ref, 255), text.quote(mesh.name))
    if taken[mesh.port] then
      return ("port %d is wanted by %s and by %s"):format(mesh.port, taken[mesh.port], me)
    end
    taken[mesh.port] = me
  end
end

local function id_of(mesh)
  return text.is_name(mesh.id, 1024) and mesh.id or nil
end

-- Two entries with one identity are two listeners of one mesh.
local function identity(mesh)
  local id = id_of(mesh)
  return id and "id " .. id or "name " .. mesh.name
end

local function ambiguous_names(meshes)
  local owner, ambiguous = {}, {}
  for _, mesh in ipairs(meshes) do
    local id = identity(mesh)
    owner[mesh.name] = owner[mesh.name] or id
    if owner[mesh.name] ~= id then ambiguous[mesh.name] = true end
  end
  return ambiguous
end

-- For each mesh identity what follows the `@` in its clusters' names: the
-- name, or the id where two meshes have one name.
local function suffixes(meshes)
  local ambiguous, taken, result = ambiguous_names(meshes), {}, {}
  for _, mesh in ipairs(meshes) do
    if not result[identity(mesh)] then
      local suffix = ambiguous[mesh.name] and id_of(mesh) or mesh.name
      -- Only when the name of one mesh is the id of another; each step leaves
      -- a taken suffix behind, so there are fewer steps than meshes.
      while taken[suffix] do suffix = suffix .. "+" end
      taken[suffix] = true
      result[identity(mesh)] = suffix
    end
  end
  return result
end

-- The services of a mesh that can be read at all, by name; a name counts once.
local function usable_services(mesh, warnings)
  local by_name = {}
  for i, source in ipairs(type(mesh.services) == "table" and mesh.services or {}) do
    local name = type(source) == "table" and source.name
    if not text.is_name(name, 1024) then
      warnings:add("bad_service", ("mesh %s: service %d has no usable name; it is left out")
        :format(text.quote(mesh.name), i), { mesh = mesh.name })
    elseif by_name[name] then
      warnings:add("duplicate_service", ("mesh %s: service %s stands there twice; the first is "
        .. "used"):format(text.quote(mesh.name), text.quote(name)),
        { mesh = mesh.name, service = name })
    else
      by_name[name] = source
    end
  end
  return by_name
end

-- The services of one mesh: { {cluster=, keys=, id=} … } in order of name.
local function read_services(mesh, suffix, context)
  local warnings, settings = context.warnings, context.settings or {}
  local list = {}
  for name, source in sorted.pairs(usable_services(mesh, warnings)) do
    local cluster, keys = service.read(source, {
      mesh = mesh.name, cluster = cluster_name(name, suffix), now = context.now,
      admin_port = settings.envoy_admin_port, no_ipv6 = settings.no_ipv6,
    }, warnings)
    list[#list + 1] = { cluster = cluster, keys = keys, id = source.id }
  end
  return list
end

local function add_route(routes, key, cluster)
  local route = routes[key.path]
  if not route then
    route = { path = key.path, service = cluster.service, audience = "private", clusters = {},
      why = {} }
    routes[key.path] = route
  end
  if key.audience == "public" then route.audience = "public" end
  route.clusters[#route.clusters + 1] = {
    cluster = cluster.name, service = cluster.service, color = cluster.color,
    weight = key.weight, audience = key.audience, why = { key.why },
  }
end

-- One set of routes for a mesh, by path, in byte order.
local function make_routes(services)
  local by_path = {}
  for _, item in ipairs(services) do
    for _, key in ipairs(item.keys) do add_route(by_path, key, item.cluster) end
  end
  local routes = {}
  for _, route in sorted.pairs(by_path) do
    route.service = route_service.join(route.clusters)
    routes[#routes + 1] = route
  end
  return routes
end

local function warn_of_shared_paths(mesh, routes, warnings)
  for _, route in ipairs(routes) do
    if #route_service.names(route.clusters) > 1 then
      warnings:add("shared_path", ("mesh %s: path %s is claimed by several services (%s); they "
        .. "share it by their weights"):format(text.quote(mesh.name), text.quote(route.path),
        text.clean(route.service)), { mesh = mesh.name, path = route.path })
    end
  end
end

-- What the sidecar stands beside; absent in gateway mode.
local function read_member(snapshot, own_services, warnings)
  local member = snapshot.member
  if type(member) ~= "table" then return nil end
  local name = text.is_name(member.service, 1024) and member.service or nil
  for _, item in ipairs(own_services or {}) do
    local cluster = item.cluster
    if (member.id and item.id == member.id) or cluster.cloudmap_service == name then
      return { mesh = cluster.mesh, service = cluster.service, color = cluster.color,
        cloudmap_service = cluster.cloudmap_service }
    end
  end
  name = name or (text.is_name(member.id, 1024) and member.id) or "unknown"
  local mesh = text.is_name(member.mesh, 1024) and member.mesh or "unknown"
  warnings:add("unknown_member", ("the own service %s is not in the mesh %s; its name stands in "
    .. "for its SERVICE"):format(text.quote(name), text.quote(mesh)),
    { mesh = mesh, service = name })
  return { mesh = mesh, service = name, color = "default", cloudmap_service = name }
end

local function by_name(a, b)
  return a.name < b.name
end

-- Reads each mesh once, even where a second listener shows it too.
local function read_meshes(meshes, context)
  local suffix, read, clusters = suffixes(meshes), {}, {}
  for _, mesh in ipairs(meshes) do
    local id = identity(mesh)
    if not read[id] then
      read[id] = read_services(mesh, suffix[id], context)
      for _, item in ipairs(read[id]) do clusters[#clusters + 1] = item.cluster end
      warn_of_shared_paths(mesh, make_routes(read[id]), context.warnings)
    end
  end
  table.sort(clusters, by_name)
  return read, clusters
end

local function make_listener(mesh, services)
  return {
    name = ("%s-%d"):format(mesh.audience, mesh.port),
    mesh = mesh.name,
    port = mesh.port,
    audience = mesh.audience,
    routes = make_routes(services),
    removed = {},
  }
end

-- Where this container is, for policies; empty where nobody knows.
local function own_zone(settings)
  local zone = settings and settings.availability_zone
  return text.is_name(zone) and zone or nil
end

---@param snapshot table what discovery knows; shapes within it may be wrong anywhere
---@param context table { now = unix seconds, warnings = Warnings, settings? }
---@return table? mesh
---@return table? err { message, field? }
function model.run(snapshot, context)
  if type(snapshot) ~= "table" then
    return problem("snapshot: expected a table, got " .. text.show(snapshot), "snapshot")
  end
  if snapshot.format ~= nil and snapshot.format ~= 1 then
    return problem("snapshot.format: expected 1, got " .. text.show(snapshot.format),
      "snapshot.format")
  end
  if type(snapshot.meshes) ~= "table" then
    return problem("snapshot.meshes: expected a list, got " .. text.show(snapshot.meshes),
      "snapshot.meshes")
  end
  local meshes = usable_meshes(snapshot, context.warnings)
  local conflict = check_ports(meshes)
  if conflict then return problem(conflict, "snapshot.meshes") end
  local services, clusters = read_meshes(meshes, context)
  local listeners, own = {}, nil
  for i, mesh in ipairs(meshes) do
    listeners[i] = make_listener(mesh, services[identity(mesh)])
    if mesh.audience == "private" then own = services[identity(mesh)] end
  end
  return {
    member = read_member(snapshot, own, context.warnings),
    zone = own_zone(context.settings),
    listeners = listeners,
    clusters = clusters,
  }
end

return model
