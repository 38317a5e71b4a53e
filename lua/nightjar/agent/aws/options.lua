--- What the AWS variables say of every call: tries, certificates, host prefixes, the user agent.
local log = require "nightjar.log"
local profile = require "nightjar.agent.aws.profile"
local program = require "host.program"
local retry = require "nightjar.agent.aws.retry"
local variables = require "nightjar.agent.aws.variables"

local options = {}

-- Longer ones are cut by the SDKs' services (AWS SDKs and Tools Reference Guide, "Application ID").
local MAX_APPLICATION = 50

local modes = { standard = true, legacy = true, adaptive = true }

local function attempts_of(settings, found)
  local value, label = variables.lookup(settings, "AWS_MAX_ATTEMPTS", found)
  if not value then return retry.MAX_ATTEMPTS end
  local number = value:find("^%d+$") and math.tointeger(tonumber(value))
  if number and number >= 1 then return number end
  return nil, ("%s: expected an integer from 1, got %q"):format(label, value)
end

-- There is one mode; the others are near enough to go on with it.
local function check_mode(settings, found)
  local value, label = variables.lookup(settings, "AWS_RETRY_MODE", found)
  if not value or value:lower() == "standard" then return true end
  if not modes[value:lower()] then
    return nil, ("%s: expected standard, got %q"):format(label, value)
  end
  log.debug("retry_mode", { reason = label .. ": " .. value .. " is taken as standard" })
  return true
end

local function user_agent(settings, found)
  local agent = "nightjar/" .. program.version
  local application = variables.lookup(settings, "AWS_SDK_UA_APP_ID", found)
  if not application then return agent end
  -- RFC 9110, 5.6.2: what a token may hold.
  local token = application:sub(1, MAX_APPLICATION):gsub("[^%w!#$%%&'*+.^_`|~-]", "-")
  return agent .. " app/" .. token
end

-- libcurl reads `http_proxy` in small letters only, for programs that a web server starts with
-- `HTTP_PROXY` from a request; the SDKs read both.
local function http_proxy(settings)
  local environment = settings.environment or {}
  if (environment.http_proxy or "") ~= "" then return nil end
  local value = environment.HTTP_PROXY or ""
  return value ~= "" and value or nil
end

--- Reads them.
---@param settings table
---@return {max_attempts: integer, ca_file: string?, user_agent: string, host_prefixes: boolean,
---  http_proxy: string?}?
---@return string? err
function options.read(settings)
  local found, err = profile.load(settings)
  if not found then return nil, err end
  local attempts, ok
  attempts, err = attempts_of(settings, found)
  if not attempts then return nil, err end
  ok, err = check_mode(settings, found)
  if not ok then return nil, err end
  return { max_attempts = attempts, user_agent = user_agent(settings, found),
    ca_file = (variables.lookup(settings, "AWS_CA_BUNDLE", found)),
    host_prefixes = not variables.is_true(settings, "AWS_DISABLE_HOST_PREFIX_INJECTION", found),
    http_proxy = http_proxy(settings) }
end

return options
