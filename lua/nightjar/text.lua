-- Makes foreign text fit for a message: one line, valid UTF-8, of bounded
-- length. Attribute values and policies' errors are written by others, and a
-- raw `"\27[31m\nfake log line"` would forge log lines (RELIABILITY 5).

local text = {}

-- Functions, not methods: messages are made inside the policies' sandbox too,
-- where string methods are the policy's own.
local byte, find, format, gsub, match, sub =
  string.byte, string.find, string.format, string.gsub, string.match, string.sub

-- What has no business in a line, besides ASCII's control characters: those of U+0080 to U+009F,
-- what ends a line or turns the direction of text (U+2028 to U+202E, U+2066 to U+2069), and a byte
-- order mark, which is not seen. host/log.c has the same list.
local MARKS = { "\xC2[\x80-\x9F]", "\xE2\x80[\xA8-\xAE]", "\xE2\x81[\xA6-\xA9]", "\xEF\xBB\xBF" }

local function escape_byte(char)
  return format("\\x%02x", byte(char))
end

local function escape_bytes(character)
  return (gsub(character, ".", escape_byte))
end

-- Bytes above 127 are escaped one by one when the text as a whole is not UTF-8.
local function escape_invalid(value)
  if utf8.len(value) then return value end
  return (gsub(value, "[\128-\255]", escape_byte))
end

-- The start of `value` in at most `limit` bytes, not ending within a character.
local function cut(value, limit)
  if #value <= limit then return value end
  local stop = limit
  while stop > 0 and byte(value, stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
  return sub(value, 1, stop) .. "…"
end

---`value` with control characters, such marks and invalid UTF-8 written as `\xNN`.
---@param value string
---@param limit? integer bytes kept of it; 4096 by default
---@return string
function text.clean(value, limit)
  limit = limit or 4096
  -- Most texts are short and ASCII, and one look is enough.
  if #value <= limit and not find(value, "[^ -~]") then return value end
  value = escape_invalid(cut(value, limit))
  for char, written in next, { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" } do
    value = gsub(value, char, written)
  end
  value = gsub(value, "%c", escape_byte)
  for i = 1, #MARKS do value = gsub(value, MARKS[i], escape_bytes) end
  return value
end

---`value` cleaned and in quotation marks, cut to what a message can bear.
---@param value string
---@return string
function text.quote(value)
  return '"' .. text.clean(value, 80) .. '"'
end

---What a message says in place of any value: scalars as they are written,
---"a table" for a table. No metamethod of the value is called.
---@param value any
---@return string
function text.show(value)
  local kind = math.type(value) or type(value)
  if kind == "string" then return text.quote(value) end
  if kind == "nil" then return "nothing" end
  if kind == "float" and value ~= value then return "nan" end -- else with a sign on some machines
  if kind == "integer" or kind == "float" or kind == "boolean" then return tostring(value) end
  return "a " .. kind
end

---@param value string
---@return string # without white space at its ends
function text.trim(value)
  -- Not "(.-)%s*$", which reads a run of blanks inside as often as it is long.
  local first = find(value, "%S")
  return first and match(value, ".*%S", first) or ""
end

---Whether `value` can be shown and compared as a name: valid UTF-8 without
---control characters and such marks, not empty, of at most `limit` bytes.
---@param value any
---@param limit? integer 255 by default
---@return boolean
function text.is_name(value, limit)
  if type(value) ~= "string" or value == "" or #value > (limit or 255) then return false end
  -- Most names are ASCII, and one look is enough.
  if not find(value, "[^ -~]") then return true end
  for i = 1, #MARKS do
    if find(value, MARKS[i]) then return false end
  end
  return not find(value, "%c") and utf8.len(value) ~= nil
end

return text
