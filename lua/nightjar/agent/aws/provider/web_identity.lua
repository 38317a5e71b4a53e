--- Keys for a role by the token of an identity provider: EKS's service accounts and the like.
---
--- Source: "Assume role credential provider" in the AWS SDKs and Tools Reference Guide.
local file = require "host.file"
local messages = require "nightjar.text"
local profile = require "nightjar.agent.aws.profile"
local sts = require "nightjar.agent.aws.sts"
local variables = require "nightjar.agent.aws.variables"

local web_identity = { name = "web identity" }

local MAX_TOKEN = 64 * 1024

--- Assumes a role with the token that a file holds now: it is exchanged while we run.
---@param context AwsWorld
---@param role {arn: string, session_name: string?}
---@param path string  the token's file
---@param label string  what names the file: a variable, or a profile's key
---@return Credentials?
---@return string? err
function web_identity.assume(context, role, path, label)
  local token, err = file.read(path, MAX_TOKEN)
  if not token then return nil, ("web identity: %s: %s"):format(label, err) end
  token = messages.trim(token)
  if token == "" then return nil, ("web identity: %s: %s: no token in it"):format(label, path) end
  local found, problem = sts.assume_role_with_web_identity(context, role, token)
  if not found then return nil, ("web identity: role %s: %s"):format(role.arn, problem) end
  found.source, found.method = "web identity, role " .. role.arn, "web_identity"
  return found
end

--- Looks at AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN and AWS_ROLE_SESSION_NAME.
---@param context AwsWorld
---@return Credentials? credentials  nil without a message: not configured here
---@return string? err
function web_identity.find(context)
  local settings = context.settings
  local path, source = variables.get(settings, "AWS_WEB_IDENTITY_TOKEN_FILE")
  if not path or profile.is_explicit(settings) then return nil end
  local label = variables.label("AWS_WEB_IDENTITY_TOKEN_FILE", source)
  local role = { arn = variables.get(settings, "AWS_ROLE_ARN"),
    session_name = variables.get(settings, "AWS_ROLE_SESSION_NAME") }
  if not role.arn then
    local found, err = profile.load(settings)
    if not found then return nil, err end
    role.arn = variables.key(found.values, "role_arn")
  end
  if not role.arn then return nil, "AWS_ROLE_ARN: not set, though " .. label .. " is" end
  return web_identity.assume(context, role, path, label)
end

return web_identity
