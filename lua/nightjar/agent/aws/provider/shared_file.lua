--- Static keys of a profile in AWS's shared files.
local profile = require "nightjar.agent.aws.profile"

local shared_file = { name = "shared files" }

-- Ways to credentials that a profile may ask for and that this provider does not know. Passing
-- over them would sign with the credentials of another role.
local others = { "role_arn", "credential_process", "sso_session", "sso_start_url",
  "web_identity_token_file" }

local function keys(section, path, name)
  local id, secret = section.aws_access_key_id, section.aws_secret_access_key
  if (id or "") == "" and (secret or "") == "" then return nil end
  if (id or "") == "" or (secret or "") == "" then
    return nil, ("%s: profile %s: has only one of aws_access_key_id and aws_secret_access_key")
      :format(path, name)
  end
  local token = section.aws_session_token
  return { access_key_id = id, secret_access_key = secret, source = "profile " .. name,
    session_token = token ~= "" and token or nil }
end

--- The credentials file comes before the configuration file, as in the SDKs.
---@param context CredentialsContext
---@return Credentials? credentials  nil without a message: not configured here
---@return string? err
function shared_file.find(context)
  local found, err = profile.load(context.settings)
  if not found then return nil, err end
  local function other()
    for _, name in ipairs(others) do
      if found.config[name] or found.credentials[name] then return name end
    end
  end
  if not found.config.role_arn and not found.credentials.role_arn then
    for _, place in ipairs { { found.credentials, found.credentials_path },
      { found.config, found.config_path } } do
      local credentials, problem = keys(place[1], place[2], found.name)
      if credentials or problem then return credentials, problem end
    end
  end
  local name = other()
  if name then
    return nil, ("profile %s: asks for %s, which nightjar does not support"):format(found.name,
      name)
  end
  return nil
end

return shared_file
