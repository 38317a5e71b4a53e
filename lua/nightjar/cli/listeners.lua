-- Listeners of a plan, as --listener names one.

local messages = require "nightjar.text"
local nearest = require "nightjar.nearest"

local listeners = {}

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
    nearest.hint(name, names),
    #names == 0 and "is none" or (#names == 1 and "is " or "are ") .. table.concat(names, ", "))
end

return listeners
