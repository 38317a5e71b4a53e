-- Points in time and spans of it, as a person writes them on the command line. Pure.

local messages = require "nightjar.text"

local moment = {}

local EXPECTED = "expected unix seconds, a time such as 2026-11-26T10:00:00Z (or with an offset, "
  .. "+01:00), or one relative to the snapshot such as +2h or -30m"
local EXPECTED_SPAN = "expected a span such as 90s, 5m, 1h30m or 2d"

---The last second of the year 9999, which is as far as RFC 3339 goes.
moment.MAX = 253402300799

local UNITS = { s = 1, m = 60, h = 3600, d = 86400 }
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December" }
local LENGTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

local function length_of(year, month)
  return month == 2 and is_leap(year) and 29 or LENGTHS[month]
end

-- Days from 1970-01-01 to a date. Years count from March, so that a leap day ends one.
local function days(year, month, day)
  if month <= 2 then year = year - 1 end
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719468
end

local function integers(...)
  local list = { ... }
  for i, text in ipairs(list) do list[i] = math.tointeger(tonumber(text)) end
  return table.unpack(list)
end

-- What is wrong with a date, or nil.
local function date_fault(year, month, day)
  if year < 1970 then return "expected a year from 1970 on" end
  if month < 1 or month > 12 then return "expected a month from 01 to 12" end
  local last = length_of(year, month)
  if day < 1 or day > last then
    return ("%s %d has %d days"):format(MONTHS[month], year, last)
  end
end

-- A leap second is the first second of the next minute.
local function clock_fault(hour, minute, second)
  if hour > 23 then return "expected an hour from 00 to 23" end
  if minute > 59 then return "expected a minute from 00 to 59" end
  if second > 60 then return "expected a second from 00 to 60" end
end

-- Seconds that a zone is ahead of UTC.
local function offset_of(zone)
  if zone == "Z" or zone == "z" then return 0 end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):(%d%d)$")
  if not sign then return nil, 'expected "Z" or an offset such as +01:00 at its end' end
  hours, minutes = integers(hours, minutes)
  if hours > 23 or minutes > 59 then return nil, "expected an offset from -23:59 to +23:59" end
  return (sign == "+" and 1 or -1) * (hours * 3600 + minutes * 60)
end

local function parse_clock(text)
  local hour, minute, rest = text:match("^(%d%d):(%d%d)(.*)$")
  if not hour then return nil, EXPECTED end
  local second, after = rest:match("^:(%d%d)%.%d+(.*)$")
  if not second then second, after = rest:match("^:(%d%d)(.*)$") end
  if not second and rest:sub(1, 1) == ":" then return nil, EXPECTED end
  hour, minute, second = integers(hour, minute, second or "0")
  local fault = clock_fault(hour, minute, second)
  if fault then return nil, fault end
  local offset, err = offset_of(after or rest)
  if not offset then return nil, err end
  return hour * 3600 + minute * 60 + second - offset
end

-- A date alone is its first second in UTC. Fractions of a second are dropped.
local function parse_date(text)
  local year, month, day, rest = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)(.*)$")
  if not year then return nil, EXPECTED end
  year, month, day = integers(year, month, day)
  local fault = date_fault(year, month, day)
  if fault then return nil, fault end
  local midnight = days(year, month, day) * 86400
  if rest == "" then return midnight end
  if not rest:find("^[Tt ]") then return nil, EXPECTED end
  local seconds, err = parse_clock(rest:sub(2))
  return seconds and midnight + seconds, err
end

---A span of time: `90s`, `5m`, `1h30m`, `2d`, or plain seconds.
---@param text string
---@return integer? seconds
---@return string? err what was expected
function moment.span(text)
  if text:find("^%d+$") then text = text .. "s" end
  local total, rest = 0, text
  while rest ~= "" do
    local number, unit, after = rest:match("^(%d+)([smhd])(.*)$")
    if not number or #number > 12 then return nil, EXPECTED_SPAN end
    total, rest = total + math.tointeger(tonumber(number)) * UNITS[unit], after
  end
  if text == "" or total > moment.MAX then return nil, EXPECTED_SPAN end
  return total
end

---@class cli.Moment a point in time, or its distance from the snapshot's time
---@field at? integer unix seconds
---@field offset? integer seconds

local function read(text)
  local sign, span = text:match("^([+-])(.+)$")
  if sign then
    local seconds = moment.span(span)
    if not seconds then return nil, EXPECTED end
    return { offset = sign == "+" and seconds or -seconds }
  end
  if text:find("^%d+$") then
    local at = #text <= 12 and math.tointeger(tonumber(text))
    return at and at <= moment.MAX and { at = at } or nil, EXPECTED
  end
  local at, err = parse_date(text)
  if at and (at < 0 or at > moment.MAX) then at, err = nil, "expected a year from 1970 to 9999" end
  return at and { at = at } or nil, err
end

---Reads a point in time: unix seconds, RFC 3339 (also a date alone, and without seconds), or
---relative: `+2h`, `-30m`.
---@param text string
---@param flag string for the message: `--at`
---@return cli.Moment?
---@return string? err `--at: expected …, got "…"`
function moment.parse(text, flag)
  local value, err = read(messages.trim(text))
  if value then return value end
  return nil, ("%s: %s, got %s"):format(flag, err, messages.quote(text))
end

---The seconds that a moment stands for.
---@param value cli.Moment
---@param base integer unix seconds of the snapshot
---@return integer? seconds
---@return string? err it would be before 1970 or after 9999
function moment.resolve(value, base)
  local at = value.at or base + value.offset
  if at >= 0 and at <= moment.MAX then return at end
  return nil, ("%+ds from %s: expected a year from 1970 to 9999")
    :format(value.offset, moment.utc(base))
end

---@param at integer unix seconds
---@return string # `2026-11-26T10:00:00Z`
function moment.utc(at)
  return tostring(os.date("!%Y-%m-%dT%H:%M:%SZ", at))
end

---A span in the largest units that show it whole: `1h30m`.
---@param seconds integer
---@return string
function moment.write_span(seconds)
  local parts = {}
  for _, unit in ipairs { "d", "h", "m", "s" } do
    local count = seconds // UNITS[unit]
    if count > 0 then parts[#parts + 1] = ("%d%s"):format(count, unit) end
    seconds = seconds % UNITS[unit]
  end
  return #parts > 0 and table.concat(parts) or "0s"
end

return moment
