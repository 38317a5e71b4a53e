-- The text of a single value, the same in every format.
local number = {}

local function float_text(value)
  if value ~= value or value == math.huge or value == -math.huge then
    return nil, "the number is not finite"
  end
  local whole = math.tointeger(value)
  if whole and whole > -2 ^ 53 and whole < 2 ^ 53 then
    return tostring(whole)
  end
  -- The fewest digits that read back as the same number.
  for digits = 14, 17 do
    local text = ("%." .. digits .. "g"):format(value)
    if tonumber(text) == value then
      return text
    end
  end
  return ("%.17g"):format(value)
end

--- Writes a value as text: integers without a point, floats with as many digits as they need,
--- nothing for nil and null.
---@param value any
---@return string? text
---@return string? problem for lists, objects, functions and numbers that are not finite
function number.text(value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    if math.type(value) == "integer" then
      return tostring(value)
    end
    return float_text(value)
  elseif kind == "boolean" then
    return tostring(value)
  elseif kind == "nil" or kind == "userdata" then
    return ""
  elseif kind == "table" then
    return nil, "is a list or an object: expected a single value"
  end
  return nil, "is a " .. kind .. ": expected a single value"
end

return number
