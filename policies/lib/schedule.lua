-- Reads and judges the rules of a schedule: `Europe/Berlin Mon-Fri 09:00-17:00 = 50`.

local calendar = require("lib.calendar")
local text = require("lib.text")
local zone = require("lib.zone")

local schedule = {}

local DAY = 86400
local DAYS = { sun = 0, mon = 1, tue = 2, wed = 3, thu = 4, fri = 5, sat = 6 }

-- "Mon", "Mon-Fri", "Sat,Sun" as a set of weekdays.
local function read_days(word)
  local days = {}
  for part in word:lower():gmatch("[^,]+") do
    local first, last = part:match("^(%a%a%a)%-?(%a*)$")
    if last == "" then last = first end
    if not first or not DAYS[first] or not DAYS[last] then return nil end
    local day = DAYS[first]
    days[day] = true
    while day ~= DAYS[last] do
      day = (day + 1) % 7
      days[day] = true
    end
  end
  return next(days) and days or nil
end

-- "2026-12-24" or "2026-12-24..2026-12-26" as day numbers.
local function read_dates(word)
  local first, last = word:match("^(%d+%-%d+%-%d+)%.%.(%d+%-%d+%-%d+)$")
  first, last = calendar.read_date(first or word), calendar.read_date(last or word)
  if first and last and first <= last then return { first = first, last = last } end
end

-- "22:00-06:00" as seconds of the day; one that ends before it begins ends on the next day.
local function read_clocks(word)
  local from, to = word:match("^([%d:]+)%-([%d:]+)$")
  from, to = from and calendar.read_clock(from), to and calendar.read_clock(to)
  if from and to and from ~= to and from < DAY then return { from = from, to = to } end
end

local READERS = {
  { field = "dates", read = read_dates }, { field = "clock", read = read_clocks },
  { field = "days", read = read_days }, { field = "zone", read = zone.find },
}

local function read_word(rule, word)
  for _, reader in ipairs(READERS) do
    local value = rule[reader.field] == nil and reader.read(word)
    if value then
      rule[reader.field] = value
      return true
    end
  end
  return false
end

local function read_rule(part, read_value)
  local when, value = part:match("^(.*)=([^=]*)$")
  if not when then return nil end
  local rule = { value = read_value(text.trim(value)), text = text.trim(when) }
  if rule.value == nil then return nil end
  for word in when:gmatch("%S+") do
    if not read_word(rule, word) then return nil end
  end
  return rule
end

---Reads rules, parted by `;`.
---@param value string
---@param read_value fun(text: string): any what stands behind `=`; nil when it is wrong
---@return table[]? rules
function schedule.read(value, read_value)
  local rules = {}
  for i, part in ipairs(text.split(value, ";")) do
    rules[i] = read_rule(part, read_value)
    if not rules[i] then return nil end
  end
  return #rules > 0 and rules or nil
end

-- Whether a day may be one on which the rule's time begins.
local function is_its_day(rule, day)
  if rule.days and not rule.days[calendar.weekday(day)] then return false end
  return not rule.dates or day >= rule.dates.first and day <= rule.dates.last
end

local function holds(rule, day, second)
  local clock = rule.clock
  if not clock then return is_its_day(rule, day) end
  if clock.from < clock.to then
    return second >= clock.from and second < clock.to and is_its_day(rule, day)
  end
  -- Past midnight the night still belongs to the day on which it began.
  return second >= clock.from and is_its_day(rule, day)
    or second < clock.to and is_its_day(rule, day - 1)
end

---The first rule that holds at a point in time.
---@param rules table[]
---@param default table the zone of rules that name none
---@param now integer seconds since 1970
---@return table? rule `value`, `text`
function schedule.find(rules, default, now)
  for _, rule in ipairs(rules) do
    local here = now + zone.offset(rule.zone or default, now)
    if holds(rule, here // DAY, here % DAY) then return rule end
  end
end

return schedule
