--- Points in time as AWS writes them, to and from seconds since 1970 (UTC).
local timestamp = {}

-- Days since 1970-01-01 of a date of the Gregorian calendar: years are counted from March, so
-- that a leap day is a year's last day.
local function days(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function seconds(year, month, day, hour, minute, second)
  year, month, day = math.tointeger(year), math.tointeger(month), math.tointeger(day)
  hour, minute, second = math.tointeger(hour), math.tointeger(minute), math.tointeger(second)
  if month < 1 or month > 12 or day < 1 or day > 31 or hour > 23 or minute > 59
    or second > 60 then
    return nil
  end
  return days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
end

--- Reads an ISO 8601 instant such as `2026-11-24T03:41:10Z` or `…10.5+01:00`.
---@param text any
---@return integer? unix seconds, fractions dropped
function timestamp.parse(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, zone =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)%.?%d*(.*)$")
  if not year then return nil end
  local offset = 0
  if zone ~= "" and zone ~= "Z" and zone ~= "z" then
    local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
    if not sign then return nil end
    offset = (math.tointeger(hours) * 60 + math.tointeger(minutes)) * (sign == "+" and 60 or -60)
  end
  local value = seconds(year, month, day, hour, minute, second)
  return value and value - offset
end

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

--- Reads the HTTP header Date: `Tue, 24 Nov 2026 03:41:10 GMT`.
---@param text any
---@return integer? unix
function timestamp.parse_http(text)
  if type(text) ~= "string" then return nil end
  local day, month, year, hour, minute, second =
    text:match("^%a+, (%d%d?) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  if not day or not months[month] then return nil end
  return seconds(year, months[month], day, hour, minute, second)
end

--- Writes an instant as `2026-11-24T03:41:10Z`.
---@param unix number
---@return string
function timestamp.format(unix)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(unix)) --[[@as string]]
end

return timestamp
