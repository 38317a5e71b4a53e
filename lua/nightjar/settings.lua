-- The settings: flags over environment over a YAML file over defaults, checked
-- against settings/schema.lua, each with a record of where it came from. Pure:
-- whoever calls hands in the environment and the file's content.

local file_policies = require "nightjar.settings.policies"
local messages = require "nightjar.text"
local namespaces = require "nightjar.settings.namespaces"
local nearest = require "nightjar.nearest"
local schema = require "nightjar.settings.schema"
local types = require "nightjar.settings.types"

local trim = messages.trim

local settings = {}

-- CONFIG is short for NIGHTJAR_CONFIG on the command line only: a variable of
-- such a common name may be anybody's.
local FLAG_ONLY = { CONFIG = true }

local by_name, all_names = {}, {}
for _, entry in ipairs(schema.entries) do
  by_name[entry.name] = entry
  all_names[#all_names + 1] = entry.name
  if entry.alias then
    by_name[entry.alias] = entry
    if not FLAG_ONLY[entry.alias] then all_names[#all_names + 1] = entry.alias end
  end
end
-- Each name once, the first of the numbered ones for all of them.
local representatives = nearest.prepare(table.move(all_names, 1, #all_names, 3,
  { "NAMESPACE_0", "NAMESPACE_0_PORT" }))
for number = 0, schema.LAST_NAMESPACE do
  local ref = "NAMESPACE_" .. number
  by_name[ref], by_name[ref .. "_PORT"] = schema.namespace, schema.namespace_port
  all_names[#all_names + 1] = ref
  all_names[#all_names + 1] = ref .. "_PORT"
end

---A value as it may stand in a message: in quotes, cut, on one line, in UTF-8.
---@param value string
---@return string
function settings.quote(value)
  return '"' .. messages.clean((value:gsub('["\\]', "\\%0")), 80) .. '"'
end

-- YAML's scalars come typed; the readers take text as from the environment.
local function scalar_text(value)
  if type(value) == "string" then return trim(value) end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) == "boolean" then return value and "true" or "false" end
  return nil
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- Null and an absent key are the same: host.yaml's null is a userdata.
local function is_null(value)
  return value == nil or type(value) == "userdata"
end

local function in_file(name)
  return by_name[name] and not FLAG_ONLY[name] and name ~= "NIGHTJAR_CONFIG"
end

local function file_hint(key)
  local known = { schema.POLICIES }
  for _, name in ipairs(all_names) do
    if in_file(name) then known[#known + 1] = name:lower() end
  end
  return nearest.hint(key:lower(), known)
end

-- The file's keys become variable names; what is unknown or no scalar is an error.
local function file_layer(file, errors)
  local label, layer, policies = "file " .. file.path, {}, {}
  if is_null(file.values) then return layer, label, policies end
  if type(file.values) ~= "table" or file.values[1] ~= nil then
    errors[#errors + 1] = label .. ": expected a mapping from setting to value"
    return layer, label, policies
  end
  for _, key in ipairs(sorted_keys(file.values)) do
    local value, name = file.values[key], tostring(key):upper()
    if key == schema.POLICIES then
      policies = file_policies.read(value, label, errors)
    elseif type(key) ~= "string" or key ~= key:lower() or not in_file(name) then
      errors[#errors + 1] = ("%s (%s): unknown key%s")
        :format(settings.quote(tostring(key)), label, file_hint(tostring(key)))
    elseif not is_null(value) then
      layer[name] = scalar_text(value)
      if not layer[name] then
        errors[#errors + 1] = ("%s (%s): expected a single value, got a list or mapping")
          :format(key, label)
      end
    end
  end
  return layer, label, policies
end

local function trimmed(values, allowed)
  local layer = {}
  for name, value in pairs(values or {}) do
    if by_name[name] and (allowed or not FLAG_ONLY[name]) then layer[name] = trim(value) end
  end
  return layer
end

-- Variables that a shell or the system sets and that only look like ours.
local NOT_OURS = { TMPDIR = true, TEMPDIR = true }

-- The nearest name of ours. Of the 200 numbered ones two stand for all: this runs for the whole
-- environment at each start.
local function nearest_numbered(name)
  local number = name:match("%d+")
  local found = nearest.find(name:gsub("%d+", "0", 1), representatives, #name >= 10 and 2 or 1)
  return found and number and found:gsub("0", number, 1) or found
end

local function doubtful(name)
  if by_name[name] then return nil end
  if by_name[name:upper()] and name ~= name:upper() and not FLAG_ONLY[name:upper()] then
    return name:upper()
  end
  if name:match("^NIGHTJAR_") or name:match("^NAMESPACE_%d") then
    return nearest.find(name, all_names) or true
  end
  if NOT_OURS[name] or name:match("^AWS_") or #name < 6 then return nil end
  return nearest_numbered(name)
end

-- A variable that looks like one of ours but is none has most likely been
-- mistyped; the environment is shared, so this is no error.
local function warn_of_unknown(environment, warn)
  for _, name in ipairs(sorted_keys(environment)) do
    local found = doubtful(name)
    if found then
      warn(("%s (environment): unknown variable%s"):format(settings.quote(name):sub(2, -2),
        found == true and "" or "; did you mean " .. found .. "?"))
    end
  end
end

-- Settings that have no effect here, some since this version does not act on them yet: whoever
-- sets one must not believe that it works.
local function warn_of_unread(result, sources, warn)
  if result.discovery == "cloudmap" and sources.MESH_FILE ~= "default" then
    warn(("MESH_FILE (%s): not read, as DISCOVERY is cloudmap where SERVICE_MEMBER is set; "
      .. "DISCOVERY=file reads it"):format(sources.MESH_FILE))
  end
  if result.discovery == "file" and result.snapshot_store then
    warn(("SNAPSHOT_STORE (%s): not used, as a mesh file is not shared"):format(
      sources.SNAPSHOT_STORE))
  end
end

local function picker(layers)
  return function(name)
    local entry = by_name[name]
    for _, layer in ipairs(layers) do
      for _, key in ipairs { name, entry.alias } do
        local text = layer.values[key]
        if text and (text ~= "" or entry.keep_empty) then
          return { text = text, source = layer.label, name = key }
        end
      end
    end
    return nil
  end
end

local function default_of(entry, data_directory)
  if entry.data then return (data_directory or ".") .. "/" .. entry.data end
  return entry.default
end

local function read_entries(pick, data_directory, errors)
  local result, sources = {}, {}
  for _, entry in ipairs(schema.entries) do
    local found = pick(entry.name)
    local key = entry.name:lower()
    if not found then
      result[key], sources[entry.name] = default_of(entry, data_directory), "default"
    elseif found.text == "" then
      result[key], sources[entry.name] = "", found.source
    else
      local value, expected = types[entry.type](found.text, entry)
      if value == nil then
        errors[#errors + 1] = ("%s (%s): expected %s, got %s")
          :format(found.name, found.source, expected, entry.secret and "something else"
            or settings.quote(found.text))
      end
      result[key], sources[entry.name] = value, found.source
    end
  end
  return result, sources
end

-- An id or ARN, as the API takes it; names would be ambiguous between meshes.
local function is_cloudmap_service(text)
  return text:match("^srv%-%w+$")
    or text:match("^arn:[%w%-]+:servicediscovery:[%w%-]+:%d+:service/srv%-%w+$")
end

local function settle_member(result, sources, errors)
  local member = result.service_member
  result.discovery = result.discovery or (member and "cloudmap" or "file")
  result.gateway = member ~= nil and member:lower() == "-gateway-"
  if result.discovery ~= "cloudmap" or result.gateway then return end
  local expected = "expected a Cloud Map service id (srv-…), its ARN, or -gateway-"
  if not member then
    errors[#errors + 1] = "SERVICE_MEMBER: not set; " .. expected
  elseif not is_cloudmap_service(member) then
    errors[#errors + 1] = ("SERVICE_MEMBER (%s): %s, got %s")
      :format(sources.SERVICE_MEMBER, expected, settings.quote(member))
  end
end

-- Without SERVICE_MEMBER only the mesh file tells whether there is an own mesh,
-- so that a default port nobody asked for must not be an error yet.
local function has_own_listener(result, sources)
  return not result.gateway
    and (result.service_member ~= nil or sources.SERVICE_PORT ~= "default")
end

local function port_claims(result, sources, port_sources)
  local claims = {}
  local function claim(name, port, source)
    if port then claims[#claims + 1] = { name = name, port = port, source = source } end
  end
  if has_own_listener(result, sources) then
    claim("SERVICE_PORT", result.service_port, sources.SERVICE_PORT)
  end
  claim("ENVOY_ADMIN_PORT", result.envoy_admin_port, sources.ENVOY_ADMIN_PORT)
  claim("STATUS_ADDRESS", math.tointeger((result.status_address or ""):match("^[^/].*:(%d+)$")),
    sources.STATUS_ADDRESS)
  for _, one in ipairs(result.namespaces) do
    claim(one.ref .. "_PORT", one.port, port_sources[one.ref])
  end
  return claims
end

-- What the AWS code reads is an environment; flags and the file stand above it.
local function overlaid_environment(environment, result, sources)
  local copy = {}
  for name, value in pairs(environment) do copy[name] = value end
  for _, entry in ipairs(schema.entries) do
    local value = result[entry.name:lower()]
    if entry.aws and value and sources[entry.name] ~= "environment" then
      copy[entry.name] = value
    end
  end
  return copy
end

local function record_namespaces(pick, result, sources)
  for number = 0, schema.LAST_NAMESPACE do
    for _, name in ipairs { "NAMESPACE_" .. number, "NAMESPACE_" .. number .. "_PORT" } do
      local found = pick(name)
      if found then result[name:lower()], sources[name] = found.text, found.source end
    end
  end
end

local function append(list, more)
  table.move(more, 1, #more, #list + 1, list)
end

---Reads and checks all settings.
---@param input {flags?: table<string,string>, environment?: table<string,string>,
---  file?: {path: string, values: any}, data_directory?: string} flags and environment by variable
---  name; `file.values` as host.yaml decodes it
---@return table? settings lower-case names, and the derived ones: gateway, namespaces, policies,
---  environment, config_dir, state_dir, warnings ({code, message}), sources (by variable name)
---@return string[]? errors `NAME (source): expected …, got …`, all that were found
function settings.load(input)
  local errors, warnings = {}, {}
  local function warn(message)
    warnings[#warnings + 1] = { code = "setting", message = message }
  end
  local environment = input.environment or {}
  local layers = {
    { label = "flag", values = trimmed(input.flags, true) },
    { label = "environment", values = trimmed(environment) },
  }
  local policies = {}
  if input.file then
    local values, label
    values, label, policies = file_layer(input.file, errors)
    layers[3] = { label = label, values = values }
  end
  local pick = picker(layers)
  local result, sources = read_entries(pick, input.data_directory, errors)
  settle_member(result, sources, errors)
  warn_of_unknown(environment, warn)
  warn_of_unread(result, sources, warn)
  local list, problems, port_sources =
    namespaces.read(pick, schema.LAST_NAMESPACE, warn, settings.quote)
  result.namespaces = list
  append(errors, problems)
  append(errors, namespaces.conflicts(port_claims(result, sources, port_sources)))
  if #errors > 0 then return nil, errors end

  record_namespaces(pick, result, sources)
  local base = result.tmp_dir == "/" and "" or result.tmp_dir
  result.config_dir = base .. "/active-envoy-config"
  result.state_dir = base .. "/nightjar-state"
  result.policies, result.warnings, result.sources = policies, warnings, sources
  result.environment = overlaid_environment(environment, result, sources)
  return result
end

-- A URL may carry a name and password; those are nobody's business. Of a webhook the whole path is
-- one.
local function without_secrets(value, secret)
  if type(value) ~= "string" then return value end
  if secret then return (value:gsub("^(https?://[^/?#]+)[/?#].+$", "%1/…")) end
  return (value:gsub("^(%a[%w+.-]*://)[^/@]*@", "%1"))
end

---Every setting with its value and source, in the schema's order; namespaces
---that are given follow SERVICE_PORT's group by number.
---@param loaded table what load() returned
---@return {name: string, value: any, source: string, aws: boolean}[]
function settings.describe(loaded)
  local rows = {}
  local function add(name, aws, secret)
    rows[#rows + 1] = { name = name, value = without_secrets(loaded[name:lower()], secret),
      source = loaded.sources[name], aws = aws or false }
  end
  for _, entry in ipairs(schema.entries) do
    add(entry.name, entry.aws, entry.secret)
    if entry.name == "SERVICE_PORT" then
      for number = 0, schema.LAST_NAMESPACE do
        for _, name in ipairs { "NAMESPACE_" .. number, "NAMESPACE_" .. number .. "_PORT" } do
          if loaded.sources[name] then add(name) end
        end
      end
    end
  end
  return rows
end

local function flag_of(name, entry)
  local value = entry.type ~= "switch"
    and (entry.value or types.placeholder[entry.type] or "VALUE") or nil
  return { name = name:lower():gsub("_", "-"), key = name, value = value, about = entry.about,
    words = entry.words, default = entry.default, is_path = entry.type == "path" }
end

---The flags of all settings for cli/args.lua; `hidden` ones are left out of help.
---@return table[]
function settings.flags()
  local flags = {}
  for _, entry in ipairs(schema.entries) do
    local flag = flag_of(entry.name, entry)
    flag.hidden = entry.aws and entry.name ~= "AWS_REGION" and entry.name ~= "AWS_PROFILE"
    flags[#flags + 1] = flag
    if entry.alias then
      local alias = flag_of(entry.alias, entry)
      alias.hidden = true
      flags[#flags + 1] = alias
    end
    if entry.name == "SERVICE_PORT" then
      for number = 0, schema.LAST_NAMESPACE do
        local one = flag_of("NAMESPACE_" .. number, schema.namespace)
        local port = flag_of("NAMESPACE_" .. number .. "_PORT", schema.namespace_port)
        one.hidden, port.hidden = number > 0, number > 0
        one.shown, port.shown = "--namespace-x NAMESPACE", "--namespace-x-port PORT"
        flags[#flags + 1] = one
        flags[#flags + 1] = port
      end
    end
  end
  return flags
end

return settings
