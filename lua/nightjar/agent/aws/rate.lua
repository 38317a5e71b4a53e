--- A limit of our own on how often an operation is called, so that a fleet of agents does not live
--- at the edge of the account's quotas.
---
--- A bucket for each operation: a burst passes at once, then so many calls a second. When AWS
--- throttles an operation its rate falls, and its burst faster; both grow back with time, as in the
--- SDKs' adaptive mode: soon to a little less than what was throttled, where they stay for a while,
--- then ever faster. So an agent settles below a limit that its account shares, and forgets one
--- that is gone. Not with calls that succeed: a large mesh makes hundreds in a second, and forgot a
--- throttling before the next pass; a small one would need hours.
local rate = {}

-- However hard AWS throttles, this part of the rate remains: what is left out of every pass would
-- never be read again.
local SLOWEST = 1 / 16
-- Calls that were under way together are throttled together: that is one throttling. Seconds.
local TOGETHER = 1
-- Calls that wait go at these times: seconds. What doubles get wrong must not cost one more.
local TOGETHER_BY, TINY = 0.1, 1e-6
-- What a throttling leaves of the rate. Until REST seconds after it, it grows by RISE of that, to
-- nine tenths of what was throttled. After one throttling it is back in 2.7 minutes, from the
-- slowest rate in 7.
local LEFT = 0.7
local RISE, REST = 0.9 / LEFT - 1, 90

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

-- What a rate has grown to.
local function grown(bucket, now)
  local from_rest = (now - bucket.slowed_at) / REST - 1
  return math.min(bucket.full, bucket.slowed_to * (1 + RISE * (1 + from_rest ^ 3)))
end

-- AWS's own bucket may be empty while its rate is still high, so a burst falls with the cube of the
-- rate; one call may always go.
local function burst_of(bucket)
  if bucket.rate == bucket.full then return bucket.burst end
  return math.max(1, bucket.burst * (bucket.rate / bucket.full) ^ 3)
end

function limiter:bucket(operation)
  local bucket = self.buckets[operation]
  if not bucket then
    local limit = self.limits[operation] or self.limits.default
    bucket = { full = limit.rate, rate = limit.rate, burst = limit.burst, tokens = limit.burst,
      at = self.monotonic(), slowed_at = -math.huge, slowed_to = limit.rate }
    self.buckets[operation] = bucket
  end
  local now = self.monotonic()
  local tokens = bucket.tokens + (now - bucket.at) * bucket.rate
  if bucket.rate < bucket.full then bucket.rate = grown(bucket, now) end
  local burst = burst_of(bucket)
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
  for operation in pairs(self.buckets) do
    if self:is_throttled(operation) then count = count + 1 end
  end
  return count
end

--- Gives back what was taken, when the calls are not made.
---@param operation string
---@param count integer?  1 if nil
function limiter:give_back(operation, count)
  local bucket = self:bucket(operation)
  bucket.tokens = math.min(burst_of(bucket), bucket.tokens + (count or 1))
end

--- AWS throttled this operation.
---@param operation string
function limiter:throttled(operation)
  local bucket = self:bucket(operation)
  if bucket.at - bucket.slowed_at >= TOGETHER then
    bucket.rate = math.max(bucket.rate * LEFT, bucket.full * SLOWEST)
    bucket.slowed_to, bucket.slowed_at = bucket.rate, bucket.at
  end
  -- What is left of the burst goes.
  bucket.tokens = math.min(bucket.tokens, 0)
end

return rate
