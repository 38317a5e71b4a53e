--- The JSON document in which several sources hand out keys: containers, instances, processes.
local json = require "host.json"
local messages = require "nightjar.text"
local timestamp = require "nightjar.agent.aws.timestamp"

local document = {}

document.MAX_BYTES = 64 * 1024

local function text(value) return type(value) == "string" and value ~= "" and value or nil end

-- A failure comes as such a document too, with status 200.
local function refusal(answer)
  local code = text(answer.Code) or text(answer.code)
  if not code or code == "Success" then return nil end
  local message = text(answer.Message) or text(answer.message)
  return messages.clean(message and code .. ": " .. message or code, 300)
end

--- Reads such a document. A message never holds what the document holds, but for the code and
--- message of a refusal.
---@param body string
---@param names {token: string}?  how it calls the session token; "Token" by default
---@return Credentials?
---@return string? err
function document.read(body, names)
  local answer = json.decode(body, { max_bytes = document.MAX_BYTES })
  if type(answer) ~= "table" or json.is_array(answer) then
    return nil, "expected a JSON object with keys"
  end
  local refused = refusal(answer)
  if refused then return nil, refused end
  local id, secret = text(answer.AccessKeyId), text(answer.SecretAccessKey)
  if not id or not secret then
    return nil, ("expected AccessKeyId and SecretAccessKey, %s is missing"):format(
      id and "SecretAccessKey" or "AccessKeyId")
  end
  local expiration = answer.Expiration
  local expires = timestamp.parse(expiration)
  if expiration ~= nil and expiration ~= json.null and expiration ~= "" and not expires then
    return nil, "Expiration: expected a time like 2026-11-24T03:41:10Z"
  end
  return { access_key_id = id, secret_access_key = secret, expires = expires,
    session_token = text(answer[names and names.token or "Token"]) }
end

return document
