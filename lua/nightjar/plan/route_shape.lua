-- What a route may say besides its path and its clusters: which requests it takes, what its choice
-- among the clusters follows, mirrors, time limits and retries. Names and values stand in headers
-- of requests and answers, so that no character in them may end a header or a quotation.

local schema = require("nightjar.plan.schema")
local value_groups = require("nightjar.plan.value_groups")

local route_shape = {}

local integer, list, record, where = schema.integer, schema.list, schema.record, schema.where

-- A condition of a thousand values, each too long to share an expression, makes as many.
local MOST_VARIANTS = 1000
local DAY = 24 * 60 * 60

local function matching(pattern, limit, what)
  return where(function(value)
    return type(value) == "string" and #value <= limit and value:find(pattern) ~= nil
  end, what)
end

-- Envoy knows no other than lower-case names.
local HEADER = matching("^[%l%d!#$&*+.^_|~-]+$", 256,
  'the name of a header in lower case, such as "x-beta"')
local HEADER_VALUE = matching('^[^%c"\\\128-\255]+$', 1024,
  "1 to 1024 printable ASCII characters without quotes and backslashes")
local COOKIE = matching("^[%w!#$&*+.^_|~-]+$", 256, 'the name of a cookie, such as "color"')
local COOKIE_VALUE = matching('^[^%c%s",;\\\128-\255]+$', 1024,
  "1 to 1024 printable ASCII characters without quotes, backslashes, blanks, commas and semicolons")
local COOKIE_PATH = matching("^/[%w%-._~!$&()*+/:=@%%]*$", 1024,
  'the path of a cookie, such as "/shop"')

local function number(min, max, what)
  return where(function(value)
    return math.type(value) ~= nil and value >= min and value <= max
  end, what)
end

-- Envoy counts in milliseconds.
local DURATION = number(0.001, DAY, "a number of seconds from 0.001 to 86400")
local LIMIT = where(function(value)
  return math.type(value) ~= nil and (value == 0 or value >= 0.001 and value <= DAY)
end, "a number of seconds from 0.001 to 86400, or 0 for no limit")

-- A list that is not empty.
local function some(of, limit)
  local shape = list(of, limit)
  return function(value, seen)
    local place, message = shape(value, seen)
    if not message and #value == 0 then return "", "expected at least one element, got none" end
    return place, message
  end
end

-- A record about a header, or one about a cookie.
local function either(header, cookie)
  return function(value, seen)
    local is_cookie = type(value) == "table" and rawget(value, "cookie") ~= nil
    return (is_cookie and cookie or header)(value, seen)
  end
end

---The shapes of records by the names that policies/meta gives them.
route_shape.records = {
  HeaderCondition = record({ header = HEADER, ["values?"] = some(HEADER_VALUE, 1000),
    ["invert?"] = schema.boolean }),
  CookieCondition = record({ cookie = COOKIE, ["values?"] = some(COOKIE_VALUE, 1000),
    ["invert?"] = schema.boolean }),
  HeaderHash = record({ header = HEADER }),
  CookieHash = record({ cookie = COOKIE, ttl = integer(0, 10 * 366 * DAY),
    ["path?"] = COOKIE_PATH }),
}
local records = route_shape.records

route_shape.match = some(either(records.HeaderCondition, records.CookieCondition), 16)
route_shape.hash = some(either(records.HeaderHash, records.CookieHash), 4)

---@param cluster function the shape of a cluster's name
---@return function mirrors the shape of the list
---@return function mirror that of one
function route_shape.mirrors(cluster)
  local mirror = record({ cluster = cluster,
    percent = number(0.0001, 100, "a number of percent from 0.0001 to 100") })
  return some(mirror, 4), mirror
end

route_shape.limit = LIMIT

-- Those of Envoy that need no further list. It ignores a word that it does not know.
route_shape.retries = record({
  on = some(schema.one_of({
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure",
    "envoy-ratelimited", "retriable-4xx", "refused-stream", "http3-post-connect-failure",
    "cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
  }), 14),
  count = integer(0, 10),
  ["per_try_timeout?"] = DURATION,
})

-- What answers set; it stays as long as the client's session where `ttl` is 0.
route_shape.cookie = record({ name = COOKIE, value = COOKIE_VALUE,
  ttl = integer(0, 10 * 366 * DAY) })

---What no single condition shows: each of two lists of values is multiplied by the other.
---@param match table[]? checked
---@return string? message when Envoy would need too many routes
function route_shape.variants_fault(match)
  local variants = 1
  for _, condition in ipairs(match or {}) do
    if condition.values and not condition.invert then
      variants = variants * #value_groups.split(condition.values)
    end
  end
  if variants > MOST_VARIANTS then
    return ("the conditions' values together make %d routes in Envoy; expected at most %d")
      :format(variants, MOST_VARIANTS)
  end
end

return route_shape
