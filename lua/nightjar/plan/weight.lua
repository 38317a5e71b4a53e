-- Reads weights: the values of path keys.

local weight = {}

---The greatest weight; Envoy wants the sum of a route's weights in 32 bits.
weight.MAX = 65535

---@param value string trimmed
---@return integer? weight 0 to 65535; nil when the text is no such integer
function weight.parse(value)
  -- The digits first: "0*" before them is tried in every length where something else follows.
  local digits = value:find("^%d+$") and value:match("^0*(%d+)$")
  if not digits or #digits > 5 then return nil end
  local number = math.tointeger(tonumber(digits, 10))
  if number > weight.MAX then return nil end
  return number
end

return weight
