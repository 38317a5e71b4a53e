-- The key `policies` of the configuration file: what each policy is given. Which settings a policy
-- has is known to nightjar-plan alone. Pure.

local schema = require "nightjar.settings.schema"

local policies = {}

-- Null and an absent key are the same: host.yaml's null is a userdata.
local function is_null(value)
  return value == nil or type(value) == "userdata"
end

local function without_nulls(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do
    if not is_null(item) then copy[key] = without_nulls(item) end
  end
  return copy
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

---@param value any as it stands in the file
---@param label string where: `file nightjar.yaml`
---@param errors string[] gets what is wrong
---@return table<string, table> settings of policies by name
function policies.read(value, label, errors)
  if is_null(value) then return {} end
  if type(value) ~= "table" or value[1] ~= nil then
    errors[#errors + 1] = ("%s (%s): expected a mapping from policy to its settings")
      :format(schema.POLICIES, label)
    return {}
  end
  local read = {}
  for _, name in ipairs(sorted_keys(value)) do
    local own = value[name]
    if type(name) ~= "string" or not (is_null(own) or type(own) == "table") then
      errors[#errors + 1] = ("%s.%s (%s): expected a mapping from setting to value")
        :format(schema.POLICIES, tostring(name), label)
    else
      read[name] = is_null(own) and {} or without_nulls(own)
    end
  end
  return read
end

return policies
