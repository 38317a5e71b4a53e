--- The two operations of the Security Token Service that give keys for a role.
---
--- Shapes after the public service model, API 2011-06-15.
local aws_client = require "nightjar.agent.aws.client"
local failure = require "nightjar.agent.aws.failure"
local query = require "nightjar.agent.aws.protocol.query"
local region = require "nightjar.agent.aws.region"
local timestamp = require "nightjar.agent.aws.timestamp"

local sts = {}

---@type AwsService
sts.service = {
  name = "sts", variable = "AWS_ENDPOINT_URL_STS", protocol = query.new("2011-06-15"),
  -- Requests a second; a role is assumed a few times a day.
  rates = { default = { rate = 2, burst = 10 } },
  secret = true,
  -- The identity provider could not be reached: STS says that this is worth another try.
  transient = { IDPCommunicationError = true },
}

-- One client for each source of keys, for as long as the context lives: its rate and its quota of
-- retries are those of all calls together. `credentials` nil: calls are not signed.
local function client(context, credentials)
  context.sts = context.sts or {}
  local key = credentials or "unsigned"
  if context.sts[key] then return context.sts[key] end
  local where, err = region.describe(context.settings, context)
  if not where then return nil, err end
  local made
  made, err = aws_client.new(sts.service, context, where.value, credentials)
  context.sts[key] = made
  return made, err
end

local function keys_of(operation, output)
  local result = output[operation .. "Result"]
  local given = type(result) == "table" and result.Credentials
  if type(given) ~= "table" then given = {} end
  -- XML and JSON write the same instant in two ways.
  local expires = math.tointeger(given.Expiration)
    or type(given.Expiration) == "number" and math.floor(given.Expiration)
    or timestamp.parse(given.Expiration)
  for _, name in ipairs { "AccessKeyId", "SecretAccessKey", "SessionToken" } do
    if type(given[name]) ~= "string" or given[name] == "" then
      return nil, failure.new { operation = operation, status = 200, code = "UnexpectedResponse",
        message = "expected Credentials with " .. name }
    end
  end
  if not expires then
    return nil, failure.new { operation = operation, status = 200, code = "UnexpectedResponse",
      message = "expected Credentials with Expiration" }
  end
  return { access_key_id = given.AccessKeyId, secret_access_key = given.SecretAccessKey,
    session_token = given.SessionToken, expires = expires }
end

local function call(context, operation, input, credentials, secrets)
  local caller, err = client(context, credentials)
  if not caller then return nil, err end
  local output, problem = caller:call(operation, input, { secrets = secrets })
  if not output then return nil, tostring(problem) end
  local keys, unexpected = keys_of(operation, output)
  return keys, unexpected and tostring(unexpected)
end

-- Names in AWS's audit log; a restart gives another one, as with the SDKs.
local function session_name(context)
  return ("nightjar-%d"):format(math.floor(context.now()))
end

--- Keys for a role, asked for with other keys.
---@param context AwsWorld
---@param role {arn: string, session_name: string?, external_id: string?, duration: integer?}
---@param credentials CredentialsStore  what the call is signed with
---@return Credentials?
---@return string? err
function sts.assume_role(context, role, credentials)
  return call(context, "AssumeRole", { RoleArn = role.arn,
    RoleSessionName = role.session_name or session_name(context),
    ExternalId = role.external_id, DurationSeconds = role.duration }, credentials)
end

--- Keys for a role, asked for with an identity provider's token; the call is not signed.
---@param context AwsWorld
---@param role {arn: string, session_name: string?}
---@param token string
---@return Credentials?
---@return string? err
function sts.assume_role_with_web_identity(context, role, token)
  return call(context, "AssumeRoleWithWebIdentity", { RoleArn = role.arn,
    RoleSessionName = role.session_name or session_name(context), WebIdentityToken = token }, nil,
    { token })
end

return sts
