-- Dates and times of the Gregorian calendar, computed: a policy has no clock but
-- `now`. Days count from 1970-01-01, as seconds do.

local calendar = {}

local DAY = 86400
local LENGTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

---@param year integer
---@return boolean
function calendar.is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

---@param year integer
---@param month integer 1..12
---@return integer
function calendar.month_length(year, month)
  return month == 2 and calendar.is_leap(year) and 29 or LENGTHS[month]
end

---The day number of a date; nil for one that does not exist.
---@param year integer 1970..9999
---@param month integer
---@param day integer
---@return integer?
function calendar.day(year, month, day)
  if year < 1970 or year > 9999 or month < 1 or month > 12 or day < 1
    or day > calendar.month_length(year, month) then
    return nil
  end
  -- Years that begin in March have their leap day at the end (H. Hinnant's
  -- "days from civil", put in other words).
  local y = month <= 2 and year - 1 or year
  local m = (month + 9) % 12
  return 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719468
end

---The date of a day number.
---@param number integer
---@return integer year
---@return integer month
---@return integer day
function calendar.date(number)
  local shifted = number + 719468
  local era = shifted // 146097
  local of_era = shifted % 146097
  local y = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
  local of_year = of_era - (365 * y + y // 4 - y // 100)
  local m = (5 * of_year + 2) // 153
  local month = m < 10 and m + 3 or m - 9
  return y + era * 400 + (month <= 2 and 1 or 0), month, of_year - (153 * m + 2) // 5 + 1
end

---@param number integer a day number
---@return integer 0 for Sunday … 6 for Saturday
function calendar.weekday(number)
  return (number + 4) % 7
end

-- "HH:MM" or "HH:MM:SS" as seconds of the day.
local function read_clock(value)
  local hour, minute, second = value:match("^(%d%d):(%d%d):?(%d?%d?)$")
  if not hour or (second == "") ~= (#value == 5) then return nil end
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second) or 0
  if hour > 23 or minute > 59 or second > 59 then return nil end
  return hour * 3600 + minute * 60 + second
end

-- "Z" or "+01:00" as seconds east of Greenwich.
local function read_offset(value)
  if value == "Z" or value == "z" then return 0 end
  local sign, hours, minutes = value:match("^([+-])(%d%d):(%d%d)$")
  if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then return nil end
  local offset = tonumber(hours) * 3600 + tonumber(minutes) * 60
  return sign == "-" and -offset or offset
end

---Reads a date.
---@param value string `2026-11-26`
---@return integer? day number
function calendar.read_date(value)
  local year, month, day = value:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  return year and calendar.day(tonumber(year), tonumber(month), tonumber(day))
end

---Reads a point in time (RFC 3339; seconds may be left out), or seconds since 1970.
---@param value string `2026-11-26T10:00:00Z`, `2026-11-26 11:00+01:00`, `1764151200`
---@return integer? seconds since 1970
function calendar.read(value)
  if value:find("^%d+$") and #value <= 11 then return math.tointeger(tonumber(value)) end
  local date, clock, offset = value:match("^(%d+%-%d+%-%d+)[Tt ]([%d:]+)(.*)$")
  local day = date and calendar.read_date(date)
  local second, shift = day and read_clock(clock), day and read_offset(offset)
  if not second or not shift then return nil end
  local at = math.tointeger(day * DAY + second - shift)
  return at >= 0 and at or nil
end

---Reads a time of day.
---@param value string `09:30`, or `24:00` for the end of the day
---@return integer? seconds of the day
function calendar.read_clock(value)
  if value == "24:00" then return DAY end
  return read_clock(value)
end

---Writes a point in time.
---@param seconds integer since 1970
---@return string `2026-11-26T10:00:00Z`
function calendar.write(seconds)
  local year, month, day = calendar.date(seconds // DAY)
  local rest = seconds % DAY
  return ("%04d-%02d-%02dT%02d:%02d:%02dZ"):format(year, month, day, rest // 3600,
    rest // 60 % 60, rest % 60)
end

return calendar
