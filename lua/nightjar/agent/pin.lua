-- The pin: which generation stays in force until `nightjar resume`.

local asked = require("nightjar.agent.asked")

local pin = {}

local FIELDS = {
  { "generation", function(value) return type(value) == "string" end },
  { "at", math.tointeger },
}

---@param directory string the state folder
---@return string
function pin.path(directory)
  return directory .. "/pin.json"
end

---What is pinned.
---@param directory string the state folder
---@return { generation: string, at: integer }? pinned nil when nothing is
---@return string? err the file is there and cannot be used
function pin.read(directory)
  local value, err = asked.read(pin.path(directory), FIELDS, "nightjar resume")
  return value and { generation = value.generation, at = value.at }, err
end

---Pin a generation.
---@param directory string the state folder
---@param generation string
---@param at integer unix seconds
---@return true? ok
---@return string? err
function pin.write(directory, generation, at)
  return asked.write(pin.path(directory), { generation = generation, at = at })
end

---End the pin.
---@param directory string the state folder
---@return boolean? was there one? nil when it cannot be removed
---@return string? err
function pin.remove(directory)
  return asked.remove(pin.path(directory))
end

return pin
