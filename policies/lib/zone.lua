-- Time zones: how far local time is from UTC at a point in time. A policy cannot
-- read the machine's time zone database, and must not: it differs from container
-- to container. Rules are those of POSIX's TZ variable (POSIX.1-2017, 8.3).

local calendar = require("lib.calendar")

local zone = {}

local HOUR, DAY = 3600, 86400

-- "5", "-5:30", "+167:15:00" as seconds.
local function read_hours(value)
  local sign, hours, minutes, seconds = value:match("^([+-]?)(%d+):?(%d*):?(%d*)$")
  if not hours then return nil end
  local sum = tonumber(hours) * HOUR + (tonumber(minutes) or 0) * 60 + (tonumber(seconds) or 0)
  if #hours > 3 or sum > 168 * HOUR then return nil end
  return sign == "-" and -sum or sum
end

-- "CET-1CEST,M3.5.0,M10.5.0/3": name and offset of standard time come first.
local function read_name(value)
  local name, rest = value:match("^(<[%w+-]+>)(.*)$")
  if not name then name, rest = value:match("^(%a%a%a+)(.*)$") end
  return name, rest
end

-- "M10.5.0/3": the last (5th) Sunday (0) of October, at 3 o'clock.
local function read_change(value)
  local month, week, weekday, rest = value:match("^M(%d+)%.(%d)%.(%d)(.*)$")
  if not month then return nil end
  local at = rest == "" and 2 * HOUR or rest:sub(1, 1) == "/" and read_hours(rest:sub(2))
  month, week, weekday = tonumber(month), tonumber(week), tonumber(weekday)
  if not at or month < 1 or month > 12 or week < 1 or week > 5 or weekday > 6 then return nil end
  return { month = month, week = week, weekday = weekday, at = at }
end

---Reads a rule.
---@param text string such as `CET-1CEST,M3.5.0,M10.5.0/3` or `JST-9`
---@return table? rule
function zone.read_rule(text)
  local name, rest = read_name(text)
  local offset = name and rest:match("^[+-]?[%d:]+")
  local west = offset and read_hours(offset)
  if not west then return nil end
  rest = rest:sub(#offset + 1)
  if rest == "" then return { standard = -west } end
  name, rest = read_name(rest)
  if not name then return nil end
  local summer, first, last = rest:match("^([^,]*),([^,]+),([^,]+)$")
  if not summer then return nil end
  local summer_west = summer == "" and west - HOUR or read_hours(summer)
  local start, finish = read_change(first), read_change(last)
  if not summer_west or not start or not finish then return nil end
  return { standard = -west, summer = -summer_west, start = start, finish = finish }
end

-- When a change happens in a year, in local seconds since 1970.
local function change_in(change, year)
  local first = calendar.day(year, change.month, 1)
  local day = first + (change.weekday - calendar.weekday(first)) % 7 + (change.week - 1) * 7
  while day >= first + calendar.month_length(year, change.month) do day = day - 7 end
  return day * DAY + change.at
end

---Seconds east of Greenwich at a point in time.
---@param rule table from `find` or `read_rule`
---@param now integer seconds since 1970
---@return integer
function zone.offset(rule, now)
  if not rule.summer then return rule.standard end
  local year = calendar.date((now + rule.standard) // DAY)
  if year < 1970 then return rule.standard end
  -- Each change is told in the time that ends with it.
  local start = change_in(rule.start, year) - rule.standard
  local finish = change_in(rule.finish, year) - rule.summer
  local is_summer
  if start < finish then
    is_summer = now >= start and now < finish
  else
    is_summer = now >= start or now < finish
  end
  return is_summer and rule.summer or rule.standard
end

---A zone by its name in the tz database, or by a rule of its own.
---@param name string `Europe/Berlin`, `UTC`, `CET-1CEST,M3.5.0,M10.5.0/3`
---@return table? rule
function zone.find(name)
  if not name:find("^[%w_+/-]+$") then return zone.read_rule(name) end
  -- Loaded only where somebody asks for a zone.
  for rule, names in pairs(require("lib.zone_names")) do
    if (" " .. names .. " "):find(" " .. name .. " ", 1, true) then return zone.read_rule(rule) end
  end
  return zone.read_rule(name)
end

return zone
