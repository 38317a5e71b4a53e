-- What a rendered text becomes before it is published: parsed, converted, given a version.
local json = require("host.json")
local references = require("nightjar.plan.render.references")
local resource_set = require("nightjar.resource_set")
local yaml = require("host.yaml")

local document = {}

-- Documents are as large as the process's memory lets them be; only their depth is bounded.
local LIMITS <const> = { max_depth = 64, max_bytes = 1 << 30, max_nodes = 1 << 30 }
local ENCODING <const> = { indent = 2, max_bytes = 1 << 30, line_end = true }

--- The format that a target's name promises.
---@param target string
---@return "json"|"yaml"|"html"|"none"
function document.format(target)
  local suffix = (target:match("%.(%w+)$") or ""):lower()
  local formats = { json = "json", yaml = "yaml", yml = "yaml", html = "html", htm = "html",
    xml = "html" }
  return formats[suffix] or "none"
end

--- Parses text of a format; other formats than JSON and YAML are not parsed.
---@param text string
---@param format string
---@return any value
---@return string? err names the line of the text
function document.decode(text, format)
  if format == "json" then
    return json.decode(text, { max_depth = LIMITS.max_depth, max_bytes = LIMITS.max_bytes })
  elseif format == "yaml" then
    return yaml.decode(text, LIMITS)
  end
  return nil
end

--- Writes a value as the JSON of a published file.
---@param value any
---@return string? text
---@return string? err
function document.encode(value)
  local text, err = json.encode(value, ENCODING)
  if not text then
    return nil, err
  end
  return text
end

-- A set without a version gets a hash of its content. YAML gets a line of its own at the end, so
-- that it stays what the template's author wrote; where that does not do (a document in braces,
-- an end marker), the set is written anew as JSON, which is YAML too.
local function add_version(text, value, format)
  local content, err = document.encode(value)
  if not content then
    return nil, err
  end
  local version = json.hash(content)
  if format == "yaml" then
    local longer = text:gsub("\n*$", "\n", 1) .. 'version_info: "' .. version .. '"\n'
    local read = document.decode(longer, "yaml")
    if type(read) == "table" and read.version_info == version and not value.version_info then
      return longer, version
    end
  end
  value.version_info = version
  content, err = document.encode(value)
  if not content then
    return nil, err
  end
  return content, version
end

-- Says whether a set names its version itself.
local function has_version(value)
  return type(value.version_info) == "string" and value.version_info ~= ""
end

-- The usual set, from YAML to JSON without its tables: nil when it is not as usual.
local function convert_set(target, text)
  local content, version, resources = yaml.set_to_json(text)
  if not content then
    return nil
  end
  local set = resource_set.describe(target, { resources = resources })
  return { path = target, content = content, version = version, step = set.step, kind = set.kind,
    resources = set.resources, reads = {} }
end

--- Makes a file of rendered text.
---@param target string path of the file
---@param text string
---@param source_format string format of the text
---@param is_bootstrap boolean Envoy's bootstrap is no set of resources
---@return {path: string, content: string, step: string, kind: string?, version: string,
---  counted: true?, resources: string[], reads: string[]}? `reads` are the paths that Envoy is told
---  to read; `counted`: its version is its author's, and need not change with its content
---@return string? err with the line of the text, where there is one
function document.file(target, text, source_format, is_bootstrap)
  local format = document.format(target)
  local usual = source_format == "yaml" and format == "json" and not is_bootstrap
    and convert_set(target, text)
  if usual then
    return usual
  end
  local value, err = document.decode(text, source_format)
  if err then
    return nil, err
  end
  local content = text
  local file = { path = target, step = is_bootstrap and "bootstrap" or "other",
    resources = json.array({}), reads = references.of(value) }
  local is_set = not is_bootstrap and resource_set.is(value)
  if is_set then
    local set = resource_set.describe(target, value)
    file.step, file.kind, file.resources = set.step, set.kind, set.resources
  end
  if is_set and not has_version(value) then
    content, file.version = add_version(text, value, source_format == format and format or "json")
    if not content then
      return nil, file.version
    end
  elseif source_format ~= format then
    content, err = document.encode(value)
    if not content then
      return nil, err
    end
  end
  if is_set and not file.version then
    -- A version that a person wrote says nothing about the content.
    file.version, file.counted = value.version_info, true
  end
  file.version = file.version or json.hash(content)
  file.content = content
  return file
end

return document
