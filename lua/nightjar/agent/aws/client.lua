--- Calls of AWS operations, signed, with the SDKs' standard retries: the one way to call AWS.
local endpoint = require "nightjar.agent.aws.endpoint"
local failure = require "nightjar.agent.aws.failure"
local gate = require "nightjar.agent.aws.gate"
local log = require "nightjar.log"
local options_of = require "nightjar.agent.aws.options"
local rate = require "nightjar.agent.aws.rate"
local retry = require "nightjar.agent.aws.retry"
local sigv4 = require "host.sigv4"
local timestamp = require "nightjar.agent.aws.timestamp"

---@class AwsService
---@field name string  in host names, in a profile's `services` section, and in signatures
---@field variable string  the variable that holds an endpoint of its own
---@field protocol AwsProtocol
---@field rates RateLimits
---@field secret boolean?  its requests and answers hold secrets: never to be shown
---@field transient table<string, true>?  error codes of its own that are worth another try
---@field signing table?  more for host.sigv4: how the service wants its paths and bodies signed
---@field address (fun(endpoint: string, is_own: boolean): string)?  where its requests go, from
---  the endpoint and whether the operator named that; the endpoint itself if nil

---@class AwsClient
---@field calls table<string, integer>  requests sent so far, by operation
---@field retries integer  how many of these were retries
local client = {}
client.__index = client

-- A call that takes longer than a third of a pass is better tried again; so is one whose answer
-- comes to a standstill.
local CONNECT_TIMEOUT = 3
local TIMEOUT = 10
local STALL_TIMEOUT = 5
local MAX_ANSWER = 64 * 1024 * 1024
-- Clocks that differ by less are no reason for a refused signature.
local SKEW = 4 * 60
-- Of a call without options, and a service that signs as most do. Nobody changes it.
local NONE = {}

-- What AWS answers to a key that it does not know, or no longer.
local unknown_key = { UnrecognizedClientException = true, InvalidClientTokenId = true,
  InvalidAccessKeyId = true }
local wrong_signature = { SignatureDoesNotMatch = true, InvalidSignatureException = true }

-- 48 bits of each dice in [0, 1): a double has room for them.
local MOST = 1 << 48

-- Ids for all tries of a call each, as the SDKs send them: version 4 UUIDs (RFC 9562) that have
-- their first part in common and count on in the other. To throw dice for each costs ten times as
-- much.
local function invocation_ids(random)
  local a, b, count = random() * MOST // 1 | 0, random() * MOST // 1 | 0, random() * MOST // 1 | 0
  local first = ("%08x-%04x-4%03x-%x%03x-"):format(a >> 16, a & 0xffff, b & 0xfff,
    8 | b >> 12 & 3, b >> 14 & 0xfff)
  return function()
    count = (count + 1) % MOST
    return first .. ("%012x"):format(count)
  end
end

--- A client for one service. Nothing is asked of the network yet.
---@param service AwsService
---@param context AwsWorld  its settings: `environment`, `api_concurrency`, the AWS variables
---@param region string
---@param credentials CredentialsStore?  nil: calls are not signed
---@return AwsClient?
---@return string? err
function client.new(service, context, region, credentials)
  local settings = context.settings
  local target, endpoint_err = endpoint.describe(settings, service, region)
  if not target then return nil, endpoint_err end
  local options, err = options_of.read(settings)
  if not options then return nil, err end
  local address = service.address and service.address(target.value, target.is_own)
  return setmetatable({
    service = service, context = context, region = target.signing_region,
    endpoint = address or target.value, options = options, credentials = credentials,
    gate = gate.new(settings.api_concurrency or 8), quota = retry.quota(),
    limiter = rate.new(service.rates, context.monotonic), calls = {}, retries = 0,
    scratches = {}, urls = {}, next_id = invocation_ids(context.random),
    user_agent = { "User-Agent", options.user_agent },
  }, client)
end

--- Requests sent so far, by operation: a copy, for the log and the cost report.
---@return table<string, integer>
function client:counts()
  local copy = {}
  for operation, count in pairs(self.calls) do copy[operation] = count end
  return copy
end

function client:now() return self.context.now() + self.context.clock.skew end

-- The endpoint with a host prefix, "" for none.
function client:url(prefix)
  local url = self.urls[prefix]
  if not url then
    url = endpoint.with_prefix(self.endpoint, prefix ~= "" and prefix or nil)
    self.urls[prefix] = url
  end
  return url
end

-- The same few headers again and again: nobody changes them.
local attempt_headers = {}

local function attempt_header(attempt, most)
  local known = attempt_headers[most]
  if not known then
    known = {}
    attempt_headers[most] = known
  end
  local header = known[attempt]
  if not header then
    header = { "amz-sdk-request", ("attempt=%d; max=%d"):format(attempt, most) }
    known[attempt] = header
  end
  return header
end

local function method_of(call) return call.target and call.target.method or "POST" end

function client:most_attempts(call)
  return call.options.max_attempts or self.options.max_attempts
end

-- A table to be filled and read before anybody else has the word: the same one each time, since a
-- pass makes thousands. Who traces requests may keep them, and gets new ones.
function client:scratch(name)
  if self.context.is_traced then return {} end
  local scratch = self.scratches[name]
  if not scratch then
    scratch = {}
    self.scratches[name] = scratch
  end
  return scratch
end

function client:identity(held)
  local identity = { region = self.region, service = self.service.name,
    access_key_id = held.access_key_id, secret_access_key = held.secret_access_key,
    session_token = held.session_token }
  for name, value in pairs(self.service.signing or NONE) do identity[name] = value end
  return identity
end

-- What signs with these keys, or nil and why they cannot sign; that names no secret.
function client:signer(held)
  if self.signs_for ~= held then
    local signer, err = sigv4.signer(self:identity(held))
    if not signer then return nil, err end
    self.signs_for, self.signs = held, signer
  end
  return self.signs
end

-- Signed by host.http, or at once for whoever wants to see the whole request.
function client:sign(call, request)
  local time = math.floor(self:now())
  if not self.context.is_traced then
    local err
    request.signer, err = self:signer(call.held)
    request.time = time
    return request.signer, err
  end
  local whole = self:identity(call.held)
  whole.method, whole.url, whole.headers = request.method, request.url, request.headers
  whole.body, whole.time = request.body, time
  local signed, err = sigv4.sign(whole)
  if not signed then return nil, err end
  table.move(signed.headers, 1, #signed.headers, #request.headers + 1, request.headers)
  return true
end

function client:headers(call)
  local headers = self:scratch("headers")
  local count = #call.headers
  table.move(call.headers, 1, count, 1, headers)
  headers[count + 1] = { "amz-sdk-invocation-id", call.id }
  headers[count + 2] = attempt_header(call.attempts + 1, self:most_attempts(call))
  headers[count + 3] = self.user_agent
  for position = #headers, count + 4, -1 do headers[position] = nil end
  return headers
end

local function secrets_of(call)
  local held, secrets = call.held, { table.unpack(call.options.secrets or {}) }
  if held then
    secrets[#secrets + 1] = held.secret_access_key
    secrets[#secrets + 1] = held.session_token
  end
  return secrets
end

-- What a trace must know of a request (aws/trace.lua); most runs have none.
function client:note(call)
  return { about = ("%s, attempt %d"):format(call.operation, call.attempts),
    secrets = secrets_of(call), hide_request = self.service.secret,
    hide_answer = self.service.secret }
end

-- The request of one try, or nil and why these keys cannot sign it.
function client:request(call)
  local request, options = self:scratch("request"), call.options
  local url = self:url(self.options.host_prefixes and options.host_prefix or "")
  if call.target then url = url .. call.target.path end
  request.method, request.url, request.headers = method_of(call), url, self:headers(call)
  request.body, request.ca_file = call.body, self.options.ca_file
  request.connect_timeout = options.connect_timeout or CONNECT_TIMEOUT
  request.timeout, request.stall_timeout = options.timeout or TIMEOUT, STALL_TIMEOUT
  request.max_body = options.max_body or MAX_ANSWER
  request.proxy = self.options.http_proxy and url:find("^http:") and self.options.http_proxy or nil
  if call.held then
    local signed, err = self:sign(call, request)
    if not signed then return nil, err end
  end
  return request
end

function client:send(call, request)
  local service = self.service
  call.signed_skew, call.attempts = self.context.clock.skew, call.attempts + 1
  self.calls[call.operation] = (self.calls[call.operation] or 0) + 1
  local response, err = self.context.http(request,
    self.context.is_traced and self:note(call) or nil)
  if not response then return nil, failure.of_transport(call.operation, err) end
  local accepts = service.protocol.accepts
  if response.status == 200 or accepts and accepts[response.status] then
    local output, detail = service.protocol.read(call.operation, response, call.options.known)
    if output then return output, detail end
    return nil, detail, response.headers
  end
  return nil, failure.of_response(call.operation, response, secrets_of(call)), response.headers
end

-- Waits for the operation's own rate; nil and why when that would take too long.
function client:pace(call)
  local wait = self.limiter:take(call.operation)
  if wait == 0 then return true end
  if call.options.deadline and self.context.monotonic() + wait >= call.options.deadline then
    self.limiter:give_back(call.operation)
    return nil, failure.new { operation = call.operation, code = "DeadlineExceeded",
      message = (self.limiter:is_throttled(call.operation) and "AWS has throttled it, and " or "")
        .. "the agent's own rate limit leaves no time for it in this pass" }
  end
  self.context.sleep(wait)
  return true
end

-- One try: waits for its rate, then for a place (not the other way round: an operation that is
-- throttled would hold all places), signs, sends.
function client:attempt(call)
  local paced, late = self:pace(call)
  if not paced then return nil, late end
  local place <close> = self.gate:enter() -- luacheck: ignore place
  local request, err = self:request(call)
  if not request then
    return nil, failure.new { operation = call.operation, code = "CredentialsError",
      message = (call.held.source or "keys") .. ": " .. err }
  end
  return self:send(call, request)
end

-- Whether the clocks differ so much that the signature failed for it; then the client's own
-- clock is corrected for all calls to come. Another call may have done that meanwhile.
function client:correct_clock(headers, signed_skew)
  local clock = self.context.clock
  if signed_skew ~= clock.skew then return true end
  local theirs = timestamp.parse_http(headers and headers.date)
  if not theirs or math.abs(theirs - self:now()) <= SKEW then return false end
  clock.skew = theirs - self.context.now()
  log.warn("clock_corrected", { seconds = math.floor(clock.skew + 0.5),
    reason = "AWS's clock differs from this machine's" })
  return true
end

-- New keys, or the right time, and once more: each of the two once in a call.
function client:corrected(class, headers, call)
  if call[class] or not call.held then return false end
  call[class] = true
  if class == "skew" then return self:correct_clock(headers, call.signed_skew) end
  return self.credentials:expire(call.held)
end

-- Whether the call may be tried again; waits until it may.
function client:again(problem, headers, call)
  local class = retry.class(problem, self.service.transient)
  if class == "throttle" then self.limiter:throttled(call.operation) end
  if class == "expired" or class == "skew" then return self:corrected(class, headers, call) end
  if class == "final" or call.attempts >= self:most_attempts(call) then return false end
  local delay = retry.delay(class, call.retries or 0, self.context.random(),
    headers and headers["x-amz-retry-after"])
  local deadline = call.options.deadline
  if deadline and self.context.monotonic() + delay >= deadline then return false end
  call.cost = self.quota:take(class)
  if not call.cost then return false end
  call.retries, self.retries = (call.retries or 0) + 1, self.retries + 1
  self.context.sleep(delay)
  return true
end

-- A signature may be refused for its time too, which AWS then says.
local function is_about_time(message)
  return message:find("[Ee]xpired") or message:find("not yet current", 1, true)
end

-- What a refusal means that only the keys explain: said first, before AWS's own long sentence.
-- A key that AWS does not know may have been exchanged: the next call looks for a newer one.
function client:explain(problem, call)
  local held = call.held
  if not held then return end
  local hint
  if wrong_signature[problem.code] and not is_about_time(problem.message) then
    hint = "the secret access key (%s) is wrong"
  elseif unknown_key[problem.code] then
    hint = "AWS does not know the access key or session token (%s)"
    self.credentials:expire(held)
  end
  if hint then
    hint = hint:format(held.source or "given")
    problem.message = problem.message == "" and hint or hint .. ": " .. problem.message
  end
end

function client:give_up(problem, call)
  self:explain(problem, call)
  log.debug("api_failed", { reason = tostring(problem), operation = call.operation,
    status = problem.status, code = problem.code, request_id = problem.request_id,
    attempts = problem.attempts })
  return nil, problem
end

-- Keys for the next try; true where the call is not signed.
function client:take_keys(call)
  if not self.credentials then return true end
  local err
  call.held, err = self.credentials:get()
  if call.held then return true end
  return nil, failure.new { operation = call.operation, code = "CredentialsError",
    message = err, attempts = call.attempts }
end

function client:run(call)
  while true do
    if call.options.deadline and self.context.monotonic() >= call.options.deadline then
      return nil, failure.new { operation = call.operation, code = "DeadlineExceeded",
        message = "no time left in this pass", attempts = call.attempts }
    end
    local ok, err = self:take_keys(call)
    if not ok then return nil, err end
    local output, problem, headers = self:attempt(call)
    if output then
      self.quota:give(call.cost)
      self.limiter:succeeded(call.operation)
      return output, problem
    end
    problem.attempts = call.attempts
    if not self:again(problem, headers, call) then return self:give_up(problem, call) end
  end
end

---@class CallOptions
---@field host_prefix string?  goes in front of the host
---@field deadline number?  monotonic seconds; no try begins after it
---@field secrets string[]?  of the input: taken out of every message
---@field max_attempts integer?  the settings' if nil
---@field connect_timeout number?  seconds
---@field timeout number?  seconds for one try
---@field max_body integer?  bytes of an answer
---@field known string|false|nil  the fingerprint of an earlier answer, or false: then the answer's
---  own is returned too, and an answer that says the same is protocol.KNOWN

--- Calls an operation and returns what it answers, or one failure after the last try.
---@param operation string
---@param input table
---@param options CallOptions?
---@return table? output
---@return Failure|string|nil problem  or the answer's fingerprint, where one was asked for
function client:call(operation, input, options)
  options = options or NONE
  local body, headers, target = self.service.protocol.write(operation, input)
  if not headers or type(headers) == "string" then
    return nil, failure.new { operation = operation, code = "UnusableInput", message = headers }
  end
  return self:run { operation = operation, body = body, headers = headers, target = target,
    options = options, attempts = 0, id = self.next_id(), held = false, signed_skew = 0 }
end

return client
