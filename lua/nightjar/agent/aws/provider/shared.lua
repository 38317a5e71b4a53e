--- Credentials as a profile of AWS's shared files says: a role, a program, or keys.
---
--- Source: AWS SDKs and Tools Reference Guide; which of several things in one profile counts, and
--- how a chain of `source_profile` is followed, as in botocore (which the AWS CLI uses).
local container = require "nightjar.agent.aws.provider.container"
local environment = require "nightjar.agent.aws.provider.environment"
local instance = require "nightjar.agent.aws.provider.instance"
local process = require "nightjar.agent.aws.provider.process"
local profile = require "nightjar.agent.aws.profile"
local store = require "nightjar.agent.aws.store"
local sts = require "nightjar.agent.aws.sts"
local variables = require "nightjar.agent.aws.variables"
local web_identity = require "nightjar.agent.aws.provider.web_identity"

local shared = { name = "shared files" }

local key = variables.key

-- `credential_source`: where the keys that assume a role come from.
local named_sources = { Environment = environment, EcsContainer = container,
  Ec2InstanceMetadata = instance }

-- Ways to credentials that need a person, and what they are called.
local interactive = { { "sso_role_name", "single sign-on" }, { "sso_account_id", "single sign-on" },
  { "login_session", "a console login" } }

-- What one look at the files works on, and the profiles on the way so far.
---@class Walk
---@field context AwsWorld
---@field files AwsFiles
---@field visited string[]

local resolve

local function keys_of(values, path, name, method)
  local id, secret = key(values, "aws_access_key_id"), key(values, "aws_secret_access_key")
  if not id and not secret then return nil end
  if not id or not secret then
    return nil, ("%s: profile %s: has only one of aws_access_key_id and aws_secret_access_key")
      :format(path, name)
  end
  return { access_key_id = id, secret_access_key = secret, source = "profile " .. name,
    method = method,
    session_token = key(values, "aws_session_token") or key(values, "aws_security_token") }
end

local function has_keys(values)
  return key(values, "aws_access_key_id") or key(values, "aws_secret_access_key")
end

local function assumes_role(values)
  return key(values, "role_arn") and not key(values, "web_identity_token_file")
end

-- Where the keys that assume the role come from: an error, or a provider and its name.
local function named_source(name, source)
  local provider = named_sources[source]
  if not provider then
    return nil, ("profile %s: credential_source: expected Environment, Ec2InstanceMetadata or "
      .. "EcsContainer, got %q"):format(name, source)
  end
  return { find = function(context)
    local found, err, note = provider.find(context)
    if found then return found end
    return nil, ("profile %s: credential_source %s: %s"):format(name, source,
      err or note or "no credentials there")
  end }
end

local function check_loop(walk, name, source)
  for _, visited in ipairs(walk.visited) do
    if visited == source then
      -- A profile may name itself where it holds keys as well.
      if source == name and has_keys(walk.files.profiles[source]) then return true end
      return nil, ("profile %s: source_profile: a circle: %s"):format(name,
        table.concat(walk.visited, " → ") .. " → " .. source)
    end
  end
  return true
end

local function profile_source(walk, name, source)
  local values = walk.files.profiles[source]
  if not values then
    return nil, ("profile %s: source_profile: no profile %q"):format(name, source)
  end
  local ok, err = check_loop(walk, name, source)
  if not ok then return nil, err end
  local visited = table.move(walk.visited, 1, #walk.visited, 1, {})
  visited[#visited + 1] = source
  return { find = function(context)
    -- Read anew: the store asks when keys run out, and the files may have changed.
    local files, problem = profile.files(context.settings)
    if not files then return nil, problem end
    local now = files.profiles[source]
    if not now then
      return nil, ("profile %s: source_profile: no profile %q"):format(name, source)
    end
    local next_walk = { context = context, files = files, visited = visited }
    local found
    found, problem = resolve(next_walk, source, not has_keys(now))
    if found or problem then return found, problem end
    return nil, ("profile %s: source_profile %s: no credentials in it"):format(name, source)
  end }
end

local function source_of(walk, name, values)
  local source_profile, source = key(values, "source_profile"), key(values, "credential_source")
  if source_profile and source then
    return nil, ("profile %s: has both source_profile and credential_source"):format(name)
  elseif source then
    return named_source(name, source)
  elseif source_profile then
    return profile_source(walk, name, source_profile)
  end
  return nil, ("profile %s: role_arn needs source_profile or credential_source"):format(name)
end

-- The source's keys are held for as long as they are good, as our own are: one store for each
-- profile of the chain.
local function source_store(context, name, provider)
  context.sources = context.sources or {}
  local held = context.sources[name] or store.new(context, { provider })
  held.providers = { provider }
  context.sources[name] = held
  return held
end

-- The CLI passes over what is no number, and so do we.
local function duration_of(values)
  local digits = (key(values, "duration_seconds") or ""):match("^%d+$")
  return digits and math.tointeger(digits)
end

local function assume(walk, name, values)
  local provider, err = source_of(walk, name, values)
  if not provider then return nil, err end
  if key(values, "mfa_serial") then
    return nil, ("profile %s: mfa_serial: a code of a device cannot be asked for here")
      :format(name)
  end
  local arn = key(values, "role_arn")
  local source = source_store(walk.context, name, provider)
  local found, problem = sts.assume_role(walk.context, { arn = arn,
    session_name = key(values, "role_session_name"), external_id = key(values, "external_id"),
    duration = duration_of(values) }, source)
  if not found then return nil, ("profile %s: role %s: %s"):format(name, arn, problem) end
  found.source, found.method = ("profile %s, role %s"):format(name, arn), "assume_role"
  return found
end

local function by_token(walk, name, values)
  local settings = walk.context.settings
  local arn, session = key(values, "role_arn"), key(values, "role_session_name")
  if #walk.visited == 1 and not profile.is_explicit(settings) then
    arn = variables.get(settings, "AWS_ROLE_ARN") or arn
    session = variables.get(settings, "AWS_ROLE_SESSION_NAME") or session
  end
  if not arn then
    return nil, ("profile %s: web_identity_token_file needs role_arn"):format(name)
  end
  return web_identity.assume(walk.context, { arn = arn, session_name = session },
    key(values, "web_identity_token_file"), ("profile %s: web_identity_token_file"):format(name))
end

local function refuse_interactive(name, values)
  for _, way in ipairs(interactive) do
    if key(values, way[1]) then
      return ("profile %s: %s: %s needs a person; nightjar does not support it"):format(name,
        way[1], way[2])
    end
  end
end

-- The keys of one file's own section, then the next thing in the order.
local function resolve_keys(walk, name, values)
  local files = walk.files
  local found, err = keys_of(files.credentials[name] or {}, files.credentials_path, name,
    "credentials_file")
  if found or err then return found, err end
  err = refuse_interactive(name, { login_session = values.login_session })
  if err then return nil, err end
  local command = key(values, "credential_process")
  if command then return process.find(walk.context, command, name) end
  return keys_of(files.config[name] or {}, files.config_path, name, "config_file")
end

-- What a profile gives. `follow`: whether its role counts; a source profile's keys come before it.
function resolve(walk, name, follow)
  local values = walk.files.profiles[name] or {}
  if follow and assumes_role(values) then return assume(walk, name, values) end
  if key(values, "web_identity_token_file") then return by_token(walk, name, values) end
  local err = refuse_interactive(name, { sso_role_name = values.sso_role_name,
    sso_account_id = values.sso_account_id })
  if err then return nil, err end
  return resolve_keys(walk, name, values)
end

--- What the profile in force gives.
---@param context AwsWorld
---@return Credentials? credentials  nil without a message: the profile says nothing of credentials
---@return string? err
function shared.find(context)
  local found, err = profile.load(context.settings)
  if not found then return nil, err end
  local walk = { context = context, files = found.files, visited = { found.name } }
  return resolve(walk, found.name, true)
end

return shared
