--- A limit of our own on how often an operation is called, so that a fleet of agents does not live
--- at the edge of the account's quotas.
---
--- A bucket for each operation: a burst passes at once, then so many calls a second. When AWS
--- throttles an operation its rate is halved and its burst with it; both grow back with each call
--- that succeeds.
local rate = {}

-- However hard AWS throttles, this part of the rate remains: what is left out of every pass would
-- never be read again.
local SLOWEST = 1 / 16
-- Calls that were under way together are throttled together: that is one throttling. Seconds.
local TOGETHER = 1
-- Calls that wait go at these times: seconds. What doubles get wrong must not cost one more.
local TOGETHER_BY, TINY = 0.1, 1e-6
-- So many successes bring a halved rate back.
local RECOVERY = 20

---@class RateLimits  by operation; `default` for all others
---@field [string] {rate: number, burst: number}  calls a second; calls at once

---@class RateLimiter
local limiter = {}
limiter.__index = limiter

--- Limits for one service.
---@param limits RateLimits
---@param monotonic fun(): number
---@return RateLimiter
function rate.new(limits, monotonic)
  return setmetatable({ limits = limits, monotonic = monotonic, buckets = {} }, limiter)
end

function limiter:bucket(operation)
  local bucket = self.buckets[operation]
  if not bucket then
    local limit = self.limits[operation] or self.limits.default
    bucket = { full = limit.rate, rate = limit.rate, burst = limit.burst, tokens = limit.burst,
      at = self.monotonic(), halved_at = -math.huge }
    self.buckets[operation] = bucket
  end
  local now, burst = self.monotonic(), bucket.burst * (bucket.rate / bucket.full)
  local tokens = bucket.tokens + (now - bucket.at) * bucket.rate
  bucket.tokens, bucket.at = tokens < burst and tokens or burst, now
  return bucket
end

--- Takes the right to one call. Whoever waits has its place: the wait is the caller's to do. It
--- ends at a tenth of a second, so that calls go together: waking up for each of a hundred a second
--- costs more than the calls.
---@param operation string
---@return number seconds  to wait before the call; 0: none
function limiter:take(operation)
  local bucket = self:bucket(operation)
  bucket.tokens = bucket.tokens - 1
  if bucket.tokens >= 0 then return 0 end
  local at = bucket.at - bucket.tokens / bucket.rate
  local wait = math.ceil(at / TOGETHER_BY - TINY) * TOGETHER_BY - bucket.at
  return math.max(1e-9, math.floor(wait * 1e9 + 0.5) / 1e9)
end

--- Takes the right to as many calls as can be made now.
---@param operation string
---@param most integer
---@param leave integer  so many are left for others
---@return integer count
function limiter:take_many(operation, most, leave)
  local bucket = self:bucket(operation)
  local count = math.max(0, math.min(most, math.floor(bucket.tokens) - leave))
  bucket.tokens = bucket.tokens - count
  return count
end

--- Whether AWS has throttled this operation and its rate has not grown back since.
---@param operation string
---@return boolean
function limiter:is_throttled(operation)
  local bucket = self:bucket(operation)
  return bucket.rate < bucket.full
end

--- How many operations AWS has throttled whose rate has not grown back since.
---@return integer
function limiter:slowed()
  local count = 0
  for _, bucket in pairs(self.buckets) do
    if bucket.rate < bucket.full then count = count + 1 end
  end
  return count
end

--- Gives back what was taken, when the calls are not made.
---@param operation string
---@param count integer?  1 if nil
function limiter:give_back(operation, count)
  local bucket = self:bucket(operation)
  bucket.tokens = math.min(bucket.burst, bucket.tokens + (count or 1))
end

--- AWS throttled this operation.
---@param operation string
function limiter:throttled(operation)
  local bucket = self:bucket(operation)
  if bucket.at - bucket.halved_at >= TOGETHER then
    bucket.rate = math.max(bucket.rate / 2, bucket.full * SLOWEST)
    bucket.halved_at = bucket.at
  end
  -- What is left of the burst goes.
  bucket.tokens = math.min(bucket.tokens, 0)
end

--- AWS answered this operation.
---@param operation string
---@param times integer?  1 if nil
function limiter:succeeded(operation, times)
  local bucket = self.buckets[operation]
  if not bucket or bucket.rate == bucket.full then return end
  bucket = self:bucket(operation)
  bucket.rate = math.min(bucket.full, bucket.rate + (times or 1) * bucket.full / RECOVERY)
end

return rate
