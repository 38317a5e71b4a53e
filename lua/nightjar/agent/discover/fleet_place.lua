--- The object of one namespace in a fleet's store: reads it and writes it, under its condition.
---
--- How old an object is says the store's clock alone: `Date` of an answer less `Last-Modified`.
local json = require "host.json"
local record = require "nightjar.agent.discover.fleet_record"
local s3 = require "nightjar.agent.aws.s3"
local timestamp = require "nightjar.agent.aws.timestamp"

-- The store must not hold a pass up: Cloud Map can be read instead. Seconds.
local CONNECT_TIMEOUT = 1
local TIMEOUT = 3
local ATTEMPTS = 2
-- Clocks that differ by more: the one here, or a time within a record.
local SKEW = 60

---@class FleetPlace
---@field etag string?  of the object that `record` is, or that is bad
---@field record FleetRecord?
---@field hash string?  of the text that `record` was read from
---@field not_modified integer  readings that brought nothing new
local place = {}
place.__index = place

---@class FleetSight  what a look found
---@field missing boolean?
---@field denied Failure?  why it is not known whether it is missing
---@field bad string?  what is wrong with the record
---@field record FleetRecord?
---@field age integer  seconds since it was written
---@field date integer  the store's clock
---@field taken boolean?  since then another agent has written; set by who found out

--- The place of one namespace.
---@param client AwsClient
---@param key string
---@param namespace {id: string, arn: string?}
---@return FleetPlace
function place.new(client, key, namespace)
  return setmetatable({ client = client, key = key, namespace = namespace, not_modified = 0 },
    place)
end

-- One try where the last look failed: the store is away for longer.
function place:options()
  local attempts = self.is_away and 1 or ATTEMPTS
  return { connect_timeout = CONNECT_TIMEOUT, timeout = TIMEOUT, max_body = record.MAX_BYTES,
    max_attempts = math.min(attempts, self.client.options.max_attempts) }
end

-- Whether this machine's clock is near enough to the store's; or nil and why not.
function place:agrees(time)
  if math.abs(time - self.client.context.now()) <= SKEW then return true end
  return nil, ("this machine's clock and the store's differ by more than %d s"):format(SKEW),
    "clock"
end

-- The store's time, or nil and why the two clocks cannot be compared or are too far apart.
function place:time_of(date)
  local time = timestamp.parse_http(date)
  if not time then return nil, "the store tells no time", "date" end
  local agrees, err, code = self:agrees(time)
  if not agrees then return nil, err, code end
  self.told, self.told_at = time, self.client.context.monotonic()
  return time
end

function place:forget() self.etag, self.record, self.hash = nil, nil, nil end

-- An object with a text: decoded, unless it is the text that is known (an ETag is no hash of it
-- where the store encrypts with a key of its own).
function place:take(answer, date)
  local hash = json.hash(answer.body)
  if not self.record or hash ~= self.hash then
    self:forget()
    local value, err = record.decode(answer.body, self.namespace, date + SKEW)
    self.etag = answer.headers.etag
    if not value then return err end
    self.record, self.hash = value, hash
  else
    self.not_modified = self.not_modified + 1
  end
  self.etag = answer.headers.etag
end

function place:sight(answer, bad)
  local date, err, code = self:time_of(answer.headers.date)
  if not date then return nil, err, code end
  local modified = timestamp.parse_http(answer.headers["last-modified"])
  if not modified then return nil, "the store tells no Last-Modified", "date" end
  if not self.etag then return nil, "the store tells no ETag", "date" end
  local age = math.max(0, date - modified)
  -- The store's clock was set: how old it is nobody knows, and it must not seem new until then.
  if modified - date > SKEW then bad, age = "written at a time that is still to come", math.huge end
  return { record = not bad and self.record or nil, bad = bad, date = date, age = age }
end

function place:unchanged(answer)
  self.not_modified = self.not_modified + 1
  return self:sight(answer)
end

-- An answer to HEAD tells the object's length and has no body, so its limit would refuse what is
-- to be looked at.
function place:head()
  local options = self:options()
  options.max_body = 0
  return s3.head(self.client, self.key, options)
end

-- Some stores' 304 does not say when the object was last written; for these HEAD is asked first.
function place:by_head()
  local answer, problem = self:head()
  if answer and answer.headers.etag == self.etag then return self:unchanged(answer) end
  -- 403 is what a missing object has without the right to list.
  if answer or problem.status == 404 or problem.status == 403 then return self:by_get(nil) end
  return nil, problem
end

function place:refused(problem)
  local missing = problem.status == 404 and problem.code == "NoSuchKey"
  local denied = problem.status == 403 and problem.code == "AccessDenied"
  if not missing and not denied then return nil, problem end
  local date, err, code = self:time_of(problem.date)
  if not date then return nil, err, code end
  self:forget()
  return { missing = true, denied = denied and problem or nil, date = date, age = 0 }
end

-- What is too large to be read is no record; how old it is and its ETag say whether to replace it.
function place:oversized()
  local answer, problem = self:head()
  if not answer then return nil, problem end
  self:forget()
  self.etag = answer.headers.etag
  return self:sight(answer, ("larger than %d bytes"):format(record.MAX_BYTES))
end

function place:by_get(etag)
  local answer, problem = s3.get(self.client, self.key, etag, self:options())
  if not answer and problem.transport == "too_large" then return self:oversized() end
  if not answer then return self:refused(problem) end
  if answer.status == 304 then
    if answer.headers["last-modified"] then return self:unchanged(answer) end
    self.asks_head = true
    return self:by_head()
  end
  local date, err, code = self:time_of(answer.headers.date)
  if not date then return nil, err, code end
  return self:sight(answer, self:take(answer, date))
end

--- Looks at the object.
---@return FleetSight?
---@return Failure|string? problem
---@return string? code  "clock": this machine's clock and the store's are too far apart
function place:look()
  local known = self.record and self.etag
  local sight, problem, code
  if known and self.asks_head then
    sight, problem, code = self:by_head()
  else
    sight, problem, code = self:by_get(known or nil)
  end
  self.is_away = not sight and type(problem) == "table" and problem.status == nil
  return sight, problem, code
end

-- What says that somebody else was quicker. Without the object If-Match finds none.
local lost = { [404] = "NoSuchKey", [409] = "ConditionalRequestConflict",
  [412] = "PreconditionFailed" }

--- Writes a record in place of the one that was last seen or written; where none was, only if
--- there is none.
---@param value FleetRecord
---@return boolean? written  false: somebody else was quicker
---@return Failure|string? problem
---@return string? code  as for `look`
function place:write(value)
  if self.told then
    -- The clock may have been set since the store's last answer: no time of it is written.
    local since = self.client.context.monotonic() - self.told_at
    local agrees, err, code = self:agrees(self.told + since)
    if not agrees then return nil, err, code end
  end
  local text = record.encode(value)
  local answer, problem = s3.put(self.client, self.key, text, self.etag, self:options())
  if not answer then
    if lost[problem.status] == problem.code then return false, problem end
    self.is_away = problem.status == nil
    return nil, problem
  end
  self.is_away = false
  self.etag, self.record, self.hash = answer.headers.etag, value, json.hash(text)
  local date, err, code = self:time_of(answer.headers.date)
  if not date then return nil, err, code end
  return true
end

return place
