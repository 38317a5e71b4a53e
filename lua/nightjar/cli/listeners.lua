-- Listeners of a plan, as --listener names one.

local messages = require "nightjar.text"
local nearest = require "nightjar.nearest"

local listeners = {}

local SHOWN = 10

-- `is none`, `are a, b and 90 more`.
local function there(names)
  if #names == 0 then return "is none" end
  local text = table.concat(names, ", ", 1, math.min(#names, SHOWN))
  if #names > SHOWN then text = ("%s and %d more"):format(text, #names - SHOWN) end
  return (#names == 1 and "is " or "are ") .. text
end

---@param plan table
---@param name string? what --listener says
---@return string? message when there is no such listener; names those that exist
function listeners.fault(plan, name)
  if not name then return nil end
  local names = {}
  for i, listener in ipairs(plan.listeners) do
    if listener.name == name then return nil end
    names[i] = listener.name
  end
  return ("--listener: no listener %s%s; there %s"):format(messages.quote(name),
    nearest.hint(name, names), there(names))
end

return listeners
