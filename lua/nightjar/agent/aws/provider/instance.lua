--- Credentials of the EC2 instance's role, from the instance metadata service.
local document = require "nightjar.agent.aws.document"
local imds = require "nightjar.agent.aws.imds"

local instance = { name = "instance" }

local PATH = "iam/security-credentials/"

--- Asks for the role's name, then for its keys. Such keys stay in use when they have expired and
--- the service is away ("static stability", AWS SDKs and Tools Reference Guide).
---@param context AwsWorld
---@return Credentials? credentials  nil without a message: there are none here
---@return string? err
---@return string? note  why there are none, for the message when nobody has any
function instance.find(context)
  local role, err, status = imds.get(context, PATH)
  if not role then
    if status == 404 then err = "instance metadata: the instance has no role" end
    return nil, nil, err
  end
  role = role:match("^[^\r\n]+")
  if not role:find("^[%w+=,.@_-]+$") then
    return nil, "instance metadata: expected the name of a role"
  end
  local text
  text, err = imds.get(context, PATH .. role, true)
  if not text then return nil, err end
  local found, problem = document.read(text)
  if not found then return nil, ("instance metadata: role %s: %s"):format(role, problem) end
  found.source, found.method, found.is_static = "instance role " .. role, "instance", true
  return found
end

return instance
