--- The shape of a mesh file: a closed check that names path and expectation.
---
--- Pure. The whole file must be a mapping with a list of namespaces; below that one bad thing
--- is left out and named, and the rest goes on.
local json = require "host.json"
local messages = require "nightjar.text"
local nearest = require "nightjar.nearest"

local mesh_file = {}

local function is_mapping(value)
  return type(value) == "table" and not json.is_array(value)
end

local function is_list(value)
  return type(value) == "table" and (json.is_array(value) or next(value) == nil)
end

local function absent(value) return value == nil or value == json.null end

local function show(value)
  if absent(value) then return "nothing" end
  if type(value) == "string" then return ("%q"):format(value:sub(1, 60)) end
  if type(value) == "table" then return json.is_array(value) and "a list" or "a mapping" end
  return tostring(value)
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- A YAML scalar as Cloud Map would hold it: text. Nil for a list, a mapping or null.
---@param value any
---@return string?
function mesh_file.text_of(value)
  if type(value) == "string" then return value end
  if type(value) == "boolean" then return tostring(value) end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if math.type(value) == "float" then
    local whole = math.tointeger(value)
    return whole and ("%d"):format(whole) or ("%.14g"):format(value)
  end
  return nil
end

-- Readers of single fields: value → result, or nil and what was expected.
local readers = {}

function readers.text(value)
  local text = mesh_file.text_of(value)
  text = text and messages.trim(text)
  if text and text ~= "" then return text end
  return nil, "text"
end

function readers.port(value)
  if type(value) == "string" and value:find("^%d+$") then value = tonumber(value) end
  local number = math.type(value) == "integer" and value or nil
  if number and number >= 1 and number <= 65535 then return number end
  return nil, "an integer from 1 to 65535"
end

function readers.switch(value)
  if type(value) == "boolean" then return value end
  return nil, "true or false"
end

function readers.health(value)
  local words = { healthy = "HEALTHY", unhealthy = "UNHEALTHY", unknown = "UNKNOWN" }
  local found = type(value) == "string" and words[value:lower()]
  if found then return found end
  return nil, "healthy, unhealthy or unknown"
end

function readers.list(value)
  if is_list(value) then return value end
  return nil, "a list"
end

function readers.attributes(value)
  if not is_mapping(value) then return nil, "a mapping from name to value" end
  local attributes = {}
  for _, key in ipairs(sorted_keys(value)) do
    local text = mesh_file.text_of(value[key])
    if not text then return nil, "a single value", "." .. key end
    attributes[key] = text
  end
  return attributes
end

local NAMESPACE = { name = "text", id = "text", own = "switch", port = "port", services = "list" }
local SERVICE = { name = "text", id = "text", attributes = "attributes", instances = "list" }
local INSTANCE = { id = "text", ipv4 = "text", ipv6 = "text", host = "text", port = "port",
  zone = "text", health = "health", attributes = "attributes" }

-- The fields of one mapping, or nil and a message with the path of what is wrong.
local function read_fields(value, path, fields, required)
  if not is_mapping(value) then
    return nil, ("%s: expected a mapping, got %s"):format(path, show(value))
  end
  local result, names = {}, sorted_keys(fields)
  for _, key in ipairs(sorted_keys(value)) do
    if not fields[key] then
      return nil, ("%s.%s: unknown key%s"):format(path, key, nearest.hint(key, names))
    end
  end
  for _, key in ipairs(names) do
    if not absent(value[key]) then
      local read, expected, below = readers[fields[key]](value[key])
      if read == nil then
        return nil, ("%s.%s%s: expected %s, got %s"):format(path, key, below or "", expected,
          show(below and value[key][below:sub(2)] or value[key]))
      end
      result[key] = read
    end
  end
  for _, key in ipairs(required) do
    if result[key] == nil then return nil, ("%s.%s: expected %s, got nothing"):format(path, key,
      select(2, readers[fields[key]](nil))) end
  end
  return result
end

local ADDRESS = { ipv4 = "AWS_INSTANCE_IPV4", ipv6 = "AWS_INSTANCE_IPV6",
  host = "AWS_INSTANCE_CNAME", zone = "AVAILABILITY_ZONE" }

-- An instance as Cloud Map would give it.
local function read_instance(value, path)
  local fields, err = read_fields(value, path, INSTANCE, { "id" })
  if not fields then return nil, err end
  local attributes = fields.attributes or {}
  for name, key in pairs(ADDRESS) do attributes[key] = fields[name] or attributes[key] end
  if fields.port then attributes.AWS_INSTANCE_PORT = ("%d"):format(fields.port) end
  return { id = fields.id, attributes = attributes, health = fields.health or "HEALTHY" }
end

-- A service with all its instances; one bad instance makes the service bad, because a part of
-- a service must not be taken for the whole.
local function read_service(value, path)
  local fields, err = read_fields(value, path, SERVICE, { "name" })
  if not fields then
    local name = is_mapping(value) and readers.text(value.name)
    local id = name and readers.text(value.id) or name
    return name and { name = name, id = id } or nil, err
  end
  local service = { name = fields.name, id = fields.id or fields.name }
  local instances, ids = {}, {}
  for position, item in ipairs(fields.instances or {}) do
    local where = ("%s.instances[%d]"):format(path, position)
    local instance, problem = read_instance(item, where)
    if not instance then return service, problem end
    if ids[instance.id] then
      return service, ("%s.id: expected an id not given before, got %s"):format(where,
        show(instance.id))
    end
    ids[instance.id] = true
    instances[position] = instance
  end
  service.own, service.instances = fields.attributes or {}, instances
  return service
end

local function read_services(list, path, problems)
  local services, taken = {}, {}
  for position, item in ipairs(list) do
    local where = ("%s.services[%d]"):format(path, position)
    local service, err = read_service(item, where)
    if service and (taken["name " .. service.name] or taken["id " .. service.id]) then
      service, err = nil, where .. ".name: expected a name and id not given before, got "
        .. show(service.name)
    end
    if service then
      taken["name " .. service.name], taken["id " .. service.id] = true, true
      service.error = err
      services[#services + 1] = service
    end
    if err then
      problems[#problems + 1] = { path = where, message = err, service = service and service.name }
    end
  end
  return services
end

-- A namespace; one whose own fields are bad keeps its name, so that its last good data stays.
local function read_namespace(item, path, problems)
  local fields, err = read_fields(item, path, NAMESPACE, { "name" })
  if fields then
    local found = #problems
    local services = read_services(fields.services or {}, path, problems)
    for index = found + 1, #problems do problems[index].mesh = fields.name end
    return { name = fields.name, id = fields.id or fields.name, own = fields.own or false,
      port = fields.port, path = path, services = services }
  end
  local name = is_mapping(item) and readers.text(item.name)
  problems[#problems + 1] = { message = err, mesh = name or nil }
  if not name then return nil end
  return { name = name, id = readers.text(item.id) or name, own = item.own == true,
    port = readers.port(item.port), path = path, error = err }
end

local function read_namespaces(list, problems)
  local namespaces, taken, own = {}, {}, nil
  for position, item in ipairs(list) do
    local path = ("namespaces[%d]"):format(position)
    local namespace = read_namespace(item, path, problems)
    if namespace then
      if namespace.own and own then
        return nil, ("%s.own: expected one own namespace, but %s is own too"):format(path, own)
      elseif taken[namespace.id] then
        return nil, ("%s.id: expected an id (or name) not given before, got %s"):format(path,
          show(namespace.id))
      end
      own, taken[namespace.id] = own or namespace.own and path or nil, true
      namespaces[#namespaces + 1] = namespace
    end
  end
  return namespaces
end

--- Checks a decoded mesh file.
---
--- A bad namespace or service that can be told by its name stays in its list with `error` in
--- place of its data; `problems` names each bad thing.
---@param value any  what host.yaml made of the file
---@return {member: string?, namespaces: table[]}?
---@return table[]|string problems  {message, service?, mesh?}; the message when all is wrong
function mesh_file.check(value)
  if not is_mapping(value) then
    return nil, "expected a mapping with namespaces, got " .. show(value)
  end
  for _, key in ipairs(sorted_keys(value)) do
    if key ~= "member" and key ~= "namespaces" then
      return nil, ("%s: unknown key%s"):format(key, nearest.hint(key, { "member", "namespaces" }))
    end
  end
  if absent(value.namespaces) or not is_list(value.namespaces) then
    return nil, "namespaces: expected a list, got " .. show(value.namespaces)
  end
  local member
  if not absent(value.member) then
    member = readers.text(value.member)
    if not member then
      return nil, "member: expected a service's name, got " .. show(value.member)
    end
  end
  local problems = {}
  local namespaces, err = read_namespaces(value.namespaces, problems)
  if not namespaces then return nil, err end
  return { member = member, namespaces = namespaces }, problems
end

return mesh_file
