--- The format of AWS's shared files, read as the AWS CLI reads it: by the rules of Python's
--- RawConfigParser, on which the CLI is built.
---
--- `key = value` or `key: value` below `[section]`; a line that stands deeper than its key goes on
--- with the value; `#` and `;` begin a comment at the start of a line only. What the CLI refuses
--- is refused here too, with its line: half of a file must not choose another role.
local messages = require "nightjar.text"

local ini = {}

local trim = messages.trim

---@class IniSection
---@field name string  as it stands between the brackets
---@field values table<string, string|table<string, string>>

local function add_option(state, body)
  local position = body:find("[=:]")
  local key = position and trim(body:sub(1, position - 1)):lower()
  if not key or key == "" then return nil, "expected a [section], or name = value" end
  local values = state.section.values
  if values[key] then
    return nil, ("%s is given twice in section [%s]"):format(messages.clean(key, 80),
      messages.clean(state.section.name, 80))
  end
  state.key, values[key] = key, { trim(body:sub(position + 1)) }
  return true
end

local function add_section(state, name)
  if state.seen[name] then
    return nil, ("section [%s] is given twice"):format(messages.clean(name, 80))
  end
  state.seen[name], state.key = true, nil
  state.section = { name = name, values = {} }
  state.sections[#state.sections + 1] = state.section
  return true
end

local function add_line(state, line)
  local body = trim(line)
  local lines = state.key and state.section.values[state.key]
  if body == "" then
    if lines then lines[#lines + 1] = "" end
    return true
  elseif body:find("^[#;]") then
    return true
  end
  local indent = line:find("%S")
  if lines and indent > state.indent then
    lines[#lines + 1] = body
    return true
  end
  state.indent = indent
  local name = body:match("^%[(.+)%]")
  if name then return add_section(state, name) end
  if not state.section then return nil, "expected a [section] first" end
  return add_option(state, body)
end

-- A name without a value, followed by deeper lines, holds names and values of its own.
local function nested(lines)
  local result = {}
  for position = 2, #lines do
    local key, value = lines[position]:match("^([^=]*)=(.*)$")
    if key then
      result[trim(key)] = trim(value)
    elseif lines[position] ~= "" then
      return nil, "expected name = value below it"
    end
  end
  return result
end

local function join(lines)
  while #lines > 1 and lines[#lines] == "" do lines[#lines] = nil end
  if lines[1] == "" and #lines > 1 then return nested(lines) end
  return table.concat(lines, "\n")
end

local function join_values(sections)
  for _, section in ipairs(sections) do
    for key, lines in pairs(section.values) do
      local value, err = join(lines)
      if not value then
        return nil, ("section [%s]: %s: %s"):format(messages.clean(section.name, 80),
          messages.clean(key, 80), err)
      end
      section.values[key] = value
    end
  end
  return sections
end

--- Reads the text of a shared file. Names of options become lower case; those of sections and of
--- nested values stay as they are.
---@param text string
---@return IniSection[]? sections  in the file's order
---@return string? err  `line 3: expected …`; no value of the file is in it
function ini.parse(text)
  if not utf8.len(text) then return nil, "expected UTF-8" end
  local state, number = { sections = {}, seen = {}, indent = 1 }, 0
  for line in (text:gsub("\r\n?", "\n") .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local ok, err = add_line(state, line)
    if not ok then return nil, ("line %d: %s"):format(number, err) end
  end
  return join_values(state.sections)
end

local ESCAPED = { ['"'] = '[\\"]' }

-- The character behind a backslash; within double quotes only a quote or another backslash is
-- escaped by one.
local function escaped(text, at, quote)
  local next_one = text:sub(at + 1, at + 1)
  if next_one == "" then return nil end
  if quote and not next_one:find(ESCAPED[quote]) then return "\\" .. next_one end
  return next_one
end

--- Splits a line into words as a POSIX shell would, without any expansion: the rule for
--- `credential_process` and for names in section titles.
---@param text string
---@return string[]? words
---@return string? err  a quote that is not closed, a backslash at the end
function ini.words(text)
  local words, word, quote, at = {}, nil, nil, 1
  while at <= #text do
    local char = text:sub(at, at)
    if char == "\\" and quote ~= "'" then
      local taken = escaped(text, at, quote)
      if not taken then return nil, "a backslash at its end" end
      word, at = (word or "") .. taken, at + 1
    elseif quote then
      if char == quote then quote = nil else word = word .. char end
    elseif char == '"' or char == "'" then
      quote, word = char, word or ""
    elseif char:find("%s") then
      if word then words[#words + 1] = word end
      word = nil
    else
      word = (word or "") .. char
    end
    at = at + 1
  end
  if quote then return nil, "a quote that is not closed" end
  if word then words[#words + 1] = word end
  return words
end

return ini
