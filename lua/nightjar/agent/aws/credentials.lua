--- Where AWS credentials come from: the SDKs' chain, in its order.
local profile = require "nightjar.agent.aws.profile"
local sched = require "nightjar.agent.sched"
local store = require "nightjar.agent.aws.store"
local timestamp = require "nightjar.agent.aws.timestamp"
local world = require "nightjar.agent.aws.world"

local credentials = {}

local environment = require "nightjar.agent.aws.provider.environment"

--- The providers in their order. A profile that is asked for on the command line comes before the
--- keys of the environment, as `aws --profile` does; AWS_PROFILE does not.
credentials.providers = {
  { find = function(context)
    if profile.is_explicit(context.settings) then return nil end
    return environment.find(context)
  end },
  -- In brackets: `require` has a second result.
  (require "nightjar.agent.aws.provider.web_identity"),
  (require "nightjar.agent.aws.provider.shared"),
  (require "nightjar.agent.aws.provider.container"),
  (require "nightjar.agent.aws.provider.instance"),
}

--- A store for the process's credentials.
---@param settings table
---@param options table?  see aws/world.lua; `providers` replaces the chain
---@return CredentialsStore
function credentials.new(settings, options)
  return store.new(world.new(settings, options),
    options and options.providers or credentials.providers)
end

--- What `nightjar config` may show: never a secret. Outside the scheduler it starts one.
---@param settings table
---@param options table?
---@return {source: string, access_key_id: string, expires: string?}?
---@return string? err
function credentials.describe(settings, options)
  local function look()
    local found, err = credentials.new(settings, options):get()
    if not found then return nil, err end
    return { source = found.source, access_key_id = found.access_key_id,
      expires = found.expires and timestamp.format(found.expires) or nil }
  end
  if coroutine.isyieldable() then return look() end
  return sched.run(look)
end

return credentials
