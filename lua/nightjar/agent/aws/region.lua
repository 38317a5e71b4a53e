--- The region: AWS_REGION, AWS_DEFAULT_REGION, the profile's, then the instance's.
local imds = require "nightjar.agent.aws.imds"
local profile = require "nightjar.agent.aws.profile"
local sched = require "nightjar.agent.sched"
local variables = require "nightjar.agent.aws.variables"
local world = require "nightjar.agent.aws.world"

local region = {}

-- The region becomes part of a host name; anything else in it would lead the request astray.
local function check(value, source)
  if value:find("^%w[%w-]*$") and #value <= 63 then
    return { value = value, source = source }
  end
  return nil, ("%s: expected the name of an AWS region, got %q"):format(source, value)
end

local NONE = "no AWS region: set AWS_REGION, or `region` in the profile"

local function of_instance(context)
  local value, err = imds.get(context, "placement/region")
  if value then return check(value, "instance metadata") end
  return nil, err and NONE .. "; " .. err or NONE, "unknown"
end

--- Where the region comes from. The instance metadata service is asked only where nothing else
--- says it; outside the scheduler that starts one.
---@param settings table
---@param options table?  see aws/world.lua
---@return {value: string, source: string}?
---@return string? err
---@return string? code  "unknown": nobody says it; it may be known later, when the instance answers
function region.describe(settings, options)
  for _, name in ipairs { "AWS_REGION", "AWS_DEFAULT_REGION" } do
    local value, source = variables.get(settings, name)
    if value then return check(value, variables.label(name, source)) end
  end
  local found, err = profile.load(settings)
  if not found then return nil, err end
  local value = variables.key(found.values, "region")
  if value then return check(value, "profile " .. found.name) end
  local context = world.new(settings, options)
  if coroutine.isyieldable() then return of_instance(context) end
  return sched.run(of_instance, context)
end

return region
