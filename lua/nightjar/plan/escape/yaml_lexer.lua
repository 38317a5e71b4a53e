-- Follows YAML text from one state (yaml_state.lua) to the next. This is no parser: it tells bare
-- and quoted scalars, comments and block scalars apart; what is wrong with a document, a parser
-- says later.
local yaml_state = require("nightjar.plan.escape.yaml_state")

local lexer = {}

local steps = {}

local function at(cursor, position)
  return cursor.text:sub(position, position)
end

local function is_blank_or_break(character)
  return character ~= "" and (" \t\r\n"):find(character, 1, true) ~= nil
end

local function is_flow_sign(character)
  return character ~= "" and (",[]{}"):find(character, 1, true) ~= nil
end

-- Whether `character` behind a colon makes it the sign between key and value.
local function ends_key(cursor, character)
  return is_blank_or_break(character) or cursor.flow > 0 and is_flow_sign(character)
end

local function line_break(cursor, goes_on)
  local _, last = cursor.text:find("^\r?\n?", cursor.position)
  cursor.position = last + 1
  cursor.mode, cursor.column, cursor.fresh, cursor.goes_on = "start", 0, true, goes_on
end

-- A token may begin behind position - 1, on the same line.
local function begin(cursor)
  cursor.mode, cursor.fresh, cursor.goes_on, cursor.last = "start", false, false, ""
end

-- What stood at `column` was a key: its column is that of a block mapping.
local function key_done(cursor)
  if cursor.flow == 0 then
    cursor.parent = cursor.column
    cursor.column = cursor.column + 1
  end
  begin(cursor)
end

-- The sign at the cursor's column (- ? : --- ...), known to be one.
local function sign(cursor, text)
  if #text == 3 then
    cursor.parent, cursor.column = -1, 3
  elseif cursor.flow == 0 then
    cursor.parent = cursor.column
    cursor.column = cursor.column + 1
  end
  begin(cursor)
end

local function open_flow(cursor)
  cursor.flow = cursor.flow + 1
  cursor.position = cursor.position + 1
  begin(cursor)
end

local function close_flow(cursor)
  cursor.flow = math.max(0, cursor.flow - 1)
  cursor.position = cursor.position + 1
  cursor.mode, cursor.last, cursor.fresh, cursor.goes_on = "after", "x", false, false
end

local function begin_plain(cursor)
  cursor.mode, cursor.open, cursor.last = "plain", cursor.position, "x"
end

-- A character that is a sign if white space follows.
local function begin_mark(cursor, first)
  local text = first
  if cursor.fresh and cursor.column == 0 and cursor.flow == 0 then
    text = cursor.text:match("^%-%-%-", cursor.position)
      or cursor.text:match("^%.%.%.", cursor.position) or first
  end
  local following = at(cursor, cursor.position + #text)
  if text == "." then
    begin_plain(cursor)
  elseif following == "" then
    cursor.mode, cursor.open, cursor.last = "mark", cursor.position, text
    cursor.position = cursor.position + #text
  elseif is_blank_or_break(following) or text ~= "-" and ends_key(cursor, following) then
    cursor.position = cursor.position + #text
    sign(cursor, text)
  else
    begin_plain(cursor)
  end
end

local function take(mode)
  return function(cursor)
    cursor.mode, cursor.last = mode, at(cursor, cursor.position)
    cursor.position = cursor.position + 1
  end
end

-- What each first character of a token begins.
local tokens = {
  ['"'] = take("double"), ["'"] = take("single"), ["&"] = take("word"), ["*"] = take("word"),
  ["!"] = take("word"), ["#"] = take("comment"), ["["] = open_flow, ["{"] = open_flow,
  ["-"] = begin_mark, ["?"] = begin_mark, [":"] = begin_mark, ["."] = begin_mark,
}

-- Signs within brackets and, at the top, outside of them.
local function flow_token(cursor, first)
  if first == "," then
    cursor.position = cursor.position + 1
    begin(cursor)
    return true
  elseif first == "]" or first == "}" then
    close_flow(cursor)
    return true
  end
  return false
end

local function block_token(cursor, first)
  if first == "|" or first == ">" then
    cursor.indent = -1
    take("head")(cursor)
    return true
  elseif first == "%" and cursor.fresh and cursor.column == 0 then
    take("directive")(cursor)
    return true
  end
  return false
end

function steps.start(cursor)
  local _, blank = cursor.text:find("^[ \t]+", cursor.position)
  if blank then
    cursor.column = cursor.column + blank - cursor.position + 1
    cursor.position = blank + 1
    return
  end
  local first = at(cursor, cursor.position)
  if first == "\n" or first == "\r" then
    line_break(cursor, cursor.goes_on)
    return
  elseif cursor.flow > 0 and flow_token(cursor, first) then
    return
  elseif first ~= "#" and cursor.goes_on and cursor.fresh
    and (cursor.flow > 0 or cursor.column > cursor.parent) then
    cursor.mode, cursor.last = "more", "x"
    return
  end
  cursor.goes_on = false
  if cursor.flow > 0 or not block_token(cursor, first) then
    (tokens[first] or begin_plain)(cursor, first)
  end
  if cursor.mode ~= "start" then
    cursor.fresh = false
  end
end

-- The bare scalar under way ends before `position`; white space before that is not part of it.
local function end_plain(cursor, position)
  if cursor.pending then
    local last = position - 1
    while last > 0 and (at(cursor, last) == " " or at(cursor, last) == "\t") do
      last = last - 1
    end
    cursor.close, cursor.pending = last, false
  end
  cursor.open = nil
end

-- A sign within a bare scalar; returns whether it ends the scalar.
local function plain_sign(cursor, position, character)
  if character == "#" then
    local before = position > 1 and at(cursor, position - 1) or cursor.last
    if before ~= " " and before ~= "\t" then
      return false
    end
    end_plain(cursor, position)
    cursor.mode, cursor.position = "comment", position + 1
  elseif character == ":" then
    local following = at(cursor, position + 1)
    if following == "" then
      cursor.last, cursor.position = ":", position + 1
      return true
    elseif not ends_key(cursor, following) then
      return false
    end
    end_plain(cursor, position)
    cursor.position = position + 1
    key_done(cursor)
  else
    end_plain(cursor, position)
    cursor.position = position
    if is_flow_sign(character) then
      begin(cursor)
    else
      line_break(cursor, true)
    end
  end
  return true
end

function steps.plain(cursor)
  local position = cursor.position
  if position == 1 and cursor.last == ":" and ends_key(cursor, at(cursor, 1)) then
    if cursor.pending then
      cursor.close, cursor.pending = -1, false
    end
    key_done(cursor)
    return
  end
  local signs = cursor.flow > 0 and "[:#\r\n,%[%]{}]" or "[:#\r\n]"
  while true do
    local found = cursor.text:find(signs, position)
    if not found then
      local last = cursor.text:sub(-1)
      cursor.last = (last == " " or last == "\t") and " " or "x"
      cursor.position = #cursor.text + 1
      return
    elseif plain_sign(cursor, found, at(cursor, found)) then
      return
    end
    position = found + 1
  end
end
steps.more = steps.plain

function steps.mark(cursor)
  local first = at(cursor, 1)
  if is_blank_or_break(first) or cursor.last ~= "-" and ends_key(cursor, first) then
    cursor.close, cursor.pending = 0, false
    sign(cursor, cursor.last)
  else
    cursor.mode, cursor.last = "plain", "x"
  end
end

function steps.colon(cursor)
  if is_blank_or_break(at(cursor, 1)) then
    key_done(cursor)
  else
    cursor.mode, cursor.last = "after", "x"
  end
end

function steps.double(cursor)
  local position = cursor.position
  if cursor.last == "\\" then
    position = position + 1
  end
  cursor.last = "x"
  while true do
    local special = cursor.text:find('[\\"]', position)
    if not special then
      cursor.position = #cursor.text + 1
      return
    elseif at(cursor, special) == '"' then
      cursor.mode, cursor.position = "after", special + 1
      return
    elseif special == #cursor.text then
      cursor.last, cursor.position = "\\", special + 1
      return
    end
    position = special + 2
  end
end

function steps.single(cursor)
  local quote = cursor.text:find("'", cursor.position, true)
  local segment = cursor.text:sub(cursor.position, (quote or 0) - 1)
  if segment:find("[\r\n][ \t]*$") or cursor.last == "\n" and not segment:find("[^ \t]") then
    cursor.last = "\n"
  else
    cursor.last = "x"
  end
  if quote then
    cursor.mode, cursor.position, cursor.last = "after", quote + 1, "x"
  else
    cursor.position = #cursor.text + 1
  end
end

function steps.after(cursor)
  local first = at(cursor, cursor.position)
  if first == "\n" or first == "\r" then
    line_break(cursor, false)
  elseif first == '"' or first == "'" then
    -- Two single quotes within single quotes come here too, and go back.
    take(first == '"' and "double" or "single")(cursor)
  elseif first == "#" and cursor.last == " " then
    take("comment")(cursor)
  elseif first == "[" or first == "{" then
    open_flow(cursor)
  elseif cursor.flow > 0 and flow_token(cursor, first) then
    return
  elseif first == ":" then
    local following = at(cursor, cursor.position + 1)
    cursor.position = cursor.position + 1
    if cursor.flow > 0 or is_blank_or_break(following) then
      key_done(cursor)
    elseif following == "" then
      cursor.mode, cursor.last = "colon", "x"
    end
  else
    cursor.last = (first == " " or first == "\t") and " " or "x"
    cursor.position = cursor.position + 1
  end
end

function steps.word(cursor)
  local ending = cursor.text:find(cursor.flow > 0 and "[%s,%]}]" or "%s", cursor.position)
  cursor.position = ending or #cursor.text + 1
  if ending then
    local alias = cursor.last == "*"
    begin(cursor)
    if alias then
      cursor.mode, cursor.last = "after", "x"
    end
  end
end

local function to_line_end(cursor)
  local ending = cursor.text:find("[\r\n]", cursor.position)
  cursor.position = ending or #cursor.text + 1
  return ending ~= nil
end

function steps.comment(cursor)
  if to_line_end(cursor) then
    line_break(cursor, false)
  end
end
steps.directive = steps.comment

function steps.head(cursor)
  local from = cursor.position
  local ended = to_line_end(cursor)
  local digit = cursor.text:sub(from, cursor.position - 1):match("^[+-]?([1-9])")
  if digit then
    cursor.indent = math.max(0, cursor.parent) + tonumber(digit)
  end
  if ended then
    line_break(cursor, false)
    cursor.mode = "block"
  end
end

function steps.block(cursor)
  if not cursor.fresh then
    if to_line_end(cursor) then
      line_break(cursor, false)
      cursor.mode = "block"
    end
    return
  end
  local _, blank = cursor.text:find("^ *", cursor.position)
  cursor.column = cursor.column + blank - cursor.position + 1
  cursor.position = blank + 1
  local first = at(cursor, cursor.position)
  if first == "\n" or first == "\r" then
    line_break(cursor, false)
    cursor.mode = "block"
  elseif first ~= "" then
    local limit = cursor.indent >= 0 and cursor.indent or cursor.parent + 1
    if cursor.column >= limit then
      cursor.indent = cursor.indent >= 0 and cursor.indent or cursor.column
      cursor.fresh = false
    else
      cursor.mode = "start"
    end
  end
end

--- Reads text from a state on.
---@param text string not empty
---@param state table
---@return {state: table, close: integer?, open: integer?, colon: boolean} result `close`: the
---  bare scalar under way when the text began ends behind that many bytes of it (-1: before the
---  colon that ended the text before); `open`: where a bare scalar began that is still under way;
---  `colon`: the text ends with a colon that may prove to be the sign behind a key
function lexer.read(text, state)
  local cursor = { text = text, position = 1, mode = state.mode, flow = state.flow,
    parent = state.parent, column = state.column, fresh = state.fresh, goes_on = state.goes_on,
    indent = state.indent, last = state.last,
    pending = state.mode == "plain" or state.mode == "mark" }
  while cursor.position <= #text do
    steps[cursor.mode](cursor)
  end
  local under_way = cursor.mode == "plain" or cursor.mode == "mark"
  return { state = yaml_state.freeze(cursor), close = cursor.close,
    open = under_way and cursor.open or nil, colon = cursor.mode == "plain" and cursor.last == ":" }
end

return lexer
