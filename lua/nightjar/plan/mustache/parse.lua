-- Reads a mustache template into a tree of nodes.
--
-- Nodes are tables with `kind` and `line`; by kind they carry:
--   text     text; `edges`, where an escape writer remembers what the text does to its state
--   value    name, path, raw (true for {{{x}}} and {{&x}})
--   section  name, path, children, inverted; source, from, to, open, close for lambdas
--   partial  name, path (dynamic names only), indent
--   parent   as partial; overrides = {block name = block node}
--   block    name, children (what stands here when nothing overrides it); fresh and indent say
--            how an override is moved to this place; file, text, text_line, fresh, ends_fresh,
--            open and close are what a block within a parent tag hands over
--
-- Overrides are kept as template text, not as nodes: the standard moves a block's lines to the
-- indentation of the place where they end up, and only there are they parsed.
local context = require("nightjar.plan.mustache.context")
local indent = require("nightjar.plan.mustache.indent")
local messages = require("nightjar.text")

local MAX_DEPTH <const> = 100

local Parser = {}
Parser.__index = Parser

-- Ends the parse: a failure is a table, so that an error of ours is told from a bug.
function Parser:fail(line, format, ...)
  error({ file = self.file, line = line, message = format:format(...) }, 0)
end

-- Moves `line` and `line_start` on to position `to`.
function Parser:advance(to)
  local newline = self.next_newline
  while newline and newline < to do
    self.line = self.line + 1
    self.line_start = newline + 1
    newline = self.source:find("\n", newline + 1, true)
  end
  self.next_newline = newline
end

function Parser:add(node)
  local children = self.frame.children
  children[#children + 1] = node
  return node
end

function Parser:add_text(text, line)
  if text ~= "" then
    self:add({ kind = "text", line = line, text = text, edges = {} })
  end
end

-- Adds the text before a tag, with or without the white space at the start of the tag's line.
function Parser:add_text_before(tag, without_lead)
  local last = without_lead and self.line_start - 1 or tag.first - 1
  self:add_text(self.source:sub(tag.text_first, last), tag.text_line)
end

-- Adds the text before a tag that leaves no trace of a line of its own; returns where to go on.
function Parser:pass(tag)
  self:add_text_before(tag, tag.line_end ~= nil)
  return tag.line_end or tag.last + 1
end

-- White space between the start of the line and `first`, or nil when something else is there.
function Parser:lead(first)
  if self.line_start == 1 and not self.fresh then
    return nil
  end
  -- No pattern over the whole line: a template of one long line would take quadratic time.
  if self.source:find("[^ \t]", self.line_start) == first then
    return self.source:sub(self.line_start, first - 1)
  end
  return nil
end

-- Position behind the line break when only white space follows `last`, or nil.
function Parser:line_end(last)
  local position = self.source:match("^[ \t]*\r?\n()", last + 1)
  if not position and not self.ends_inline then
    position = self.source:match("^[ \t]*()$", last + 1)
  end
  return position
end

-- Checks a tag's name: one run of characters without white space.
function Parser:name(content, sigil)
  local name = messages.trim(content)
  if name == "" then
    self:fail(self.line, "a tag without a name: expected one behind %s%s", self.open, sigil)
  elseif name:find("%s") then
    self:fail(self.line, "the name %s holds white space: expected %s%sname%s",
      messages.quote(name), self.open, sigil, self.close)
  end
  return name
end

-- Opens a node that has children, up to its closing tag.
function Parser:push(node)
  if self.depth >= MAX_DEPTH then
    self:fail(self.line, "tags nest deeper than %d", MAX_DEPTH)
  end
  self.depth = self.depth + 1
  node.outer = self.frame
  self.frame = node
end

-- What each sigil does. A tag is {content, first, last, text_first, text_line, lead, line_end}:
-- its positions, where the text before it begins, the white space before it on its line, and, if
-- it has the line for itself, the position behind that line. Returns where reading goes on.
local tags = {}

tags["!"] = function(parser, tag)
  return parser:pass(tag)
end

tags["="] = function(parser, tag)
  local open, close = tag.content:match("^%s*([^%s=]+)%s+([^%s=]+)%s*$")
  if not open then
    parser:fail(parser.line, "a change of delimiters: expected %s=OPEN CLOSE=%s", parser.open,
      parser.close)
  end
  parser.open, parser.close = open, close
  return parser:pass(tag)
end

local function value_tag(sigil, raw)
  return function(parser, tag)
    local name = parser:name(tag.content, sigil)
    parser:add_text_before(tag)
    parser:add({ kind = "value", line = parser.line, name = name, path = context.path(name),
      raw = raw })
    return tag.last + 1
  end
end
tags[""] = value_tag("", false)
tags["&"] = value_tag("&", true)
tags["{"] = value_tag("{", true)

local function section_tag(sigil)
  return function(parser, tag)
    local name = parser:name(tag.content, sigil)
    local go_on = parser:pass(tag)
    parser:push(parser:add({ kind = "section", line = parser.line, name = name, sigil = sigil,
      path = context.path(name), inverted = sigil == "^", children = {}, from = tag.last + 1,
      source = parser.source, open = parser.open, close = parser.close }))
    return go_on
  end
end
tags["#"] = section_tag("#")
tags["^"] = section_tag("^")

-- The name of a partial or parent: `*name` is looked up when it is rendered.
local function partial_name(parser, content, sigil)
  local star, rest = content:match("^%s*(%*?)(.*)$")
  local name = parser:name(rest, sigil .. star)
  return star .. name, star ~= "" and context.path(name) or nil
end

tags[">"] = function(parser, tag)
  local name, path = partial_name(parser, tag.content, ">")
  local go_on = parser:pass(tag)
  parser:add({ kind = "partial", line = parser.line, name = name, path = path,
    indent = tag.line_end and tag.lead or "" })
  return go_on
end

tags["<"] = function(parser, tag)
  local name, path = partial_name(parser, tag.content, "<")
  parser:add_text_before(tag, tag.lead ~= nil)
  -- Whether it stands alone is known at its end; until then its lead is text.
  parser:add_text(tag.lead or "", parser.line)
  parser:push(parser:add({ kind = "parent", line = parser.line, name = name, path = path,
    sigil = "<", lead = tag.lead, indent = "", children = {}, overrides = {} }))
  return tag.last + 1
end

tags["$"] = function(parser, tag)
  local name = parser:name(tag.content, "$")
  local line_end = tag.line_end
  if parser.frame.kind == "parent" then
    -- What else is on the line stands in a parent tag, where text means nothing.
    line_end = parser:line_end(tag.last)
  end
  parser:pass(tag)
  parser:push(parser:add({ kind = "block", line = parser.line, name = name, sigil = "$",
    children = {}, lead = tag.lead, fresh = line_end ~= nil, from = line_end or tag.last + 1,
    text_line = parser.line + (line_end and 1 or 0), file = parser.file, open = parser.open,
    close = parser.close }))
  return parser.frame.from
end

-- What the closing tag does to each kind of node; returns where reading goes on.
local closers = {}

function closers.section(parser, node, tag)
  node.to = tag.first - 1
  return parser:pass(tag)
end

function closers.parent(parser, node, tag)
  for _, child in ipairs(node.children) do
    if child.kind == "block" then
      node.overrides[child.name] = child
    end
  end
  node.children = nil
  local line_end = node.lead and parser:line_end(tag.last)
  if line_end then
    node.indent = node.lead
    if node.lead ~= "" then
      local siblings = node.outer.children
      table.remove(siblings, #siblings - 1)
    end
  end
  return line_end or tag.last + 1
end

function closers.block(parser, node, tag)
  local go_on = parser:pass(tag)
  node.ends_fresh = tag.lead ~= nil and parser.line_start >= node.from
  local last = node.ends_fresh and parser.line_start - 1 or tag.first - 1
  node.text = parser.source:sub(node.from, last)
  -- An override goes to the column of the text that it replaces.
  node.indent = node.fresh and indent.of(node.text) or node.lead or ""
  return go_on
end

tags["/"] = function(parser, tag)
  local name = tag.content:gsub("%s+", "")
  local node = parser.frame
  if not node.outer then
    parser:fail(parser.line, "{{/%s}} closes nothing: expected {{#%s}} before it", name, name)
  elseif node.name ~= name then
    parser:fail(parser.line, "expected {{/%s}} (for {{%s%s}} in line %d), got {{/%s}}", node.name,
      node.sigil, node.name, node.line, name)
  end
  -- The text before the closing tag still belongs to the node.
  local go_on = closers[node.kind](parser, node, tag)
  parser.frame, node.outer = node.outer, nil
  parser.depth = parser.depth - 1
  return go_on
end

-- What stands before the closing delimiter of tags whose content is told by both ends.
local endings = { ["{"] = "}", ["="] = "=" }

-- Reads the tag at `first`, with the text before it from `text_first` on; returns where to go on.
function Parser:step(text_first, first)
  local text_line = self.line
  self:advance(first)
  local start = self.source:match("^%s*()", first + #self.open)
  local sigil = self.source:match("^[!=&{#^></$]", start) or ""
  local ending = (endings[sigil] or "") .. self.close
  local from = start + #sigil
  local at, last = self.source:find(ending, from, true)
  if not at then
    local head = self.source:sub(first, first + 30):match("^[^\r\n]*")
    self:fail(self.line, "the tag %s is not closed: expected %s", head, ending)
  end
  local lead = self:lead(first)
  local go_on = tags[sigil](self, { content = self.source:sub(from, at - 1), first = first,
    last = last, text_first = text_first, text_line = text_line, lead = lead,
    line_end = lead and self:line_end(last) or nil })
  self:advance(go_on)
  return go_on
end

--- Parses template text.
---@param source string
---@param options {file: string, line: integer?, open: string?, close: string?, fresh: boolean?,
---  ends_inline: boolean?} where the text stands: the name and line for errors; delimiters in
---  force; `fresh = false` if it begins and `ends_inline` if it ends in the middle of a line
---@return table[] nodes
---@raise {file, line, message} when the template is wrong
local function parse(source, options)
  local root = { children = {} }
  local parser = setmetatable({
    source = source, file = options.file, line = options.line or 1, line_start = 1,
    next_newline = source:find("\n", 1, true), open = options.open or "{{",
    close = options.close or "}}", fresh = options.fresh ~= false,
    ends_inline = options.ends_inline, frame = root, depth = 0,
  }, Parser)
  local position = 1
  while true do
    local first = source:find(parser.open, position, true)
    if not first then
      break
    end
    position = parser:step(position, first)
  end
  local frame = parser.frame
  if frame.outer then
    parser:fail(frame.line, "{{%s%s}} is not closed: expected {{/%s}}", frame.sigil, frame.name,
      frame.name)
  end
  parser:add_text(source:sub(position), parser.line)
  return root.children
end

return parse
