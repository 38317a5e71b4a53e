-- Compares what an example expects with what came out. Of a table only the
-- fields that are written down count; a list must have just these elements.

local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")

local compare = {}

-- More would not be read.
local MOST = 10

-- What people know an element of a list by.
local function label(item)
  if type(item) ~= "table" then return text.show(item) end
  local name = item.path or item.cluster or item.name or item.id or item.code
  return type(name) == "string" and text.quote(name) or "…"
end

local function labels(list)
  local names = {}
  for i, item in ipairs(list) do names[i] = label(item) end
  return #names == 0 and "" or " (" .. table.concat(names, ", ") .. ")"
end

local function count(list)
  return ("%d %s%s"):format(#list, #list == 1 and "element" or "elements", labels(list))
end

local compare_values

local function compare_lists(expected, actual, path, differences)
  if #expected ~= #actual then
    differences[#differences + 1] = ("%s: expected %s, got %s"):format(path, count(expected),
      count(actual))
    return
  end
  for i, item in ipairs(expected) do
    compare_values(item, actual[i], ("%s[%d]"):format(path, i), differences)
  end
end

local function compare_fields(expected, actual, path, differences)
  for key, item in sorted.pairs(expected) do
    compare_values(item, actual[key], path == "" and key or path .. "." .. key, differences)
  end
end

function compare_values(expected, actual, path, differences)
  if type(expected) ~= "table" or type(actual) ~= "table" then
    if expected ~= actual then
      differences[#differences + 1] = ("%s: expected %s, got %s"):format(path,
        text.show(expected), text.show(actual))
    end
  elseif #expected > 0 or (next(expected) == nil and next(actual) ~= nil and #actual > 0) then
    compare_lists(expected, actual, path, differences)
  else
    compare_fields(expected, actual, path, differences)
  end
end

---@param expected any plain data
---@param actual any plain data
---@return string? differences one a line, each with its path; nil when there is none
function compare.subset(expected, actual)
  local differences = {}
  compare_values(expected, actual, "", differences)
  if #differences == 0 then return nil end
  local more = #differences - MOST
  if more > 0 then
    differences = table.move(differences, 1, MOST, 1, {})
    differences[MOST + 1] = ("and %d more"):format(more)
  end
  return table.concat(differences, "\n")
end

return compare
