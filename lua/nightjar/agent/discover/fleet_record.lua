--- What the agents of a mesh share: one reading of one namespace as JSON, which is their lease too.
---
--- Pure. Equal data are equal bytes, so that a reading that changed nothing keeps its ETag. What
--- comes back is foreign: a closed check names what is wrong in it.
local clean = require("nightjar.text").clean
local json = require "host.json"

local record = {}

record.FORMAT = 1
--- Bytes and values of a record: 1,000 service-colors with 20 instances each are some 5 MiB, and
--- 233,000 values. A value takes some 150 bytes of memory, and two in the record would do.
record.MAX_BYTES = 32 * 1024 * 1024
local MAX_VALUES = 1000000
-- A reading has one warning of a kind, and there are few kinds.
local MOST_WARNINGS = 100
-- Of a foreign name in a message, in bytes.
local LONGEST_NAME = 200

---@class FleetRecord
---@field mesh {id: string, name: string, arn: string?}
---@field leader string  who wrote it, 16 hexadecimal digits
---@field every number  seconds between two passes of the leader
---@field reading boolean?  a claim: the leader reads, and its result is still to come
---@field age integer?  seconds that the services of a claim were old when it was written
---@field services FleetService[]?  sorted by name and id; nil: a claim without data
---@field warnings {code: string, message: string}[]

---@class FleetService  a service of a snapshot; one that nobody could read has an error alone
---@field id string
---@field name string
---@field arn string?
---@field attributes table<string, string>?
---@field since table<string, integer>?
---@field instances table[]?
---@field service_level boolean?
---@field stale boolean?
---@field error string?
---@field read_at integer?  in the record of a stale one only: all others were read a moment ago

local function service_of(service)
  local instances
  if service.instances then
    instances = json.array {}
    for position, one in ipairs(service.instances) do
      instances[position] = { id = one.id, attributes = one.attributes, health = one.health,
        since = one.since, health_since = one.health_since }
    end
  end
  return { id = service.id, name = service.name, arn = service.arn,
    attributes = service.attributes, since = service.since, instances = instances,
    service_level = service.service_level or nil, stale = service.stale or nil,
    error = service.error, read_at = service.stale and service.read_at or nil }
end

--- Writes a record.
---@param value FleetRecord
---@return string
function record.encode(value)
  local services
  if value.services then
    services = json.array {}
    for position, service in ipairs(value.services) do services[position] = service_of(service) end
  end
  return assert(json.encode { format = record.FORMAT, leader = value.leader, every = value.every,
    mesh = { id = value.mesh.id, name = value.mesh.name, arn = value.mesh.arn },
    reading = value.reading or nil, age = value.age, services = services,
    warnings = json.array(table.move(value.warnings, 1, #value.warnings, 1, {})) })
end

local function is_object(value) return type(value) == "table" and not json.is_array(value) end

-- What a field may be: value and the latest time that is believed → whether it is so.
local kinds = {}
function kinds.text(value) return type(value) == "string" and value ~= "" end
function kinds.flag(value) return value == true end
function kinds.number(value) return math.type(value) ~= nil and value >= 0 and value < 1e9 end
function kinds.integer(value) return math.type(value) == "integer" and value >= 0 end
function kinds.age(value) return kinds.integer(value) and value < 1e9 end
function kinds.object(value) return is_object(value) end
function kinds.list(value) return type(value) == "table" and json.is_array(value) end
function kinds.time(value, latest) return kinds.integer(value) and value <= latest end

function kinds.texts(value)
  if not is_object(value) then return false end
  for _, one in pairs(value) do
    if type(one) ~= "string" then return false end
  end
  return true
end

function kinds.times(value, latest)
  if not is_object(value) then return false end
  for _, one in pairs(value) do
    if not kinds.time(one, latest) then return false end
  end
  return true
end

local SAYS = { text = "text", flag = "true", number = "a number of seconds", object = "an object",
  integer = "a whole number", age = "a whole number of seconds below 1e9", list = "a list",
  texts = "texts by name", time = "a time that has been", times = "times by name that have been" }

-- `!` marks what must be there.
local RECORD = { format = "integer!", mesh = "object!", leader = "text!", every = "number!",
  reading = "flag", age = "age", services = "list", warnings = "list!" }
local MESH = { id = "text!", name = "text!", arn = "text" }
local WARNING = { code = "text!", message = "text!" }
local SERVICE = { id = "text!", name = "text!", arn = "text", attributes = "texts!",
  since = "times!", instances = "list!", service_level = "flag", stale = "flag", error = "text",
  read_at = "time" }
local UNREAD = { id = "text!", name = "text!", arn = "text", error = "text!" }
local INSTANCE = { id = "text!", attributes = "texts!", health = "text!", since = "time!",
  health_since = "time!" }

-- Nil when an object has these fields and no others, else what is wrong: of several faults the
-- first by its letters, so that a record reads the same each time.
local function fault_of(value, path, shape, latest)
  if not is_object(value) then return path .. ": expected an object" end
  local fault
  local function add(message)
    if not fault or message < fault then fault = message end
  end
  for name in pairs(value) do
    if not shape[name] then add(("%s: unknown key %q"):format(path, clean(tostring(name), 40))) end
  end
  for name, kind in pairs(shape) do
    local plain = kind:gsub("!", "")
    local field = value[name]
    if field == nil and kind ~= plain or field ~= nil and not kinds[plain](field, latest) then
      add(("%s.%s: expected %s"):format(path, name, SAYS[plain]))
    end
  end
  return fault
end

-- Each element of a list has the shape, and no two have one id.
local function list_fault(list, path, shape_of, latest)
  local ids = {}
  for position, item in ipairs(list) do
    local where = ("%s[%d]"):format(path, position)
    local fault = fault_of(item, where, shape_of(item), latest)
    if fault then return fault end
    if item.id and ids[item.id] then return where .. ".id: expected one not given before" end
    ids[item.id or ""] = item.id and true
  end
end

local function service_shape(item)
  return is_object(item) and (item.attributes or item.instances) and SERVICE or UNREAD
end

local function service_fault(service, path, latest)
  if not service.attributes then return nil end
  if (service.stale or false) ~= (service.read_at ~= nil)
    or (service.stale or false) ~= (service.error ~= nil) then
    return path .. ": expected stale, error and read_at together"
  end
  for name in pairs(service.attributes) do
    if not service.since[name] then
      return ("%s.since: expected one for each attribute"):format(path)
    end
  end
  return list_fault(service.instances, path .. ".instances", function() return INSTANCE end,
    latest)
end

local function services_fault(services, latest)
  local fault = list_fault(services, "services", service_shape, latest)
  for position, service in ipairs(fault and {} or services) do
    fault = fault or service_fault(service, ("services[%d]"):format(position), latest)
  end
  return fault
end

local function check(value, latest)
  local fault = fault_of(value, "record", RECORD, latest)
    or fault_of(value.mesh, "mesh", MESH, latest)
    or list_fault(value.warnings, "warnings", function() return WARNING end, latest)
  if fault then return fault end
  if #value.warnings > MOST_WARNINGS then
    return ("warnings: expected at most %d"):format(MOST_WARNINGS)
  end
  if not value.services and not value.reading then return "services: expected a list" end
  if value.age and not value.reading then return "record.age: expected in a claim only" end
  return services_fault(value.services or {}, latest)
end

--- Reads a record of one namespace. The message names what is wrong in it, and is the same for as
--- long as that is so.
---@param text string
---@param namespace {id: string, arn: string?}  whose it must be
---@param latest integer  the latest time that is believed, unix seconds
---@return FleetRecord?
---@return string? err
function record.decode(text, namespace, latest)
  local value, err = json.decode(text,
    { max_bytes = record.MAX_BYTES, max_nodes = MAX_VALUES })
  if not is_object(value) then return nil, "no JSON object: " .. (err or "something else") end
  if value.format ~= record.FORMAT then
    return nil, ("format: expected %d: another version of nightjar wrote it"):format(record.FORMAT)
  end
  local fault = check(value, latest)
  if fault then return nil, fault end
  local mesh = value.mesh
  if mesh.id ~= namespace.id or mesh.arn and namespace.arn and mesh.arn ~= namespace.arn then
    return nil, ("mesh: expected %s, got %s"):format(namespace.arn or namespace.id,
      clean(mesh.arn or mesh.id, LONGEST_NAME))
  end
  value.format = nil
  return value
end

return record
