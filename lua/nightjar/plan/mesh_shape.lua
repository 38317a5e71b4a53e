-- What a mesh looks like: the closed schema of what the model makes, what each
-- policy takes and returns, and what the plan is. docs/policies.md shows it to
-- authors of policies; keep the two alike.

local address = require("nightjar.plan.address")
local nearest = require("nightjar.nearest")
local path_key = require("nightjar.plan.path_key")
local route_label = require("nightjar.route_label")
local route_shape = require("nightjar.plan.route_shape")
local schema = require("nightjar.plan.schema")
local seconds = require("nightjar.plan.seconds")
local text = require("nightjar.text")
local weight = require("nightjar.plan.weight")

local mesh_shape = {}

local integer, list, map, name, record =
  schema.integer, schema.list, schema.map, schema.name, schema.record

-- Seconds since 1970, or a span of them.
local TIME = integer(0, seconds.MAX)
local AUDIENCE = schema.one_of({ "private", "public" })
-- Names within a mesh; cluster names are made of two of them.
local NAME, CLUSTER_NAME = name(1024), name(8192)
-- Names of several services, joined.
local SERVICES = name(65536)
local PORT = integer(1, 65535)
local WEIGHT = integer(0, weight.MAX)
local VALUE = schema.string(8192)
-- More than one Envoy should carry; a policy that multiplies ends here.
local MANY = 100000
-- Reasons and warnings are shortened where they are kept (why.lua, warnings.lua): too much to say
-- is nothing to lose a pass for.
local WHY = list(schema.string(65536), MANY)

local PATH = schema.where(function(value)
  return type(value) == "string" and path_key.canonical(value) == value
end, 'a path such as "/" or "/shop/cart"', "path", { max = path_key.LONGEST })

local FILE_SAFE = schema.where(function(value)
  return type(value) == "string" and #value <= 100 and value:find("^%w[%w._-]*$") ~= nil
end, 'a name of at most 100 letters, digits, ".", "_" and "-"', "label", { max = 100 })

local ENTRY = record({
  cluster = CLUSTER_NAME, service = NAME, color = NAME, weight = WEIGHT,
  audience = AUDIENCE, ["cookie?"] = route_shape.cookie, why = WHY,
})

local ROUTE = record({
  path = PATH, ["match?"] = route_shape.match, service = SERVICES, audience = AUDIENCE,
  clusters = list(ENTRY, MANY), ["hash?"] = route_shape.hash,
  ["mirrors?"] = route_shape.mirrors(CLUSTER_NAME), ["timeout?"] = route_shape.limit,
  ["idle_timeout?"] = route_shape.limit, ["retries?"] = route_shape.retries, why = WHY,
})

local REMOVED = record({
  path = PATH, ["match?"] = route_shape.match, ["cluster?"] = CLUSTER_NAME,
  ["service?"] = SERVICES, ["color?"] = NAME, ["weight?"] = WEIGHT, ["audience?"] = AUDIENCE,
  ["because?"] = name(100), why = WHY,
})

local LISTENER = record({
  name = FILE_SAFE, mesh = NAME, port = PORT, audience = AUDIENCE,
  routes = list(ROUTE, MANY), ["removed?"] = list(REMOVED, MANY),
})

local ENDPOINT = record({
  id = NAME, address = name(253), family = schema.one_of({ "ipv4", "ipv6", "host" }),
  port = PORT, ["zone?"] = NAME, health = schema.one_of({ "healthy", "unhealthy", "unknown" }),
  ["priority?"] = integer(0, 127), since = TIME, ["health_since?"] = TIME,
  ["gone_since?"] = TIME, ["lent_by?"] = CLUSTER_NAME, attributes = map(VALUE, 1024),
})

mesh_shape.cluster = record({
  name = CLUSTER_NAME, mesh = NAME, service = NAME, color = NAME, cloudmap_service = NAME,
  http2 = schema.boolean, attributes = map(VALUE, 1024), since = map(TIME, 1024),
  age = TIME, stale = schema.boolean, ["linger?"] = schema.boolean,
  endpoints = list(ENDPOINT, MANY),
})

local WARNING = record({
  code = name(100), message = name(4096), ["mesh?"] = NAME, ["service?"] = NAME,
  ["path?"] = PATH, ["listener?"] = FILE_SAFE, ["attribute?"] = NAME, ["instance?"] = NAME,
})

local MEMBER = record({
  mesh = NAME, service = NAME, color = NAME, cloudmap_service = NAME,
})

local MESH = record({
  ["member?"] = MEMBER,
  ["zone?"] = NAME,
  listeners = list(LISTENER, 1000),
  clusters = list(mesh_shape.cluster, MANY),
  ["warnings?"] = list(WARNING, MANY),
})

---The shapes of records by the names that policies/meta gives them.
mesh_shape.records = {
  Mesh = MESH, Member = MEMBER, Listener = LISTENER, Route = ROUTE, Entry = ENTRY,
  Removed = REMOVED, Cluster = mesh_shape.cluster, Endpoint = ENDPOINT, Warning = WARNING,
  Cookie = route_shape.cookie, Retries = route_shape.retries,
  Mirror = select(2, route_shape.mirrors(CLUSTER_NAME)),
}
for key, shape in next, route_shape.records do mesh_shape.records[key] = shape end

-- Notes `value` in `taken`; a fault when it was there.
local function unique(taken, value, place, what)
  if taken[value] then
    local path = place .. (what == "" and "" or "." .. what)
    return ("%s: %s stands at %s too"):format(path, text.show(value), taken[value]), path
  end
  taken[value] = place
end

-- A fault when no cluster has the name that `item` gives.
local function named(item, here, clusters)
  if clusters.known[item.cluster] then return nil end
  local path = here .. ".cluster"
  return ("%s: no cluster has the name %s%s"):format(path, text.quote(item.cluster),
    nearest.hint(item.cluster, clusters.names)), path
end

local function check_entries(route, place, clusters)
  local taken = {}
  for i, entry in ipairs(route.clusters) do
    local here = ("%s.clusters[%d]"):format(place, i)
    local message, path = named(entry, here, clusters)
    if message then return message, path end
    message, path = unique(taken, entry.cluster .. "\0" .. entry.audience, here, "")
    if message then
      return ("%s: the route names %s twice"):format(here, text.quote(entry.cluster)), path
    end
  end
  for i, mirror in ipairs(route.mirrors or {}) do
    local message, path = named(mirror, ("%s.mirrors[%d]"):format(place, i), clusters)
    if message then return message, path end
  end
end

-- A path stands once, or several times with different conditions.
local function check_identity(route, here, taken)
  local key = route_label.key(route.path, route.match)
  if taken[key] then
    local path = here .. (route.match and ".match" or ".path")
    return ("%s: %s stands at %s too"):format(path,
      text.quote(route_label.of(route.path, route.match)), taken[key]), path
  end
  taken[key] = here
  local fault = route_shape.variants_fault(route.match)
  if fault then return ("%s.match: %s"):format(here, fault), here .. ".match" end
end

local function check_routes(listener, place, clusters)
  local taken = {}
  for i, route in ipairs(listener.routes) do
    local here = ("%s.routes[%d]"):format(place, i)
    local message, path = check_identity(route, here, taken)
    if not message then message, path = check_entries(route, here, clusters) end
    if message then return message, path end
  end
end

-- What no single record shows: names that are unique or exist elsewhere.
local function check_references(mesh)
  local clusters, taken = { names = {}, known = {} }, {}
  for i, cluster in ipairs(mesh.clusters) do
    local message, path = unique(taken, cluster.name, ("clusters[%d]"):format(i), "name")
    if message then return message, path end
    clusters.known[cluster.name], clusters.names[i] = true, cluster.name
  end
  local names, ports = {}, {}
  for i, listener in ipairs(mesh.listeners) do
    local here = ("listeners[%d]"):format(i)
    local message, path = unique(names, listener.name, here, "name")
    if not message then message, path = unique(ports, listener.port, here, "port") end
    if not message then message, path = check_routes(listener, here, clusters) end
    if message then return message, path end
  end
end

---Checks a mesh before and after a policy: its shape, that names are unique,
---and that each route's clusters exist.
---@param mesh any
---@return string? message with its path
---@return string? path
function mesh_shape.check(mesh)
  local message, path = schema.check(MESH, mesh)
  if message then return message, path end
  return check_references(mesh)
end

local function check_published(listener, place)
  for i, route in ipairs(listener.routes) do
    local here = ("%s.routes[%d]"):format(place, i)
    local taken = {}
    for j, entry in ipairs(route.clusters) do
      local path = ("%s.clusters[%d]"):format(here, j)
      if listener.audience == "public" and entry.audience == "private" then
        return ("%s: %s of %s is private and %s is a public listener; does policies/init.lua "
          .. 'name "audience"?'):format(path, text.quote(route.path), text.quote(entry.cluster),
          listener.name), path
      end
      if taken[entry.cluster] then
        return ('%s: the route names %s twice; does policies/init.lua name "audience"?')
          :format(path, text.quote(entry.cluster)), path
      end
      taken[entry.cluster] = true
    end
  end
end

local function check_endpoints(cluster, place)
  for i, endpoint in ipairs(cluster.endpoints) do
    if address.family(endpoint.address) ~= endpoint.family then
      local path = ("%s.endpoints[%d].address"):format(place, i)
      return ("%s: expected an address of family %s, got %s"):format(path, endpoint.family,
        text.quote(endpoint.address)), path
    end
  end
end

---What else must hold once the last policy has run: nothing private on a public
---listener, each cluster at most once in a route, addresses that Envoy can read.
---@param plan table that `check` has found right
---@return string? message with its path
---@return string? path
function mesh_shape.check_plan(plan)
  for i, listener in ipairs(plan.listeners) do
    local message, path = check_published(listener, ("listeners[%d]"):format(i))
    if message then return message, path end
  end
  for i, cluster in ipairs(plan.clusters) do
    local message, path = check_endpoints(cluster, ("clusters[%d]"):format(i))
    if message then return message, path end
  end
end

return mesh_shape
