-- How YAML writes a value: which strings may stand bare, and how the others are quoted.
local yaml_text = {}

-- Words that some reader of YAML 1.1 or 1.2 takes for something else than a string.
local words = {}
for word in ("null true false yes no on off y n nan inf infinity"):gmatch("%a+") do
  words[word] = true
end

--- Says whether a string may stand bare, as a whole scalar, and be read back as that string.
--- The rule is narrow on purpose: letters first, few signs, no word with a meaning.
---@param text string
---@return boolean
function yaml_text.is_bare(text)
  return text:find("^[%a/_][%w/_.@+-]*$") ~= nil and not words[text:lower()]
end

--- Says whether a string may stand within a bare scalar that begins and goes on elsewhere.
---@param text string
---@return boolean
function yaml_text.is_inner(text)
  return not text:find("[^%w/_.@+-]")
end

--- Says why a string cannot be written in any YAML scalar, or nil.
---@param text string
---@return string? problem
function yaml_text.problem(text)
  if text:find("[^\1-\127]") and not utf8.len(text) then
    return "the value is not UTF-8, which YAML cannot hold"
  end
  return nil
end

--- Says whether a string holds only characters that YAML takes as they are, on one line: no
--- control character, no line break of Unicode, no byte order mark, no noncharacter.
---@param text string UTF-8
---@return boolean
function yaml_text.is_printable(text)
  if not text:find("[^ -~]") then
    return true
  end
  return not text:find("[%c\127]")
    and not text:find("\xC2[\x80-\x9F]")
    and not text:find("\xE2\x80[\xA8\xA9]")
    and not text:find("\xEF\xBB\xBF", 1, true)
    and not text:find("\xEF\xBF[\xBE\xBF]")
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t", ["\0"] = "\\0" }

local function code(characters)
  return ("\\u%04X"):format(utf8.codepoint(characters))
end

local function escape_character(character)
  return escapes[character] or ("\\u%04X"):format(character:byte())
end

local function escape_blanks(blanks)
  return (blanks:gsub(" ", "\\x20"):gsub("\t", "\\t"))
end

--- Escapes a string for the inside of double quotes. White space at its ends is escaped within
--- quotes of the template, where a line break beside it would swallow it.
---@param text string UTF-8
---@param ends boolean? escape white space at the ends
---@return string
function yaml_text.double(text, ends)
  -- Most values: ASCII without a backslash, a quotation mark or white space. A range of Lua's takes
  -- no escape, so that it ends with a bracket as it is.
  if not text:find("[^!#-[%]^-~]") then
    return text
  end
  local escaped = text:gsub('[%c"\\\127]', escape_character)
  if escaped:find("[^ -~]") then
    escaped = escaped:gsub("\xC2[\x80-\x9F]", code):gsub("\xE2\x80[\xA8\xA9]", code)
      :gsub("\xEF\xBB\xBF", code):gsub("\xEF\xBF[\xBE\xBF]", code)
  end
  if ends then
    escaped = escaped:gsub("^ +", escape_blanks):gsub(" +$", escape_blanks)
  end
  return escaped
end

--- Writes a string as a whole scalar: bare if that reads back as the same string, else quoted.
---@param text string UTF-8
---@return string
function yaml_text.scalar(text)
  if yaml_text.is_bare(text) then
    return text
  end
  return '"' .. yaml_text.double(text) .. '"'
end

--- Makes text that may stand in a comment: what would end it is shown as an escape.
---@param text string
---@return string
function yaml_text.comment(text)
  if not text:find("[^ -~]") then
    return text
  elseif utf8.len(text) and yaml_text.is_printable(text) then
    return text
  end
  return (text:gsub("[^ -~]", function(byte)
    return ("\\x%02X"):format(byte:byte())
  end))
end

return yaml_text
