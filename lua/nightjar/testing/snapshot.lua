-- Writes snapshots in few words, for the specs of policies: paths with weights become services
-- with attributes and instances, as discovery would find them. Pure.

local messages = require "nightjar.text"
local nearest = require "nightjar.nearest"

local snapshot = {}

local OWN_MESH, OWN_PORT, OTHER_PORT = "mesh", 8080, 9001
local AN_HOUR = 3600 -- seconds: endpoints and attributes have been there for that long

-- What a color can say besides its weight and its attributes.
local COLOR_FIELDS = { "age", "endpoints", "since", "stale", "unhealthy", "zones" }
local ENDPOINT_FIELDS = { "address", "health", "id", "port", "since", "zone" }

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function unknown(where, name, known)
  error(("%s: unknown field %s%s"):format(where, messages.show(name),
    type(name) == "string" and nearest.hint(name, known) or ""), 0)
end

local function is_path(key)
  return type(key) == "string" and key:find("^[/?*%[]") ~= nil
end

-- `/shop/cart` belongs to the service "shop", `/` to "web".
local function service_of(path)
  return path:gsub("^%b[]", ""):match("[^/?*]+") or "web"
end

local function instance(number, fields, world)
  for key in pairs(fields) do
    local known = false
    for _, name in ipairs(ENDPOINT_FIELDS) do known = known or name == key end
    if not known then unknown("endpoints", key, ENDPOINT_FIELDS) end
  end
  world.count = world.count + 1
  local since = fields.since or world.now - AN_HOUR
  return {
    id = fields.id or ("task-%d"):format(number), health = (fields.health or "healthy"):upper(),
    since = since, health_since = since,
    attributes = { AWS_INSTANCE_PORT = tostring(fields.port or 8080),
      AWS_INSTANCE_IPV4 = fields.address
        or ("10.0.%d.%d"):format(world.count // 250, world.count % 250 + 1),
      AVAILABILITY_ZONE = fields.zone },
  }
end

local function times(count, fields)
  local list = {}
  for i = 1, count do list[i] = fields end
  return list
end

-- What the fields `endpoints`, `zones` and `unhealthy` say, as a list.
local function endpoint_list(color)
  local list = {}
  for _, zone in ipairs(sorted_keys(color.zones or {})) do
    table.move(times(color.zones[zone], { zone = zone }), 1, color.zones[zone], #list + 1, list)
  end
  local given = color.endpoints or (not color.zones and not color.unhealthy and 1 or 0)
  if type(given) == "number" then given = times(given, {}) end
  table.move(given, 1, #given, #list + 1, list)
  local sick = color.unhealthy or 0
  return table.move(times(sick, { health = "unhealthy" }), 1, sick, #list + 1, list)
end

local function since_of(attributes, given, now)
  local since = {}
  for key in pairs(attributes) do
    local own = given
    if type(given) == "table" then own = given[key] end
    since[key] = own or now - AN_HOUR
  end
  return since
end

-- One service-color under way: attributes, and what was said of endpoints and times.
local function color_of(services, service, color)
  services[service] = services[service] or {}
  local one = services[service][color] or { attributes = {} }
  services[service][color] = one
  return one
end

local function take_field(one, where, key, value)
  if is_path(key) or type(key) == "string" and key:find("^%u") then
    one.attributes[key] = tostring(value)
    return
  end
  for _, name in ipairs(COLOR_FIELDS) do
    if key == name then
      one[key] = value
      return
    end
  end
  unknown(where, key, COLOR_FIELDS)
end

-- A color is a weight, or a table: the weight first, then fields and attributes.
local function take_color(services, where, service, color, given, path)
  local one = color_of(services, service, color)
  if math.type(given) == "integer" then given = { given } end
  if type(given) ~= "table" then
    error(("%s: expected a weight or a table, got %s"):format(where, messages.show(given)), 0)
  end
  for key, value in pairs(given) do
    if key == 1 and path then
      one.attributes[path] = tostring(value)
    else
      take_field(one, where, key, value)
    end
  end
end

local function take_path(services, path, given)
  if type(given) ~= "table" then given = { default = given } end
  for color, value in pairs(given) do
    local where = ("[%q].%s"):format(path, tostring(color))
    if type(color) ~= "string" then unknown(("[%q]"):format(path), color, {}) end
    take_color(services, where, service_of(path), color, value, path)
  end
end

local function write_service(service, color, one, world)
  local attributes = one.attributes
  attributes.SERVICE = attributes.SERVICE or service
  attributes.COLOR = attributes.COLOR or color
  local name = color == "default" and service or service .. "-" .. color
  local result = { name = name, id = "srv-" .. name, attributes = attributes, instances = {},
    read_at = world.now - (one.age or 0), stale = one.stale,
    since = since_of(attributes, one.since, world.now) }
  for i, fields in ipairs(endpoint_list(one)) do
    result.instances[i] = instance(i, fields, world)
  end
  return result
end

-- The services of one mesh: what its paths and its `services` say.
local function services_of(part, world)
  local services, list = {}, {}
  for key, value in pairs(part) do
    if is_path(key) then take_path(services, key, value) end
  end
  for service, colors in pairs(part.services or {}) do
    for color, given in pairs(colors) do
      take_color(services, ("services.%s.%s"):format(service, color), service, color, given)
    end
  end
  for _, service in ipairs(sorted_keys(services)) do
    for _, color in ipairs(sorted_keys(services[service])) do
      list[#list + 1] = write_service(service, color, services[service][color], world)
    end
  end
  return list
end

local function mesh_of(part, name, port, audience, world)
  return { ref = audience == "private" and "own" or "NAMESPACE_" .. port, name = name,
    id = "ns-" .. name, port = port, audience = audience, read_at = world.now,
    services = services_of(part, world) }
end

-- The Cloud Map service that `member` names: a service's name, or that of a service-color.
local function member_of(name, mesh)
  local found = name
  for _, service in ipairs(mesh.services) do
    if service.name == name then found = name break end
    if service.attributes.SERVICE == name then found = service.name end
  end
  return { mesh = mesh.name, mesh_id = mesh.id, service = found, id = "srv-" .. found }
end

local KNOWN = { "audience", "member", "meshes", "now", "policies", "previous", "services",
  "settings", "zone" }

local TYPES = { member = "string", meshes = "table", now = "integer", policies = "table",
  previous = "table", services = "table", settings = "table", zone = "string" }

local function check_type(key, value)
  local expected = TYPES[key]
  if expected and (math.type(value) or type(value)) ~= expected then
    error(("a mesh: %s: expected %s %s, got %s"):format(key, expected == "integer" and "an" or "a",
      expected, messages.show(value)), 0)
  elseif key == "audience" and value ~= "private" and value ~= "public" then
    error('a mesh: audience: expected "private" or "public", got ' .. messages.show(value), 0)
  end
end

local function check_fields(part, known)
  if type(part) ~= "table" then
    error("a mesh: expected a table, got " .. messages.show(part), 0)
  end
  for key, value in pairs(part) do
    check_type(key, value)
    local found = is_path(key)
    for _, name in ipairs(known) do found = found or key == name end
    if not found then unknown("a mesh", key, known) end
  end
end

---The snapshot of a mesh written in few words (see nightjar.testing).
---@param part table
---@param now integer unix seconds
---@return table snapshot
function snapshot.of(part, now)
  check_fields(part, KNOWN)
  local world = { now = now, count = 0 }
  local own = mesh_of(part, OWN_MESH, OWN_PORT, part.audience or "private", world)
  local meshes = { own }
  for i, name in ipairs(sorted_keys(part.meshes or {})) do
    check_fields(part.meshes[name], { "services" })
    meshes[i + 1] = mesh_of(part.meshes[name], name, OTHER_PORT + i - 1, "public", world)
  end
  return { format = 1, source = "file", taken_at = now, meshes = meshes, warnings = {},
    member = part.member and member_of(part.member, own) or nil }
end

return snapshot
