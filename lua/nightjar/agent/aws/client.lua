--- Calls of AWS operations, signed, with the SDKs' standard retries: the one way to call AWS.
local endpoint = require "nightjar.agent.aws.endpoint"
local failure = require "nightjar.agent.aws.failure"
local gate = require "nightjar.agent.gate"
local log = require "nightjar.log"
local options_of = require "nightjar.agent.aws.options"
local rate = require "nightjar.agent.aws.rate"
local requests = require "nightjar.agent.aws.requests"
local retry = require "nightjar.agent.aws.retry"
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
---@field throttles integer  answers by which AWS asked for fewer requests
local client = {}
client.__index = client

-- Clocks that differ by less are no reason for a refused signature.
local SKEW = 4 * 60
-- Of a call without options. Nobody changes it.
local NONE = {}

-- What AWS answers to a key that it does not know, or no longer.
local unknown_key = { UnrecognizedClientException = true, InvalidClientTokenId = true,
  InvalidAccessKeyId = true }
local wrong_signature = { SignatureDoesNotMatch = true, InvalidSignatureException = true }

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
  local self = setmetatable({
    service = service, context = context, region = target.signing_region,
    endpoint = address or target.value, options = options, credentials = credentials,
    gate = gate.new(settings.api_concurrency or 8), quota = retry.quota(),
    limiter = rate.new(service.rates, context.monotonic), calls = {}, retries = 0,
    throttles = 0,
  }, client)
  self.requests = requests.new(self)
  return self
end

--- Requests sent so far, by operation: a copy, for the log and the cost report.
---@return table<string, integer>
function client:counts()
  local copy = {}
  for operation, count in pairs(self.calls) do copy[operation] = count end
  return copy
end

function client:now() return self.context.now() + self.context.clock.skew end

function client:count(operation, times)
  self.calls[operation] = (self.calls[operation] or 0) + times
end

function client:exchange(call, request)
  local context = self.context
  call.signed_skew, call.attempts = context.clock.skew, call.attempts + 1
  self:count(call.operation, 1)
  return self:understand(call,
    context.http(request, context.is_traced and self.requests:note(call) or nil))
end

-- What an answer says, or why there is none.
function client:understand(call, response, err)
  local protocol, operation = self.service.protocol, call.operation
  if not response then return nil, failure.of_transport(operation, err) end
  local status, accepts = response.status, protocol.accepts
  if status == 200 or accepts and accepts[status] then
    local output, detail = protocol.read(operation, response, call.options.known)
    if output then return output, detail end
    return nil, detail, response.headers
  end
  local secrets = self.requests.secrets_of(call)
  return nil, failure.of_response(operation, response, secrets), response.headers
end

-- Whether the next try would begin too late if it began so many seconds from now.
function client:is_late(call, wait)
  local options = call.options
  local latest = call.attempts == 0 and options.first_by or options.deadline
  return latest and self.context.monotonic() + wait >= latest
end

local function no_time(call)
  return failure.new { operation = call.operation, code = "DeadlineExceeded",
    message = "no time left in this pass", attempts = call.attempts }
end

-- Waits the time that the operation's own rate asks for; nil and why when that would be too long.
function client:pace(call, wait)
  if self:is_late(call, wait) then
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
  local wait = self.limiter:take(call.operation)
  if wait > 0 then
    local paced, late = self:pace(call, wait)
    if not paced then return nil, late end
  end
  local place <close> = self.gate:enter() -- luacheck: ignore place
  -- For the place, and before that for keys, it may have waited long.
  if self:is_late(call, 0) then
    self.limiter:give_back(call.operation)
    return nil, no_time(call)
  end
  local request, err = self.requests:make(call)
  if not request then
    return nil, failure.new { operation = call.operation, code = "CredentialsError",
      message = (call.held.source or "keys") .. ": " .. err }
  end
  return self:exchange(call, request)
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
  if class == "throttle" then
    self.throttles = self.throttles + 1
    self.limiter:throttled(call.operation)
  end
  if class == "expired" or class == "skew" then return self:corrected(class, headers, call) end
  if class == "final" or call.attempts >= self.requests:most_attempts(call) then return false end
  local delay = retry.delay(class, call.retries or 0, self.context.random(),
    headers and headers["x-amz-retry-after"])
  if self:is_late(call, delay) then return false end
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

-- A try with everything that goes before it; `fatal`: there will be no other.
function client:try(call)
  if self:is_late(call, 0) then return nil, no_time(call), nil, true end
  local ok, err = self:take_keys(call)
  if not ok then return nil, err, nil, true end
  return self:attempt(call)
end

-- What the first try has answered that a batch made.
function client:first_try(call, answer)
  call.attempts, call.held, call.signed_skew = 1, answer.held, answer.signed_skew
  local response = answer.response
  return self:understand(call, not response.error and response or nil, response.error)
end

function client:run(call, answer)
  while true do
    local output, problem, headers, fatal
    if answer then
      output, problem, headers = self:first_try(call, answer)
      answer = nil
    else
      output, problem, headers, fatal = self:try(call)
    end
    if fatal then return nil, problem end
    if output then
      self.quota:give(call.cost)
      return output, problem
    end
    problem.attempts = call.attempts
    if not self:again(problem, headers, call) then return self:give_up(problem, call) end
  end
end

---@class CallOptions
---@field host_prefix string?  goes in front of the host
---@field deadline number?  monotonic seconds; no try begins after it
---@field first_by number?  monotonic seconds; the first try may begin until then
---@field secrets string[]?  of the input: taken out of every message
---@field max_attempts integer?  the settings' if nil
---@field connect_timeout number?  seconds
---@field timeout number?  seconds for one try
---@field max_body integer?  bytes of an answer
---@field known string|false|nil  the fingerprint of an earlier answer, or false: then the answer's
---  own is returned too, and an answer that says the same is protocol.KNOWN

---@class PreparedCall  what an input is on the wire: to be sent as often as one likes
---@field operation string
---@field body string
---@field payload_hash string?  of a body that is kept
---@field headers string[][]
---@field target table?

--- Makes a call ready, for an input that is sent again and again.
---@param operation string
---@param input table
---@return PreparedCall?
---@return Failure? problem  the input cannot be sent
function client:prepare(operation, input)
  local body, headers, target = self.service.protocol.write(operation, input)
  if headers and type(headers) ~= "string" then
    return { operation = operation, body = body, headers = headers, target = target }
  end
  return nil, failure.new { operation = operation, code = "UnusableInput", message = headers }
end

--- Sends a call and returns what is answered, or one failure after the last try.
---@param prepared PreparedCall
---@param options CallOptions?
---@param answer BatchAnswer?  its first try was part of a batch
---@return table? output
---@return Failure|string|nil problem  or the answer's fingerprint, where one was asked for
function client:send(prepared, options, answer)
  return self:run({ operation = prepared.operation, prepared = prepared, attempts = 0,
    options = options or NONE, id = answer and answer.id or self.requests.next_id(), held = false,
    signed_skew = 0 }, answer)
end

---@class BatchAnswer  what a try of a batch came to, for `send`
---@field response {error: HttpFailure?, status: integer?}
---@field id string  of the call
---@field held AwsCredentials
---@field signed_skew number

-- Who holds the places of a batch and the rate of its calls. What is sent counts, and the rest of
-- the rate goes back, however it ends: the pass may be given up meanwhile.
local holder = {}
holder.__index = holder

function holder:begun(widen) self.places.widen = widen end

function holder:narrow(count) self.places:narrow(count) end

function holder:over(started) self.sent = started end

function holder:__close()
  local owner, sent = self.client, self.sent
  if sent > 0 then owner:count(self.operation, sent) end
  owner.limiter:give_back(self.operation, self.taken - sent)
end

-- What must be known of each answer that says something new; of the others, that they came.
function client:answers_of(sent, responses, batch)
  local answers, known = {}, sent
  for item, response in pairs(responses) do
    answers[item] = { response = response, id = batch.id_of(item), held = batch.held,
      signed_skew = batch.signed_skew }
    known = known - 1
  end
  if known > 0 then self.quota:give(known) end
  return answers
end

--- Sends the first tries of calls together, as many as may be sent now: all that costs is sending
--- and looking at the answers. Of those that are known nothing more is said. The first trouble ends
--- it; what was not sent, and what has met trouble or says something new, is for `send`.
---@param calls PreparedCall[]  of one operation
---@param knowns string[]  of each the fingerprint (CallOptions)
---@param options CallOptions  with no times of a try
---@param others integer  so many other calls of the operation are about to be made
---@return integer sent  the first so many
---@return table<integer, BatchAnswer> answers  by position: those that say something new
function client:send_known(calls, knowns, options, others)
  local context, operation = self.context, calls[1].operation
  local held = context.batch and self.credentials and self.credentials:get()
  if not held then return 0, NONE end
  local count = self.limiter:take_many(operation, #calls, others)
  if count == 0 then return 0, NONE end
  local one <close> = setmetatable({ client = self, operation = operation, taken = count, sent = 0,
    places = nil }, holder)
  local limit = self.gate.limit
  local first = math.min(count, math.max(limit - others, limit // 2, 1))
  local places <close> = self.gate:enter_many(first, math.min(count, limit))
  one.places = places
  local batch = { held = held, signed_skew = context.clock.skew }
  local request
  request, batch.id_of = self.requests:batch(calls, knowns, count, options, held)
  local sent, responses
  if request then
    request.limit = places.count
    sent, responses = context.batch(request, one)
  end
  if not sent then return 0, NONE end -- who sends one of them is told why
  return sent, self:answers_of(sent, responses, batch)
end

--- Calls an operation: `prepare` and `send`.
---@param operation string
---@param input table
---@param options CallOptions?
---@return table? output
---@return Failure|string|nil problem
function client:call(operation, input, options)
  local prepared, problem = self:prepare(operation, input)
  if not prepared then return nil, problem end
  return self:send(prepared, options)
end

return client
