-- Reads points in time out of foreign data: whole seconds since 1970.

local type_of = math.type

local seconds = {}

---The greatest time: that of integers in JSON.
seconds.MAX = 2 ^ 53 | 0

---@param value any
---@param default? integer
---@return integer? # `value` when it is a usable time, else `default`
function seconds.read(value, default)
  if type_of(value) == "integer" and value >= 0 and value <= seconds.MAX then return value end
  return default
end

return seconds
