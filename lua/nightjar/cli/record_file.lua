-- What a record is: one JSON document with all that a pass decides from, so that the pass can be
-- replayed anywhere, through any policies. Pure.
--
--   format    1
--   kind      "nightjar-record"
--   at        unix seconds: the time that policies see
--   snapshot  as `nightjar discover` prints it
--   previous  what was in force, as nightjar-plan gets it; absent when nothing was
--   settings  what nightjar-plan gets of the settings; nothing of it is secret
--   inputs    the hashes of the policies, templates and settings that were there

local messages = require "nightjar.text"

local record_file = {}

local KIND = "nightjar-record"

-- The settings that a replay takes from a record, unless somebody gives them here: type, and the
-- variable that gives it.
local SETTINGS = {
  envoy_admin_port = { "integer", "ENVOY_ADMIN_PORT" },
  ping_path = { "string", "PING_PATH" },
  config_dir = { "string", "TMP_DIR" },
  envoy_configuration_file = { "string", "ENVOY_CONFIGURATION_FILE" },
  service_member = { "string", "SERVICE_MEMBER" },
  service_container_name = { "string", "SERVICE_CONTAINER_NAME" },
  envoy_base_id = { "integer", "ENVOY_BASE_ID" },
  availability_zone = { "string", "AVAILABILITY_ZONE" },
}

local function kind_of(value)
  return math.type(value) or type(value)
end

---Whether a decoded document says that it is a record.
---@param value any
---@return boolean
function record_file.is(value)
  return type(value) == "table" and value.kind == KIND
end

local function settings_fault(settings)
  if type(settings) ~= "table" then
    return "settings: expected an object, got " .. messages.show(settings)
  end
  for name, entry in pairs(SETTINGS) do
    if settings[name] ~= nil and kind_of(settings[name]) ~= entry[1] then
      return ("settings.%s: expected %s, got %s"):format(name, entry[1],
        messages.show(settings[name]))
    end
  end
  if settings.policies ~= nil and type(settings.policies) ~= "table" then
    return "settings.policies: expected an object, got " .. messages.show(settings.policies)
  end
end

---What is wrong with a record, the snapshot aside.
---@param value table
---@return string? message names the field and what was expected
function record_file.check(value)
  if value.format ~= 1 then
    return "format: expected 1, got " .. messages.show(value.format)
  elseif math.type(value.at) ~= "integer" or value.at < 0 then
    return "at: expected unix seconds, got " .. messages.show(value.at)
  elseif value.previous ~= nil and type(value.previous) ~= "table" then
    return "previous: expected an object, got " .. messages.show(value.previous)
  end
  return settings_fault(value.settings)
end

---@param parts { at: integer, snapshot: table, previous: table?, settings: table, inputs: table }
---@return table record
function record_file.new(parts)
  return { format = 1, kind = KIND, at = parts.at, snapshot = parts.snapshot,
    previous = parts.previous, settings = parts.settings, inputs = parts.inputs }
end

-- Those of the record, and over them those of the configuration here, policy by policy.
local function merged_policies(recorded, given)
  local policies = {}
  for name, value in pairs(recorded or {}) do policies[name] = value end
  for name, value in pairs(given or {}) do policies[name] = value end
  return policies
end

---The settings to replay a record with: those of the record, but for what is given here.
---@param kept table a checked record
---@param settings table of this program, with `sources`
---@return table settings a copy
function record_file.settings(kept, settings)
  local result = {}
  for name, value in pairs(settings) do result[name] = value end
  local function is_given(variable)
    return (settings.sources[variable] or "default") ~= "default"
  end
  for name, entry in pairs(SETTINGS) do
    local value = kept.settings[name]
    if value ~= nil and not is_given(entry[2]) then result[name] = value end
  end
  -- Of Envoy's program nightjar-plan knows only whether there is one.
  if kept.settings.starts_envoy == false and not is_given("ENVOY_BIN") then
    result.envoy_bin = ""
  end
  result.no_ipv6 = kept.settings.no_ipv6 == true
  result.policies = merged_policies(kept.settings.policies, settings.policies)
  return result
end

return record_file
