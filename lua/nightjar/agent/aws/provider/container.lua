--- Credentials from the container agent's endpoint (ECS tasks, EKS pod identities).
local document = require "nightjar.agent.aws.document"
local file = require "host.file"
local messages = require "nightjar.text"
local variables = require "nightjar.agent.aws.variables"

local container = { name = "container" }

local AGENT = "http://169.254.170.2"
local TIMEOUT = 2
local TRIES = 3
local MAX_TOKEN = 64 * 1024

-- The hosts that credentials may be asked of in plain text: the machine itself, ECS, EKS.
local plain_hosts = { localhost = true, ["169.254.170.2"] = true, ["169.254.170.23"] = true,
  ["[::1]"] = true, ["[fd00:ec2::23]"] = true }

local function check_full(url)
  local scheme, host = url:match("^(%a+)://(%[[%x:]+%])")
  if not scheme then scheme, host = url:match("^(%a+)://([%w.-]+)") end
  local after = host and url:sub(#scheme + 3 + #host + 1) or ""
  if not scheme or not after:find("^:?%d*/?") or url:find("[%s@#\\]") then
    -- Not repeated: the path, or a name and password, may be a secret.
    return nil, "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected a URL without a user"
  end
  scheme, host = scheme:lower(), host:lower()
  if scheme == "https" or scheme == "http"
    and (plain_hosts[host] or host:find("^127%.%d+%.%d+%.%d+$")) then
    return url
  end
  return nil, ("AWS_CONTAINER_CREDENTIALS_FULL_URI: %s: plain HTTP is for loopback and the "
    .. "container agent's addresses only"):format(host)
end

local function address(settings)
  local relative = variables.get(settings, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
  if relative then
    if not relative:find("^/") or relative:find("[%s#\\]") then
      return nil, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected a path that begins with /"
    end
    return AGENT .. relative
  end
  local full = variables.get(settings, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
  if full then return check_full(full) end
  return nil
end

-- The token file is read anew each time: its content is exchanged while the container runs.
local function authorization(settings)
  local path = variables.get(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
  local token
  if path then
    local text, err = file.read(path, MAX_TOKEN)
    if not text then return nil, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " .. tostring(err) end
    token = messages.trim(text)
  else
    token = variables.get(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN")
  end
  if token and token:find("%c") then
    return nil, "the container authorization token holds a line break or control character"
  end
  return token
end

-- Who knows the path can ask for the keys, so messages name the host alone.
local function place(url)
  local host, path = url:match("^(%a+://[^/?]+)(.*)$")
  return #path > 1 and host .. "/…" or host .. path
end

local function without_path(message, url)
  local from, to = message:find(url:gsub("[?#].*$", ""), 1, true)
  return from and message:sub(1, from - 1) .. place(url) .. message:sub(to + 1) or message
end

local function ask(context, url, token)
  local headers = { Accept = "application/json" }
  if token then headers.Authorization = token end
  -- `proxy = ""`: credentials are never asked of a proxy.
  local response, err = context.http({ method = "GET", url = url, headers = headers, proxy = "",
    connect_timeout = TIMEOUT, timeout = TIMEOUT, max_body = document.MAX_BYTES },
    { about = "container credentials", hide_answer = true, url = place(url) })
  if not response then return nil, without_path(tostring(err.message or err.kind), url), true end
  if response.status == 200 then
    local credentials, problem = document.read(response.body)
    return credentials, problem, true
  end
  return nil, "HTTP status " .. response.status,
    response.status >= 500 or response.status == 429
end

--- Asks the endpoint that the container's variables name; three tries of two seconds.
---@param context AwsWorld
---@return Credentials? credentials  nil without a message: not configured here
---@return string? err
function container.find(context)
  local url, err = address(context.settings)
  if not url then return nil, err end
  local problem
  for try = 1, TRIES do
    local token, token_err = authorization(context.settings)
    if token_err then return nil, token_err end
    local credentials, again
    credentials, problem, again = ask(context, url, token)
    if credentials then
      credentials.source, credentials.method = "container", "container"
      return credentials
    end
    if not again then break end
    if try < TRIES then context.sleep(context.random() * 0.1 * 2 ^ try) end
  end
  if not problem:find(place(url), 1, true) then problem = place(url) .. ": " .. problem end
  return nil, "container credentials: " .. problem
end

return container
