-- What of a bootstrap an Envoy does not run that was started with another one. Pure: both in, the
-- differences out. Only what the wanted one names is compared.

local json = require("host.json")

local difference = {}

---@class BootstrapDifference
---@field field string path: `node.id`, `stats_config.stats_tags[2].regex`
---@field expected string for a message
---@field actual string for a message

local MAX_VALUE = 80 -- bytes of a value in a message
-- Compared in part: the rest of them is the task's own business.
local IN_PART = { node = true, admin = true, dynamic_resources = true }
-- Envoy shows no secrets; nobody can tell whether they are the same.
local REDACTED = "[redacted]"
-- Switches of the shipped bootstrap that Envoy shows when they are off.
local SHOWN = { use_all_default_tags = true }

-- Protobuf takes `statsConfig` for `stats_config`, and Envoy shows the latter.
local function snake(key)
  return (tostring(key):gsub("%u", function(letter) return "_" .. letter:lower() end))
end

local function get(map, key)
  if type(map) ~= "table" then
    return nil
  end
  local value = map[key]
  if value == nil then
    value = map[snake(key)]
  end
  if value == nil and type(key) == "string" then -- the wanted one may be written either way
    value = map[key:gsub("_(%l)", string.upper)]
  end
  return value
end

local function at(map, ...)
  for _, key in ipairs { ... } do
    map = get(map, key)
  end
  return map
end

-- A scalar as Envoy might write it: 10000 and "10000", 0.5s and 0.500s are the same.
local function text(value)
  if math.type(value) == "integer" then
    return ("%d"):format(value)
  elseif type(value) == "number" then
    return ("%.14g"):format(value)
  elseif type(value) ~= "string" then
    return tostring(value)
  end
  local number, unit = value:match("^(%-?%d+%.?%d*)(s?)$")
  return number and ("%.14g"):format(tonumber(number)) .. unit or value
end

-- A word of an enumeration: nobody here knows its number, or whether it is the default.
local function is_word(value)
  return type(value) == "string" and value:match("^%u[%u%d_]+$") ~= nil
end

-- What Envoy leaves out when it shows a message. Messages are shown, be they empty: mappings,
-- durations of `0s`, and switches that are messages because they are on without a word.
local function is_default(key, value)
  if type(value) == "table" then
    return json.is_array(value) and #value == 0
  elseif SHOWN[snake(key)] then
    return false
  end
  return value == nil or value == false or value == "" or text(value) == "0" or is_word(value)
end

-- Are two scalars the same to Envoy?
local function is_same(wanted, running)
  return text(wanted) == text(running)
    or is_word(running) and math.type(wanted) == "integer"
end

local function shown(value)
  if value == nil then
    return "nothing"
  elseif type(value) == "table" then
    return json.is_array(value) and ("a list of %d"):format(#value) or "a mapping"
  end
  local plain = text(value)
  plain = #plain > MAX_VALUE and plain:sub(1, MAX_VALUE) .. "…" or plain
  return type(value) == "string" and ('"%s"'):format(plain) or plain
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- Adds what differs below `path`, of which `key` is the last part.
local function compare(list, path, wanted, running, key)
  local function differs()
    list[#list + 1] = { field = path, expected = shown(wanted), actual = shown(running) }
  end
  if wanted == json.null or running == REDACTED or running == nil and is_default(key, wanted) then
    return
  elseif type(wanted) ~= "table" or type(running) ~= "table" then
    if type(running) == "table" or not is_same(wanted, running) then
      differs()
    end
  elseif json.is_array(wanted) or json.is_array(running) then
    if #wanted ~= #running or json.is_array(wanted) ~= json.is_array(running) then
      return differs()
    end
    for i, item in ipairs(wanted) do
      compare(list, ("%s[%d]"):format(path, i), item, running[i], i)
    end
  else
    for _, name in ipairs(sorted_keys(wanted)) do
      compare(list, path .. "." .. tostring(name), wanted[name], get(running, name), name)
    end
  end
end

-- The file of a subscription: `path` is how it was written before Envoy 1.21.
local function path_of(bootstrap, name)
  local source = at(bootstrap, "dynamic_resources", name)
  return at(source, "path_config_source", "path") or get(source, "path")
end

---What an Envoy runs otherwise than a bootstrap wants it: the node's id and cluster, the admin
---port, the files of clusters and listeners, and each other field at the top of the wanted one.
---A value that may be Envoy's default counts as equal to none, since Envoy does not show those.
---@param wanted table as parsed from a file
---@param running table as Envoy shows it
---@return BootstrapDifference[] sorted by field
function difference.between(wanted, running)
  local list = {}
  for _, key in ipairs { "id", "cluster" } do
    compare(list, "node." .. key, at(wanted, "node", key), at(running, "node", key), key)
  end
  local port = { "admin", "address", "socket_address", "port_value" }
  compare(list, "admin.port", at(wanted, table.unpack(port)), at(running, table.unpack(port)),
    "port_value")
  for _, name in ipairs { "cds_config", "lds_config" } do
    compare(list, name .. ".path", path_of(wanted, name), path_of(running, name), "path")
  end
  for _, key in ipairs(sorted_keys(wanted)) do
    if not IN_PART[snake(key)] then
      compare(list, snake(key), wanted[key], get(running, key), key)
    end
  end
  table.sort(list, function(a, b) return a.field < b.field end)
  return list
end

return difference
