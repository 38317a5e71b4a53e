-- Renders parsed templates: walks the nodes and hands text and values to an escape writer.
local context = require("nightjar.plan.mustache.context")
local indent = require("nightjar.plan.mustache.indent")
local nearest = require("nightjar.nearest")
local parse = require("nightjar.plan.mustache.parse")
local plain = require("nightjar.plan.escape.plain")

local MAX_DEPTH <const> = 100

-- A rendering under way: `out` the escape writer, `stack` and `top` the contexts, `file` the
-- template whose nodes are walked, `blocks` the overrides in force, `depth` the number of
-- templates within one another, `position` what the host reads to name a line.
local Walk = {}
Walk.__index = Walk

function Walk:fail(node, format, ...)
  error({ file = self.file, line = node.line, message = format:format(...) }, 0)
end

-- What to do for each kind of node.
local render = {}

function Walk:nodes(nodes)
  local trace, out = self.trace, self.out
  for i = 1, #nodes do
    local node = nodes[i]
    render[node.kind](self, node)
    if trace then
      for piece = #trace + 1, out.n do
        trace[piece] = { file = self.file, line = node.line }
      end
    end
  end
end

-- Walks the nodes of another template (partial, parent, override, what a lambda returned).
function Walk:enter(node, nodes, file)
  if self.depth >= MAX_DEPTH then
    self:fail(node, "{{%s}}: templates within templates, deeper than %d", node.name, MAX_DEPTH)
  end
  local outer = self.file
  self.depth, self.file, self.position.file = self.depth + 1, file, file
  self:nodes(nodes)
  self.depth, self.file, self.position.file = self.depth - 1, outer, outer
end

function render.text(walk, node)
  local problem = walk.out:text(node)
  if problem then
    walk:fail(node, "%s", problem)
  end
end

-- The result of a lambda that stands for a value is a template itself, with common delimiters.
local function call(walk, node, lambda)
  local result = lambda()
  if type(result) ~= "string" then
    return result
  end
  local out, trace = walk.out, walk.trace
  walk.out, walk.trace = plain.new(), nil
  walk:enter(node, parse(result, { file = walk.file, line = node.line }), walk.file)
  result = walk.out:finish()
  walk.out, walk.trace = out, trace
  return result
end

function render.value(walk, node)
  walk.position.line = node.line
  local value = context.find(walk.stack, walk.top, node.path)
  if value == nil and walk.strict then
    walk:fail(node, "{{%s}}: there is no such field%s", node.name,
      nearest.hint(node.name, context.names(walk.stack, walk.top)))
  elseif type(value) == "function" then
    value = call(walk, node, value)
  end
  local out = walk.out
  local problem
  if node.raw then
    problem = out:raw(value)
  else
    problem = out:value(value)
  end
  if problem then
    walk:fail(node, "{{%s}}: %s", node.name, problem)
  end
end

local function repeat_section(walk, node, list)
  local stack, top = walk.stack, walk.top + 1
  walk.top = top
  for i = 1, #list do
    stack[top] = list[i]
    walk:nodes(node.children)
  end
  stack[top] = nil
  walk.top = top - 1
end

function render.section(walk, node)
  walk.position.line = node.line
  local value = context.find(walk.stack, walk.top, node.path)
  if node.inverted then
    if not context.is_true(value) then
      walk:nodes(node.children)
    end
  elseif type(value) == "function" then
    local text = value(node.source:sub(node.from, node.to))
    local nodes = parse(tostring(text), { file = walk.file, line = node.line, open = node.open,
      close = node.close, fresh = false, ends_inline = true })
    walk:enter(node, nodes, walk.file)
  elseif context.is_true(value) then
    repeat_section(walk, node, context.is_list(value) and value or { value })
  end
end

-- Finds and parses a partial or parent; nil when there is none, which renders as nothing unless
-- the caller is strict.
function Walk:template(node)
  local name = node.name
  if node.path then
    local value = context.find(self.stack, self.top, node.path)
    if type(value) ~= "string" then
      return nil
    end
    name = value
  end
  local key = node.indent .. ":" .. name
  local known = self.templates[key]
  if known == nil then
    local text, file = self.find_partial(name)
    known = text ~= nil and {
      file = file,
      nodes = parse(indent.every_line(text, node.indent), { file = file }),
    }
    self.templates[key] = known
  end
  if not known and self.strict then
    self:fail(node, "{{%s}}: there is no partial %q", node.name, name)
  end
  return known or nil
end

function render.partial(walk, node)
  walk.position.line = node.line
  local template = walk:template(node)
  if template then
    walk:enter(node, template.nodes, template.file)
  end
end

-- The outermost override of a block wins, so those in force go over those of this tag.
local function overrides(outer, own)
  if not outer then
    return own
  end
  local both = {}
  for name, block in pairs(own) do
    both[name] = block
  end
  for name, block in pairs(outer) do
    both[name] = block
  end
  return both
end

function render.parent(walk, node)
  walk.position.line = node.line
  local template = walk:template(node)
  if template then
    local outer = walk.blocks
    walk.blocks = overrides(outer, node.overrides)
    walk:enter(node, template.nodes, template.file)
    walk.blocks = outer
  end
end

-- Parses an override for the place where it is put: its lines lose the indentation of where they
-- were written and get that of the block which they replace.
local function place(override, site)
  local text = override.text
  local own = override.fresh and indent.of(text) or ""
  text = indent.replace(text, own, site.indent, not site.fresh)
  return parse(text, { file = override.file, line = override.text_line, open = override.open,
    close = override.close, fresh = override.fresh, ends_inline = not override.ends_fresh })
end

function render.block(walk, node)
  walk.position.line = node.line
  local override = walk.blocks and walk.blocks[node.name]
  if not override then
    walk:nodes(node.children)
    return
  end
  local placed = walk.placed[override]
  if not placed then
    placed = {}
    walk.placed[override] = placed
  end
  local key = (node.fresh and "lines:" or "inline:") .. node.indent
  if not placed[key] then
    placed[key] = place(override, node)
  end
  walk:enter(node, placed[key], override.file)
end

--- Starts a rendering.
---@param options {out: table, view: any, element: any, find_partial: fun(name: string): string?,
---  string?, templates: table, placed: table, position: table?, strict: boolean?, trace: table?}
---@return table walk `walk:enter(node, nodes, file)` renders into `out`
local function new(options)
  local stack = { options.view }
  if options.element ~= nil then
    stack[#stack + 1] = options.element
  end
  return setmetatable({
    out = options.out, stack = stack, top = #stack, find_partial = options.find_partial,
    templates = options.templates, placed = options.placed, position = options.position or {},
    strict = options.strict, trace = options.trace, depth = 0,
  }, Walk)
end

return new
