-- The mustache template language, with inheritance, dynamic names and lambdas.
local clean = require("nightjar.text").clean
local json_writer = require("nightjar.plan.escape.json")
local new_walk = require("nightjar.plan.mustache.walk")
local parse = require("nightjar.plan.mustache.parse")
local plain = require("nightjar.plan.escape.plain")
local yaml_writer = require("nightjar.plan.escape.yaml")

local mustache = {}

local writers = { html = plain.html, none = plain.new, json = json_writer, yaml = yaml_writer }

local function find_in(partials)
  if type(partials) == "function" then
    return partials
  end
  return function(name)
    return partials and partials[name], name
  end
end

-- Failures of parser and walk are tables; anything else is a bug and stays one, with its trace.
local function describe(failure)
  if type(failure) == "table" and failure.message then
    return failure
  end
  return { bug = debug and debug.traceback(tostring(failure), 2) or tostring(failure) }
end

-- Finds the piece of the output in which a line begins, and how many line breaks of that piece
-- come before it.
local function piece_at(pieces, line)
  local current = 1
  for index, piece in ipairs(pieces) do
    if current == line and piece ~= "" then
      return index, 0
    end
    local into = 0
    for position in piece:gmatch("()\n") do
      current, into = current + 1, into + 1
      if current == line and position < #piece then
        return index, into
      end
    end
  end
  return nil
end

-- Renders with everything made ready; raises what the parser and the walk raise.
local function render(template, view, options, trace)
  local cache = options.cache or {}
  cache.templates, cache.placed = cache.templates or {}, cache.placed or {}
  cache.roots = cache.roots or {}
  local name = options.name or "template"
  local out = writers[options.escape or "html"]()
  local nodes = cache.roots[template]
  if not nodes then
    nodes = parse(template, { file = name })
    cache.roots[template] = nodes
  end
  local walk = new_walk({
    out = out, view = view, element = options.element, find_partial = options.find_partial,
    templates = cache.templates, placed = cache.placed, position = options.position,
    strict = options.strict, trace = trace,
  })
  walk:enter({ name = name, line = 1 }, nodes, name)
  return out:finish(), out.pieces
end

local function protected(template, view, partials, options, trace)
  options = options or {}
  assert(writers[options.escape or "html"], "escape must be html, json, yaml or none")
  local settings = setmetatable({ find_partial = find_in(partials) }, { __index = options })
  local ok, text, pieces = xpcall(render, describe, template, view, settings, trace)
  if ok then
    return text, pieces
  elseif text.bug then
    error(text.bug, 0)
  end
  -- Names of tags are in it, and may be anything that stands in a template.
  return nil, clean(("%s:%d: %s"):format(text.file, text.line, text.message))
end

--- Renders a template.
---
--- `options.escape` says what happens to the values of `{{x}}`: `html` (the default, as the
--- standard has it), `none`, or `json` and `yaml`, where a value is written so that it is read
--- back as the same value in the place where it stands and cannot change the document's
--- structure (see escape/json.lua and escape/yaml.lua).
---@param template string
---@param view any the context; JSON's null and nil are nothing, functions are lambdas
---@param partials table<string, string>|(fun(name: string): string?, string?)|nil texts by name,
---  or a function that returns a text and the name of its file
---@param options {escape: string?, name: string?, element: any, position: table?, strict:
---  boolean?, cache: table?}? `name` stands in errors; `element` goes on top of the view;
---  `position` gets `file` and `line` of the tag that is being rendered; `strict` makes an error
---  of a value or a partial that is not there; `cache` keeps what was parsed for calls with the
---  same name and partials
---@return string? text
---@return string? err `NAME:LINE: what was expected`
function mustache.render(template, view, partials, options)
  local text, err = protected(template, view, partials, options)
  if not text then
    return nil, err
  end
  return text
end

--- Finds the line of a template that wrote a line of its output, by rendering it once more.
---@param output_line integer
---@param template string as the arguments after it, the same as in `mustache.render`
---@return string? file
---@return integer? line
function mustache.locate(output_line, template, view, partials, options)
  local trace = {}
  local text, pieces = protected(template, view, partials, options, trace)
  if not text then
    return nil
  end
  local index, into = piece_at(pieces, output_line)
  local origin = index and trace[index]
  if not origin then
    return nil
  end
  return origin.file, origin.line + into
end

return mustache
