--- When and how soon a failed call is tried again: the SDKs' standard mode, as pure functions.
local retry = {}

retry.MAX_ATTEMPTS = 3
retry.QUOTA = 500

local COST = { transient = 14, throttle = 5 }
local BASE = { transient = 0.05, throttle = 1 }
local LONGEST = 20
-- How far the service may stretch a delay with x-amz-retry-after.
local LONGEST_STRETCH = 5

local function set(names)
  local result = {}
  for _, name in ipairs(names) do result[name] = true end
  return result
end

local throttles = set { "Throttling", "ThrottlingException", "ThrottledException",
  "RequestThrottled", "RequestThrottledException", "TooManyRequestsException",
  "ProvisionedThroughputExceededException", "TransactionInProgressException",
  "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown",
  "PriorRequestNotComplete", "EC2ThrottledException" }
local transients = set { "RequestTimeout", "RequestTimeoutException", "ConnectionError",
  "UnreadableResponse" }
local transient_status = { [500] = true, [502] = true, [503] = true, [504] = true }
local expired = set { "ExpiredToken", "ExpiredTokenException" }
local skewed = set { "RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException",
  "SignatureDoesNotMatch", "AuthFailure", "RequestInTheFuture" }

--- What kind of failure this is: "throttle", "transient", "expired" (credentials), "skew" (clocks,
--- or a wrong secret), or "final".
---@param problem Failure
---@param own table<string, true>?  codes that the service calls worth another try
---@return string
function retry.class(problem, own)
  if problem.status == 429 or throttles[problem.code] then return "throttle" end
  -- A certificate that is not trusted is not trusted on the second try either.
  if problem.transport == "tls" or problem.transport == "too_large" then return "final" end
  if transients[problem.code] or transient_status[problem.status] or own and own[problem.code] then
    return "transient"
  end
  if expired[problem.code] then return "expired" end
  if skewed[problem.code] then return "skew" end
  return "final"
end

--- Seconds to wait before the next try.
---@param class "throttle"|"transient"
---@param retries integer  how many retries went before: 0 for the first
---@param random number  in [0, 1)
---@param retry_after string|number|nil  the header x-amz-retry-after, in milliseconds
---@return number
function retry.delay(class, retries, random, retry_after)
  local delay = random * math.min(BASE[class] * 2 ^ retries, LONGEST)
  local digits = type(retry_after) == "string" and retry_after:match("^%s*(%d+)%s*$")
  local asked = tonumber(digits or math.type(retry_after) and retry_after)
  if asked and asked > 0 then
    delay = math.max(delay, math.min(asked / 1000, delay + LONGEST_STRETCH))
  end
  return delay
end

---@class RetryQuota
---@field tokens integer
local quota = {}
quota.__index = quota

--- A store of tokens that every retry draws on, so that an outage is not met with a storm.
---@return RetryQuota
function retry.quota()
  return setmetatable({ tokens = retry.QUOTA }, quota)
end

--- Pays for one retry; nil when the store is too low.
---@return integer? cost
function quota:take(class)
  local cost = COST[class]
  if self.tokens < cost then return nil end
  self.tokens = self.tokens - cost
  return cost
end

--- A call succeeded: its last retry's cost comes back, or one token for an untroubled success.
---@param cost integer?  what the call's last retry cost, nil when it needed none; of several calls
---  without a retry, their number
function quota:give(cost)
  if self.tokens == retry.QUOTA then return end
  self.tokens = math.min(retry.QUOTA, self.tokens + (cost or 1))
end

return retry
