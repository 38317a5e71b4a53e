-- Text of people, as it may stand in a warning: one line, cut, in quotes.

local text = {}

local LONGEST = 80

-- Control characters, and marks that end a line, turn the direction of text or are not seen.
local HAZARDS = { "%c", "\xC2[\x80-\x9F]", "\xE2\x80[\xA8-\xAE]", "\xE2\x81[\xA6-\xA9]",
  "\xEF\xBB\xBF" }

---@param value string
---@param most integer bytes
---@return string # without hazards; what is cut ends with `…`
function text.cut(value, most)
  local shown = value
  for _, hazard in ipairs(HAZARDS) do shown = shown:gsub(hazard, "?") end
  if #shown > most then
    local last = utf8.offset(shown, 0, most)
    shown = shown:sub(1, last - 1) .. "…"
  end
  return shown
end

---@param value string
---@return string
function text.quote(value)
  return '"' .. text.cut(value, LONGEST) .. '"'
end

---@param value string
---@return string without blanks at its ends
function text.trim(value)
  -- Not "(.-)%s*$", which reads a run of blanks inside as often as it is long.
  local first = value:find("%S")
  return first and value:match(".*%S", first) or ""
end

---The parts between separators, trimmed; empty ones are left out.
---@param value string
---@param separator string one character
---@return string[]
function text.split(value, separator)
  local parts = {}
  for piece in value:gmatch("[^" .. separator .. "]+") do
    local part = text.trim(piece)
    if part ~= "" then parts[#parts + 1] = part end
  end
  return parts
end

return text
