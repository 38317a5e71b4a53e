--- Credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
local variables = require "nightjar.agent.aws.variables"

local environment = { name = "environment" }

--- Half a pair is an error: to go on would use someone else's credentials without a word.
---@param context AwsWorld
---@return Credentials? credentials  nil without a message: not configured here
---@return string? err
function environment.find(context)
  local id = variables.get(context.settings, "AWS_ACCESS_KEY_ID")
  local secret = variables.get(context.settings, "AWS_SECRET_ACCESS_KEY")
  if not id and not secret then return nil end
  if not id or not secret then
    return nil, ("%s: not set, though %s is"):format(
      id and "AWS_SECRET_ACCESS_KEY" or "AWS_ACCESS_KEY_ID",
      id and "AWS_ACCESS_KEY_ID" or "AWS_SECRET_ACCESS_KEY")
  end
  return { access_key_id = id, secret_access_key = secret, source = "environment",
    method = "environment",
    session_token = variables.get(context.settings, "AWS_SESSION_TOKEN") }
end

return environment
