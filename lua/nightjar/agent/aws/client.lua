--- Signed calls to one AWS service over JSON 1.1, with the SDKs' standard retries.
local clock = require "host.clock"
local credentials = require "nightjar.agent.aws.credentials"
local endpoint = require "nightjar.agent.aws.endpoint"
local failure = require "nightjar.agent.aws.failure"
local gate = require "nightjar.agent.aws.gate"
local json = require "host.json"
local log = require "nightjar.log"
local program = require "host.program"
local region = require "nightjar.agent.aws.region"
local retry = require "nightjar.agent.aws.retry"
local sched = require "nightjar.agent.sched"
local sigv4 = require "host.sigv4"
local timestamp = require "nightjar.agent.aws.timestamp"
local variables = require "nightjar.agent.aws.variables"

---@class AwsClient
---@field calls table<string, integer>  requests sent so far, by operation
---@field retries integer  how many of these were retries
local client = {}
client.__index = client

local SIGNING_NAME = "servicediscovery"
local TARGET = "Route53AutoNaming_v20170314."
local CONTENT_TYPE = "application/x-amz-json-1.1"

-- A call that takes longer than a third of a pass is better tried again.
local CONNECT_TIMEOUT = 3
local TIMEOUT = 10
-- A thousand instances with thirty attributes of a kibibyte each.
local MAX_ANSWER = 64 * 1024 * 1024
-- Clocks that differ by less are no reason for a refused signature.
local SKEW = 4 * 60

local function attempts_of(settings)
  local value = variables.get(settings, "AWS_MAX_ATTEMPTS")
  if not value then return retry.MAX_ATTEMPTS end
  local number = value:find("^%d+$") and math.tointeger(tonumber(value))
  if number and number >= 1 then return number end
  return nil, ("AWS_MAX_ATTEMPTS: expected an integer from 1, got %q"):format(value)
end

local function user_agent(settings)
  local application = variables.get(settings, "AWS_SDK_UA_APP_ID")
  local agent = "nightjar/" .. program.version
  if application then agent = agent .. " app/" .. application:gsub("[^%w.+_~-]", "-") end
  return agent
end

--- A client for Cloud Map as the settings describe it. Nothing is asked of the network yet.
---
--- `options` replaces the world in specs: {http, now, sleep, random, monotonic, credentials}.
---@param settings table  uses `environment`, `api_concurrency` and the AWS variables
---@param options table?
---@return AwsClient?
---@return string? err
function client.new(settings, options)
  options = options or {}
  local where, err = region.describe(settings)
  if not where then return nil, err end
  local target, endpoint_err = endpoint.describe(settings)
  if not target then return nil, endpoint_err end
  local attempts, attempts_err = attempts_of(settings)
  if not attempts then return nil, attempts_err end
  return setmetatable({
    region = where.value, endpoint = target.value, max_attempts = attempts,
    agent = user_agent(settings), ca_file = variables.get(settings, "AWS_CA_BUNDLE"),
    credentials = options.credentials or credentials.new(settings, options),
    gate = gate.new(settings.api_concurrency or 8), quota = retry.quota(), skew = 0,
    http = options.http or sched.http, sleep = options.sleep or sched.sleep,
    now = options.now or clock.now, monotonic = options.monotonic or clock.monotonic,
    random = options.random or math.random, calls = {}, retries = 0,
  }, client)
end

--- Requests sent so far, by operation: a copy, for the log and the cost report.
---@return table<string, integer>
function client:counts()
  local copy = {}
  for operation, count in pairs(self.calls) do copy[operation] = count end
  return copy
end

-- The headers of a request, or nil and why these keys cannot sign it; that names no secret.
function client:signed(operation, body, url, held)
  local headers = { { "Content-Type", CONTENT_TYPE }, { "X-Amz-Target", TARGET .. operation } }
  local signed, err = sigv4.sign {
    method = "POST", url = url, headers = headers, body = body, region = self.region,
    service = SIGNING_NAME, time = math.floor(self.now() + self.skew),
    access_key_id = held.access_key_id, secret_access_key = held.secret_access_key,
    session_token = held.session_token,
  }
  if not signed then return nil, err end
  table.move(signed.headers, 1, #signed.headers, #headers + 1, headers)
  headers[#headers + 1] = { "User-Agent", self.agent }
  return headers
end

-- What a 200 holds, or why it cannot be used: a proxy's page, or half of an answer.
local function output_of(operation, response)
  local output, err = json.decode(response.body, { max_bytes = MAX_ANSWER })
  if type(output) == "table" and not json.is_array(output) then return output end
  return nil, failure.new { operation = operation, status = response.status,
    code = "UnreadableResponse", message = err or "expected a JSON object",
    request_id = response.headers["x-amzn-requestid"] }
end

function client:attempt(operation, body, options, state)
  local held = state.held
  local place <close> = self.gate:enter() -- luacheck: ignore place
  local url = endpoint.with_prefix(self.endpoint, options.host_prefix)
  local headers, sign_err = self:signed(operation, body, url, held)
  if not headers then
    return nil, failure.new { operation = operation, code = "CredentialsError",
      message = (held.source or "keys") .. ": " .. sign_err }
  end
  state.signed_skew, state.attempts = self.skew, state.attempts + 1
  self.calls[operation] = (self.calls[operation] or 0) + 1
  local response, err = self.http {
    method = "POST", url = url, headers = headers, body = body,
    connect_timeout = CONNECT_TIMEOUT, timeout = TIMEOUT, max_body = MAX_ANSWER,
    ca_file = self.ca_file,
  }
  if not response then return nil, failure.of_transport(operation, err) end
  if response.status == 200 then return output_of(operation, response) end
  local secrets = { held.secret_access_key, held.session_token }
  return nil, failure.of_response(operation, response, secrets), response.headers
end

-- Whether the clocks differ so much that the signature failed for it; then the client's own
-- clock is corrected for all calls to come. Another call may have done that meanwhile.
function client:correct_clock(headers, signed_skew)
  if signed_skew ~= self.skew then return true end
  local theirs = timestamp.parse_http(headers and headers.date)
  if not theirs or math.abs(theirs - (self.now() + self.skew)) <= SKEW then return false end
  self.skew = theirs - self.now()
  return true
end

-- Whether the call may be tried again; waits until it may.
function client:again(problem, headers, state, deadline)
  local class = retry.class(problem)
  if class == "expired" or class == "skew" then
    if state[class] then return false end
    state[class] = true
    if class == "skew" then return self:correct_clock(headers, state.signed_skew) end
    self.credentials:expire(state.held)
    return true
  end
  if class == "final" or state.attempts >= self.max_attempts then return false end
  local delay = retry.delay(class, state.retries, self.random(),
    headers and headers["x-amz-retry-after"])
  if deadline and self.monotonic() + delay >= deadline then return false end
  state.cost = self.quota:take(class)
  if not state.cost then return false end
  state.retries, self.retries = state.retries + 1, self.retries + 1
  self.sleep(delay)
  return true
end

--- Calls an operation and returns what it answers, or one failure after the last try.
---
--- `options.host_prefix` goes in front of the host; no try begins after `options.deadline`
--- (monotonic seconds).
---@param operation string
---@param input table
---@param options {host_prefix: string?, deadline: number?}?
---@return table? output
---@return Failure? problem
function client:call(operation, input, options)
  options = options or {}
  local body, encode_err = json.encode(input)
  if not body then
    return nil, failure.new { operation = operation, code = "UnusableInput",
      message = encode_err }
  end
  local state = { attempts = 0, retries = 0 }
  while true do
    if options.deadline and self.monotonic() >= options.deadline then
      return nil, failure.new { operation = operation, code = "DeadlineExceeded",
        message = "no time left in this pass", attempts = state.attempts }
    end
    local err
    state.held, err = self.credentials:get()
    if not state.held then
      return nil, failure.new { operation = operation, code = "CredentialsError",
        message = err, attempts = state.attempts }
    end
    local output, problem, headers = self:attempt(operation, body, options, state)
    if output then
      self.quota:give(state.cost)
      return output
    end
    problem.attempts = state.attempts
    if not self:again(problem, headers, state, options.deadline) then
      log.debug("api_failed", { reason = tostring(problem), operation = operation,
        status = problem.status, code = problem.code, request_id = problem.request_id,
        attempts = problem.attempts })
      return nil, problem
    end
  end
end

return client
