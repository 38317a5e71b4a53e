-- Reads one Cloud Map service of a snapshot, that is one service-color: its
-- settings, its path keys and its endpoints. Whatever is wrong is skipped with
-- a warning that names service and attribute; the rest counts.

local endpoint = require("nightjar.plan.endpoint")
local path_key = require("nightjar.plan.path_key")
local seconds = require("nightjar.plan.seconds")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")
local weight = require("nightjar.plan.weight")

local byte, find = string.byte, string.find

local service = {}

-- This instance holds settings and is never an endpoint.
local SETTINGS_INSTANCE = "service-settings"

local LONGEST = 8192 -- bytes of a value

local HTTP2 = {
  yes = true, ["true"] = true, enabled = true, active = true, ["1"] = true, http2 = true,
  no = false, ["false"] = false, disabled = false, inactive = false, ["0"] = false, [""] = false,
}

local function as_text(value)
  if type(value) == "string" then return #value <= LONGEST and text.trim(value) or nil end
  if math.type(value) == "integer" or type(value) == "boolean" then return tostring(value) end
end

-- Printable ASCII without blanks at its ends, so nothing to look at twice.
local function is_plain(value, limit)
  if type(value) ~= "string" or #value > limit then return false end
  if not find(value, "[^!-~]") then return true end
  return not find(value, "[^ -~]") and byte(value) ~= 32 and byte(value, -1) ~= 32
end

-- A copy of attributes that need no mending, which is what most are; else nil.
local function plain_attributes(attributes)
  local result = {}
  for key, value in next, attributes do
    if key == "" or not is_plain(key, 1024) or not is_plain(value, LONGEST) then return nil end
    result[key] = value
  end
  return result
end

-- The attributes whose names and values are text, in order, so that what is
-- said of them is said in order too.
local function mend_attributes(attributes, warn)
  local result = {}
  for key, value in sorted.pairs(attributes) do
    local name, clean = text.trim(key), as_text(value)
    if not clean or not utf8.len(clean) then
      warn("bad_value", text.clean(key, 255), ("the value is no text of at most %d bytes; the "
        .. "attribute is left out"):format(LONGEST))
    elseif not text.is_name(name, 1024) then
      warn("bad_key", text.clean(key, 255), "the name holds control characters or is empty or "
        .. "too long; the attribute is left out")
    elseif result[name] == nil then
      result[name] = clean
    end
  end
  return result
end

---The attributes whose names and values are text, trimmed.
---@param attributes any as found in the snapshot
---@param warn fun(code: string, attribute: string?, message: string)
---@return table<string, string>
function service.attributes(attributes, warn)
  if type(attributes) ~= "table" then return {} end
  return plain_attributes(attributes) or mend_attributes(attributes, warn)
end

-- A name that people gave, or the default in its place.
local function name_of(attributes, key, default, warn)
  local value = attributes[key]
  if not value or value == "" then return default end
  if text.is_name(value) then return value end
  warn("bad_name", key, ("%s is no name (control characters, or more than 255 bytes); %s is "
    .. "used"):format(text.quote(value), text.quote(default)))
  return default
end

local function http2_of(attributes, warn)
  local value = attributes.HTTP2
  if not value then return false end
  local on = HTTP2[value:lower()]
  if on == nil then
    warn("bad_http2", "HTTP2", ('%s is none of "yes", "true", "enabled", "active", "1", '
      .. '"http2"; HTTP/2 stays off'):format(text.quote(value)))
  end
  return on or false
end

local function weight_of(key, value, warn)
  local number = weight.parse(value)
  if number then
    return number, ("key %s: %d"):format(text.quote(key), number)
  end
  warn("bad_weight", key, ("the weight %s is not an integer from 0 to %d; 1 is used")
    :format(text.quote(value), weight.MAX))
  return 1, ("key %s: 1, as %s is no weight"):format(text.quote(key), text.quote(value))
end

---The path keys, in byte order: the first of two that mean the same wins.
---@return table[] { path, audience, weight, why }
local function read_keys(attributes, warn)
  local keys, taken = {}, {}
  for key, value in sorted.pairs(attributes) do
    local path, audience = path_key.parse(key)
    if not path then
      if audience then
        warn("bad_key", key, ("the path key %s; it is left out"):format(audience))
      end
    elseif taken[audience .. path] then
      warn("duplicate_key", key, ("means the same as %s, which is used")
        :format(text.quote(taken[audience .. path])))
    else
      taken[audience .. path] = key
      local number, why = weight_of(key, value, warn)
      keys[#keys + 1] = { path = path, audience = audience, weight = number, why = why }
    end
  end
  return keys
end

local RANK = { healthy = 3, unknown = 2, unhealthy = 1 }

-- Adds an endpoint. Of two with one address the healthier stays: the other is
-- a registration that a dead task left behind.
local function add_endpoint(list, places, new, warn)
  local place = new.address .. " " .. new.port
  local index = places[place]
  if not index then
    list[#list + 1], places[place] = new, #list + 1
    return
  end
  local old = list[index]
  local winner = RANK[new.health] > RANK[old.health] and new or old
  list[index] = winner
  warn("duplicate_endpoint", nil, ("instances %s and %s have the same address and port; %s is "
    .. "used"):format(text.quote(old.id), text.quote(new.id), text.quote(winner.id)))
end

local function by_id(a, b)
  return a.id < b.id
end

local function read_endpoints(instances, context, warn_of)
  local list, places, ids = {}, {}, {}
  for i, instance in ipairs(type(instances) == "table" and instances or {}) do
    local id = type(instance) == "table" and instance.id
    if not text.is_name(id, 1024) then
      warn_of(nil)("bad_instance", nil, ("instance %d has no usable id; it is left out"):format(i))
    elseif ids[id] then
      warn_of(id)("bad_instance", nil, "stands there twice; the first is used")
    elseif id ~= SETTINGS_INSTANCE then
      ids[id] = true
      local warn = warn_of(id)
      local attributes = service.attributes(instance.attributes, warn)
      local new = endpoint.read(instance, attributes, context, warn)
      if new then add_endpoint(list, places, new, warn) end
    end
  end
  sorted.sort(list, by_id)
  return list
end

local function read_times(since)
  local result = {}
  if type(since) ~= "table" then return result end
  for key, value in sorted.pairs(since) do
    if text.is_name(key, 1024) then result[key] = seconds.read(value) end
  end
  return result
end

-- Warnings about this service, or about one of its instances.
local function warner(warnings, mesh_name, service_name)
  return function(instance_id)
    return function(code, attribute, message)
      local subject = ("mesh %s: service %s"):format(text.quote(mesh_name),
        text.quote(service_name))
      if instance_id then subject = subject .. ": instance " .. text.quote(instance_id) end
      if attribute then subject = subject .. ": attribute " .. text.quote(attribute) end
      warnings:add(code, subject .. ": " .. message, {
        mesh = mesh_name, service = service_name, instance = instance_id, attribute = attribute,
      })
    end
  end
end

---@param source table one service of the snapshot, with a usable `name`
---@param where table { mesh = name, cluster = name for Envoy, now = seconds, and of this host what
---       endpoint.read must know }
---@param warnings Warnings
---@return table cluster
---@return table[] keys { path, audience, weight, why } in byte order of the keys
function service.read(source, where, warnings)
  local warn_of = warner(warnings, where.mesh, source.name)
  local warn = warn_of(nil)
  local attributes = service.attributes(source.attributes, warn)
  local read_at = seconds.read(source.read_at, where.now)
  local cluster = {
    name = where.cluster,
    mesh = where.mesh,
    service = name_of(attributes, "SERVICE", source.name, warn),
    color = name_of(attributes, "COLOR", "default", warn),
    cloudmap_service = source.name,
    http2 = http2_of(attributes, warn),
    attributes = attributes,
    since = read_times(source.since),
    -- A clock that was set back must not make data younger than new.
    age = math.max(0, where.now - read_at),
    stale = source.stale == true,
    endpoints = read_endpoints(source.instances, where, warn_of),
  }
  return cluster, read_keys(attributes, warn)
end

return service
