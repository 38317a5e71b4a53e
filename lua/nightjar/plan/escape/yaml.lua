-- Writer for YAML templates: each value is escaped for the place where it stands.
--
--   key: {{x}}          a whole scalar: of the value's type. A string is quoted unless it is
--                       plain beyond doubt, so "8080" and "yes" stay strings
--   key: a-{{x}}        a part of a bare scalar: the scalar as a whole is quoted when the value
--                       would change what it means; with strings in it, it is a string
--   key: "a {{x}}"      within double quotes: escaped
--   key: 'a {{x}}'      within single quotes: doubled; an error for what cannot stand there
--   # {{x}}             within a comment: on one line
--   | {{x}}             within a block scalar: one printable line, else an error
--   &{{x}} *{{x}} !{{x}}  letters, digits, - and _, else an error
--   {{{x}}}             as it is, for those who mean it
--
-- What is not in the view is written as nothing, which YAML reads as null; within [] and {},
-- where nothing would change the number of elements, as null. Null is null everywhere.
--
-- Where a tag stands is known from the text before it (yaml_lexer.lua). Text is read once for
-- each state in which it can be met and the outcome remembered in its node, so a loop costs no
-- reading. A bare scalar with a value in it is kept open until the text ends it: only then is it
-- known whether the value was all of it.
local lexer = require("nightjar.plan.escape.yaml_lexer")
local number = require("nightjar.plan.escape.number")
local yaml_state = require("nightjar.plan.escape.yaml_state")
local yaml_text = require("nightjar.plan.escape.yaml_text")

local Writer = {}
Writer.__index = Writer

function Writer:put(text)
  local n = self.n + 1
  self.n = n
  self.pieces[n] = text
end

-- Splits text at the ends of bare scalars: head belongs to the one under way, tail and colon to
-- one that is under way when the text ends. Text without such an end is whole.
local function learn(node, state)
  local text = node.text
  local result = lexer.read(text, state)
  local close, last = result.close, #text
  local edge = { state = result.state, close = close }
  if result.colon then
    edge.colon = ":"
    last = last - 1
  end
  local from = 1
  if close and close > 0 then
    edge.head = text:sub(1, close)
    from = close + 1
  end
  if result.open then
    edge.tail = text:sub(result.open, last)
    last = result.open - 1
  end
  edge.middle = text:sub(from, last)
  edge.breaks = state.mode == "single" and text:find("^[ \t]*[\r\n]") ~= nil
  edge.is_whole = not (close or edge.tail or edge.colon or edge.breaks) and edge.middle ~= ""
  node.edges[state.key] = edge
  return edge
end

-- The white space at the end of a text. Not "[ \t]*$", which reads each run of it as often as it
-- is long.
local function trailing_space(text)
  local last = #text
  while last > 0 and (text:byte(last) == 32 or text:byte(last) == 9) do
    last = last - 1
  end
  return text:sub(last + 1)
end

-- A scalar made of text and values: kept as it is when it reads back as meant, else quoted.
local function compose(pieces, scalar, last)
  local text = table.concat(pieces, "", scalar.slot, last)
  local static_tail = table.concat(pieces, "", scalar.last_value + 1, last)
  local tail = trailing_space(static_tail)
  if tail == static_tail and scalar.filled == 0 then
    -- Nothing but empty values: the white space before them trails too.
    tail = trailing_space(text)
  end
  local content = text:sub(1, #text - #tail)
  local bare
  if scalar.strings then
    bare = yaml_text.is_bare(content)
  elseif scalar.gaps then
    bare = content:find("^[%w/_.+-]*$") and not content:find("^[-?]$")
      and not content:find("^%.%.%.") and not content:find("^%-%-%-")
  else
    bare = true
  end
  return (bare and content or '"' .. yaml_text.double(content) .. '"') .. tail
end

-- The bare scalar under way is complete with piece `last`.
function Writer:end_scalar(last)
  local scalar = self.scalar
  self.scalar = nil
  if scalar.values == 0 then
    return
  end
  local pieces, slot = self.pieces, scalar.slot
  if scalar.values == 1 and slot == last then
    if scalar.strings then
      pieces[slot] = yaml_text.scalar(pieces[slot])
    end
    return
  end
  pieces[slot] = compose(pieces, scalar, last)
  for i = slot + 1, last do
    pieces[i] = ""
  end
end

function Writer:open_scalar(text)
  self:put(text)
  self.scalar = { slot = self.n, values = 0, filled = 0 }
end

function Writer:text(node)
  local edge = node.edges[self.state.key]
  if not edge then
    if node.text == "" then
      return nil
    end
    edge = learn(node, self.state)
  end
  if edge.is_whole then -- as most are
    local n = self.n + 1
    self.n = n
    self.pieces[n] = edge.middle
    self.loose = false
    self.state = edge.state
    return nil
  end
  if edge.breaks and self.loose then
    return "a value with white space at its end, before a line break within single quotes: "
      .. "expected double quotes"
  end
  self.loose = false
  local scalar, close = self.scalar, edge.close
  if scalar and close then
    if close > 0 then
      self:put(edge.head)
    end
    self:end_scalar(close < 0 and self.n - 1 or self.n)
  end
  if edge.middle ~= "" then
    self:put(edge.middle)
  end
  if edge.tail then
    self:open_scalar(edge.tail)
  end
  if edge.colon then
    self:put(edge.colon)
  end
  self.state = edge.state
  return nil
end

-- How each place takes a value: (writer, value, its text) to an error, or nil.
local places = {}

-- Adds a value to the bare scalar under way.
local function add_value(writer, value, text)
  local scalar = writer.scalar
  writer:put(text)
  scalar.values = scalar.values + 1
  scalar.last_value = writer.n
  scalar.filled = scalar.filled + #text
  if type(value) == "string" then
    scalar.strings = true
  elseif text == "" then
    scalar.gaps = true
  end
end

function places.start(writer, value, text)
  if text == "" and type(value) ~= "string" then
    if value == nil and writer.state.flow == 0 then
      return nil, true
    end
    text = "null"
  end
  writer.scalar = { slot = writer.n + 1, values = 0, filled = 0 }
  add_value(writer, value, text)
  return nil
end

function places.plain(writer, value, text)
  add_value(writer, value, text)
  return nil
end
places.mark = places.plain

function places.more(writer, _, text)
  if not yaml_text.is_inner(text) then
    return "the value cannot stand within a bare scalar of several lines: expected quotes"
  end
  writer:put(text)
  return nil
end

function places.double(writer, _, text)
  if writer.state.last == "\\" then
    return "stands behind a backslash: expected a character of the template there"
  end
  writer:put(yaml_text.double(text, true))
  return nil
end

function places.single(writer, _, text)
  if not yaml_text.is_printable(text) then
    return "the value holds a line break or control character, which single quotes cannot hold: "
      .. "expected double quotes"
  elseif writer.state.last == "\n" and text:find("^[ \t]") then
    return "a value with white space at its start, behind a line break within single quotes: "
      .. "expected double quotes"
  end
  writer:put((text:gsub("'", "''")))
  writer.loose = text:find("[ \t]$") ~= nil
  return nil
end

function places.comment(writer, _, text)
  writer:put(yaml_text.comment(text))
  return nil
end

function places.block(writer, _, text)
  local state = writer.state
  if not yaml_text.is_printable(text) then
    return "the value holds a line break or control character, which a block scalar cannot hold: "
      .. "expected double quotes"
  elseif state.fresh and text:find("^[ \t]") then
    return "a value with white space at its start would change a block scalar's indentation: "
      .. "expected double quotes"
  elseif state.fresh and state.column == 0 and (text:find("^%-%-%-") or text:find("^%.%.%.")) then
    return "the value would end the document: expected the block scalar to be indented"
  end
  writer:put(text)
  return nil
end

function places.word(writer, _, text)
  if text:find("[^%w_-]") then
    return "the value cannot stand in an anchor, alias or tag: expected letters, digits, - and _"
  end
  writer:put(text)
  return nil
end

-- Behind a quoted scalar, in a directive, in the line of a block scalar's sign.
local function nowhere(_, _, text)
  if text ~= "" then
    return "no value can stand here: expected it within the quotes, or on a place of its own"
  end
  return nil
end
places.after, places.colon, places.directive, places.head = nowhere, nowhere, nowhere, nowhere

function Writer:value(value)
  local text, problem = number.text(value)
  if not text then
    return problem
  end
  if type(value) == "string" then
    problem = yaml_text.problem(text)
    if problem then
      return problem
    end
  end
  local state = self.state
  local role = state.role
  local skipped
  problem, skipped = places[role](self, value, text)
  if problem then
    return problem
  end
  -- An empty value begins nothing, except where it is a scalar by itself.
  if not skipped and (text ~= "" or role == "start" or role == "plain" or role == "mark") then
    local behind = self.behind[state.key]
    if not behind then
      behind = yaml_state.behind_value(state)
      self.behind[state.key] = behind
    end
    self.state = behind
  end
  return nil
end

function Writer:raw(value)
  local text, problem = number.text(value)
  if not text then
    return problem
  end
  return self:text({ text = text, edges = {} })
end

function Writer:finish()
  if self.scalar then
    local state = self.state
    self:end_scalar(state.mode == "plain" and state.last == ":" and self.n - 1 or self.n)
  end
  return table.concat(self.pieces)
end

--- Starts a YAML document.
---@return table writer
local function new()
  return setmetatable({ pieces = {}, n = 0, state = yaml_state.start(), behind = {} }, Writer)
end

return new
