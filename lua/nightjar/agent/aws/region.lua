--- The region: AWS_REGION, AWS_DEFAULT_REGION, then the profile's.
local profile = require "nightjar.agent.aws.profile"
local variables = require "nightjar.agent.aws.variables"

local region = {}

-- The region becomes part of a host name; anything else in it would lead the request astray.
local function check(value, source)
  if value:find("^%w[%w-]*$") and #value <= 63 then
    return { value = value, source = source }
  end
  return nil, ("%s: expected the name of an AWS region, got %q"):format(source, value)
end

--- Where the region comes from.
---@param settings table
---@return {value: string, source: string}?
---@return string? err
function region.describe(settings)
  for _, name in ipairs { "AWS_REGION", "AWS_DEFAULT_REGION" } do
    local value, source = variables.get(settings, name)
    if value then
      return check(value, source == "environment" and name or name .. " (" .. source .. ")")
    end
  end
  local found, err = profile.load(settings)
  if not found then return nil, err end
  if type(found.config.region) == "string" and found.config.region ~= "" then
    return check(found.config.region, "profile " .. found.name)
  end
  return nil, "no AWS region: set AWS_REGION, or `region` in the profile"
end

return region
