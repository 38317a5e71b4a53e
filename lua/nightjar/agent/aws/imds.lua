--- EC2's instance metadata service, version 2: a token first, then what is asked for.
---
--- Source: "Use the Instance Metadata Service" in the EC2 User Guide; variables as in the AWS SDKs
--- and Tools Reference Guide, "IMDS client". Version 1 is never spoken: whoever can make the
--- agent fetch a URL could read it.
local messages = require "nightjar.text"
local profile = require "nightjar.agent.aws.profile"
local variables = require "nightjar.agent.aws.variables"

local imds = {}

local IPV4, IPV6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
local TOKEN_SECONDS = 21600
-- A token is renewed this much before its end.
local MARGIN = 60
local MAX_ANSWER = 64 * 1024

local function positive(settings, found, name, default)
  local value, label = variables.lookup(settings, name, found)
  if not value then return default end
  local number = value:find("^%d+%.?%d*$") and tonumber(value)
  if number and number > 0 and number <= 3600 then return number end
  return nil, ("%s: expected a number above 0, got %q"):format(label, value)
end

local function base_url(settings, found)
  local own, label = variables.lookup(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT", found)
  if own then
    if own:find("^[hH][tT][tT][pP][sS]?://[^%s@?#\\]+$") then return (own:gsub("/+$", "")) end
    return nil, label .. ": expected a URL"
  end
  local mode, mode_label =
    variables.lookup(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", found)
  mode = mode and mode:lower() or "ipv4"
  if mode == "ipv4" then return IPV4 end
  if mode == "ipv6" then return IPV6 end
  return nil, ("%s: expected IPv4 or IPv6, got %q"):format(mode_label, mode)
end

local function configure(context)
  local settings = context.settings
  local found, err = profile.load(settings)
  if not found then return nil, err end
  local base, timeout, attempts
  base, err = base_url(settings, found)
  if not base then return nil, err end
  timeout, err = positive(settings, found, "AWS_METADATA_SERVICE_TIMEOUT", 1)
  if not timeout then return nil, err end
  attempts, err = positive(settings, found, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1)
  if not attempts then return nil, err end
  return { base = base, timeout = timeout, attempts = math.max(1, math.floor(attempts)) }
end

-- One request with its tries: the answer, or what went wrong, in one line.
local function request(context, config, fields, note)
  local url = config.base .. fields.path
  local problem
  for try = 1, config.attempts do
    -- `proxy = ""`: what tells who we are is never asked of a proxy.
    local response, err = context.http({ method = fields.method, url = url,
      headers = fields.headers, proxy = "", connect_timeout = config.timeout,
      timeout = config.timeout, max_body = MAX_ANSWER }, note)
    if not response then
      problem = err.message or err.kind
    elseif response.status == 200 and response.body ~= "" then
      return response.body
    else
      problem = ("%s: %s"):format(url, response.status == 200 and "an empty answer"
        or "HTTP status " .. response.status)
      if response.status < 500 and response.status ~= 200 then
        return nil, problem, response.status
      end
    end
    if try < config.attempts then context.sleep(context.random() * 0.1 * 2 ^ try) end
  end
  return nil, problem
end

local function token_of(context, config)
  local held = context.imds
  if held and held.base == config.base and context.monotonic() < held.ends then
    return held.token
  end
  local token, err, status = request(context, config, { method = "PUT", path = "/latest/api/token",
    headers = { ["X-aws-ec2-metadata-token-ttl-seconds"] = tostring(TOKEN_SECONDS) } },
    { about = "instance metadata: token", hide_answer = true })
  if not token then
    local hint = not status and " (within a container the instance's hop limit must be 2 or more)"
    return nil, err .. (hint or "")
  end
  token = messages.trim(token)
  if token:find("[%c%s]") then return nil, "the token is no single word" end
  context.imds = { base = config.base, token = token,
    ends = context.monotonic() + TOKEN_SECONDS - MARGIN }
  return token
end

--- Reads one thing below /latest/meta-data/.
---@param context AwsWorld  keeps the token between calls
---@param path string  "placement/region"
---@param hide boolean?  the answer is a secret
---@return string? text  trimmed; nil without a message: AWS_EC2_METADATA_DISABLED
---@return string? err
---@return integer? status  the HTTP status where there was an answer
function imds.get(context, path, hide)
  if variables.is_true(context.settings, "AWS_EC2_METADATA_DISABLED") then return nil end
  local config, err = configure(context)
  if not config then return nil, "instance metadata: " .. err end
  for try = 1, 2 do
    local token, text, status
    token, err = token_of(context, config)
    if not token then break end
    text, err, status = request(context, config, { method = "GET",
      path = "/latest/meta-data/" .. path, headers = { ["X-aws-ec2-metadata-token"] = token } },
      { about = "instance metadata", hide_answer = hide })
    if text then return messages.trim(text) end
    -- The token has been withdrawn, as after a move to another host: one new one.
    if status ~= 401 or try == 2 then return nil, "instance metadata: " .. err, status end
    context.imds = nil
  end
  return nil, "instance metadata: " .. err
end

return imds
