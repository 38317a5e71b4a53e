--- Where an AWS setting comes from: our own settings, the environment, then the profile.
local messages = require "nightjar.text"

local variables = {}

-- The profile's key where it is not the variable's name without `AWS_`, in lower case (AWS SDKs
-- and Tools Reference Guide).
local KEYS = { AWS_DEFAULT_REGION = "region" }

-- What a profile cannot hold.
local NOT_IN_PROFILES = { AWS_PROFILE = true, AWS_DEFAULT_PROFILE = true, AWS_CONFIG_FILE = true,
  AWS_SHARED_CREDENTIALS_FILE = true, AWS_EC2_METADATA_DISABLED = true }

local function clean(value)
  if type(value) ~= "string" then return nil end
  value = messages.trim(value)
  if value == "" then return nil end
  return value
end

--- The value of an AWS variable, trimmed; an empty one counts as not given.
--- A setting of the same name in lower case (a flag or a line of the YAML file) comes first.
---@param settings table  as settings.load returns it; `environment` holds the process's variables
---@param name string  for example "AWS_REGION"
---@return string? value
---@return string? source  "flag", "file" or "environment"
function variables.get(settings, name)
  local own = clean(settings[name:lower()])
  if own then
    local source = settings.sources and settings.sources[name] or "settings"
    if source ~= "default" then return own, source end
  end
  local value = clean((settings.environment or {})[name])
  if value then return value, "environment" end
  return own, own and "default" or nil
end

--- The name of a variable as a message says it: with its source where that is not the environment.
---@param name string
---@param source string?
---@return string
function variables.label(name, source)
  return source == "environment" and name or ("%s (%s)"):format(name, source)
end

--- The value of a profile's key; nil for one that is empty or holds names of its own.
---@param values table<string, string|table>
---@param key string
---@return string?
function variables.key(values, key)
  local value = values[key]
  return type(value) == "string" and value ~= "" and value or nil
end

--- The value of an AWS variable, else of the profile's key of that name.
---@param settings table
---@param name string
---@param found Profile
---@return string? value
---@return string? label  what messages call it: `AWS_CA_BUNDLE`, `profile web: ca_bundle`
function variables.lookup(settings, name, found)
  local value, source = variables.get(settings, name)
  if value then return value, variables.label(name, source) end
  if NOT_IN_PROFILES[name] then return nil end
  local key = KEYS[name] or name:gsub("^AWS_", ""):lower()
  value = variables.key(found.values, key)
  if value then return value, ("profile %s: %s"):format(found.name, key) end
  return nil
end

--- Whether a variable, or the profile's key, says yes in the way the SDKs read it: only `true`.
---@param settings table
---@param name string
---@param found Profile?  nil: the variable alone
---@return boolean
function variables.is_true(settings, name, found)
  local value
  if found then
    value = variables.lookup(settings, name, found)
  else
    value = variables.get(settings, name)
  end
  return value ~= nil and value:lower() == "true"
end

return variables
