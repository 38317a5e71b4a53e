-- Readers for what people write in attributes and settings. Each is a record:
-- `read(text)` gives the value or nil, `expected` says what it takes.

local calendar = require("lib.calendar")
local text = require("lib.text")

local parse = {}

local SWITCH = {
  yes = true, ["true"] = true, enabled = true, active = true, on = true, ["1"] = true,
  no = false, ["false"] = false, disabled = false, inactive = false, off = false, ["0"] = false,
}

local LONGEST_NUMBER = 100 -- bytes, of durations too

local UNITS = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }

local function within(value, min, max)
  if value and value == value and value >= min and value <= max then return value end
end

-- A decimal number and nothing else: no "0x10", no "1e3", no "inf".
-- The pattern tries each share of the digits, so there may not be thousands of them.
local function decimal(value)
  if #value <= LONGEST_NUMBER and value:find("^%d+%.?%d*$") then return tonumber(value) end
end

parse.switch = {
  expected = '"yes" or "no"',
  read = function(value) return SWITCH[value:lower()] end,
}

---@param min integer
---@param max integer
---@return { read: (fun(value: string): integer?), expected: string }
function parse.integer(min, max)
  return {
    expected = ("an integer %d..%d"):format(min, max),
    read = function(value)
      return value:find("^%d+$") and #value < 16 and within(math.tointeger(tonumber(value)), min,
        max) or nil
    end,
  }
end

---@param min number
---@param max number
---@return { read: (fun(value: string): number?), expected: string }
function parse.number(min, max)
  return {
    expected = ("a number %s..%s"):format(min, max),
    read = function(value) return within(decimal(value), min, max) end,
  }
end

---A percentage, with or without its sign, as a part of 1.
parse.percent = {
  expected = "a percentage 0..100",
  read = function(value)
    local number = within(decimal(text.trim(value:match("^(.*)%%$") or value)), 0, 100)
    return number and number / 100
  end,
}

---How many of something: `{ count = 3 }` or, with a percent sign, `{ part = 0.8 }`.
parse.amount = {
  expected = 'a number such as "3" or a part such as "80%"',
  read = function(value)
    if value:find("%%$") then
      local part = parse.percent.read(value)
      return part and { part = part }
    end
    local count = parse.integer(0, 1000000).read(value)
    return count and { count = count }
  end,
}

---Seconds: `90`, `90s`, `1h30m`, `250ms`.
parse.duration = {
  expected = 'a duration such as "90s", "10m" or "1h30m"',
  read = function(value)
    if decimal(value) then return within(decimal(value), 0, 1e9) end
    local sum, rest = 0, value:lower()
    if rest == "" or #rest > LONGEST_NUMBER then return nil end
    while rest ~= "" do
      local number, unit, after = rest:match("^(%d+%.?%d*)(%a+)(.*)$")
      if not number or not UNITS[unit] then return nil end
      sum, rest = sum + tonumber(number) * UNITS[unit], after
    end
    return within(sum, 0, 1e9)
  end,
}

---A point in time, in seconds since 1970.
parse.time = {
  expected = 'a time such as "2026-11-26T10:00:00Z"',
  read = calendar.read,
}

---A list of names, parted by commas or blanks; `{}` for an empty value.
parse.names = {
  expected = "names, parted by commas",
  read = function(value)
    local names = {}
    for name in value:gmatch("[^,%s]+") do names[#names + 1] = name end
    return names
  end,
}

---Percentages in rising order, parted by commas.
parse.steps = {
  expected = 'percentages such as "1, 5, 25, 100"',
  read = function(value)
    local steps = {}
    for i, part in ipairs(text.split(value, ",")) do
      steps[i] = parse.percent.read(part)
      if not steps[i] then return nil end
    end
    return #steps > 0 and steps or nil
  end,
}

return parse
