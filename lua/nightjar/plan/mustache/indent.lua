-- Moves template text to the right and to the left: indentation of partials and of blocks.
local indent = {}

--- Puts a prefix before each line, as the standard wants for standalone partials. What follows
--- the last line break is a line only if it holds something.
---@param text string
---@param prefix string
---@return string
function indent.every_line(text, prefix)
  if prefix == "" or text == "" then
    return text
  end
  local moved = text:gsub("\n", "\n" .. prefix)
  if text:sub(-1) == "\n" then
    moved = moved:sub(1, -#prefix - 1)
  end
  return prefix .. moved
end

--- Returns the white space before the first line that holds something.
---@param text string
---@return string? prefix nil when the text is blank
function indent.of(text)
  for line in text:gmatch("[^\n]+") do
    local prefix, first = line:match("^([ \t]*)([^\r]?)")
    if first ~= "" then
      return prefix
    end
  end
  return nil
end

--- Rewrites the lead of each line: takes away `old` (as much of it as is there), puts `new`
--- before what is left. Blank lines get no prefix.
---@param text string
---@param old string
---@param new string
---@param skip_first boolean? the first line's prefix is in the output already
---@return string
function indent.replace(text, old, new, skip_first)
  local lines, first = {}, true
  for line, ending in text:gmatch("([^\n]*)(\n?)") do
    local blanks, rest = line:match("^([ \t]*)(.*)$")
    local bare = rest == "" or rest == "\r" or first and skip_first
    lines[#lines + 1] = (bare and "" or new) .. blanks:sub(#old + 1) .. rest .. ending
    first = false
  end
  return table.concat(lines)
end

return indent
