--- Where an AWS variable's value comes from: our own settings, then the environment.
local variables = {}

local function clean(value)
  if type(value) ~= "string" then return nil end
  value = value:match("^%s*(.-)%s*$")
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

--- Whether a variable says yes, in the way the SDKs read it: only `true` does.
---@return boolean
function variables.is_true(settings, name)
  local value = variables.get(settings, name)
  return value ~= nil and value:lower() == "true"
end

return variables
