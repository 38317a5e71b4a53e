-- The files that a configuration tells Envoy to read: a file that is not there stops Envoy's start.
local references = {}

-- A config source holds `path_config_source: {path}`, or in older templates `path` itself.
local function is_source(key)
  return type(key) == "string"
    and (key:find("ds_config$") or key:find("config_source$")) ~= nil
end

local function collect(value, key, found)
  if type(value) ~= "table" then
    return
  end
  if is_source(key) and type(value.path) == "string" then
    found[value.path] = true
  end
  for name, child in pairs(value) do
    collect(child, name, found)
  end
end

--- The paths that config sources in a document name.
---@param value any a parsed document, of bounded depth
---@return string[] paths sorted
function references.of(value)
  local found, paths = {}, {}
  collect(value, nil, found)
  for path in pairs(found) do
    paths[#paths + 1] = path
  end
  table.sort(paths)
  return paths
end

--- The part of a path below a folder.
---@param path string
---@param folder string?
---@return string? rest nil when it is not below it
function references.below(path, folder)
  if not folder or folder == "" or path:sub(1, #folder + 1) ~= folder .. "/" then
    return nil
  end
  return (path:sub(#folder + 2):gsub("^/+", ""))
end

--- The line of a text on which a path stands; 1 when it stands there in another spelling.
---@param text string
---@param path string
---@return integer
function references.line(text, path)
  local position = text:find(path, 1, true)
  if not position then
    return 1
  end
  local _, breaks = text:sub(1, position):gsub("\n", "")
  return breaks + 1
end

return references
