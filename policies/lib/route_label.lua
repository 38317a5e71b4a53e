-- Names a route in a warning as the plan does elsewhere: its path, and what a request must carry to
-- take it.

local text = require("lib.text")

local route_label = {}

local SHOWN = 3 -- values of a condition; a count stands for the rest
local LONGEST = 200 -- bytes of all conditions

-- "a", "a or b", "a, b or c", "a, b, c or 7 more"
local function any_of(values)
  local shown = {}
  for i = 1, math.min(#values, SHOWN) do shown[i] = values[i] end
  if #values > SHOWN then shown[SHOWN + 1] = ("%d more"):format(#values - SHOWN) end
  local last = table.remove(shown)
  return #shown == 0 and last or table.concat(shown, ", ") .. " or " .. last
end

local function condition_label(condition)
  return ("%s %s %s"):format(condition.header or "cookie " .. condition.cookie,
    condition.invert and "is not" or "is", condition.values and any_of(condition.values) or "set")
end

---@param path string
---@param match nightjar.Condition[]? nil: the path's own route
---@return string # `/shop`, or `"/shop when x-beta is yes"` with its quotes
function route_label.of(path, match)
  if not match then return path end
  local parts = {}
  for i, condition in ipairs(match) do parts[i] = condition_label(condition) end
  return ('"%s when %s"'):format(path, text.cut(table.concat(parts, " and "), LONGEST))
end

return route_label
