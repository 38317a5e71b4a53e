-- Who writes which path: two templates must not, and a file cannot be a folder as well.
local template_name = require("nightjar.template_name")

local Targets = {}
Targets.__index = Targets

-- The folders above a path, innermost last.
local function folders(path)
  local list = {}
  for position in path:gmatch("()/") do
    list[#list + 1] = path:sub(1, position - 1)
  end
  return list
end

--- Claims a path for a source.
---@param path string
---@param source string what writes it, for messages
---@return boolean? ok
---@return string? err names both sources when the path is taken
function Targets:claim(path, source)
  local ok, err = template_name.check(path)
  if not ok then
    return nil, ("would write %q: %s"):format(path, err)
  end
  local other = self.files[path]
  if other then
    return nil, ("would write %s, which %s writes too"):format(path, other)
  end
  other = self.folders[path]
  if other then
    return nil, ("would write %s, which is a folder for %s"):format(path, other)
  end
  for _, folder in ipairs(folders(path)) do
    other = self.files[folder]
    if other then
      return nil, ("would write %s, but %s writes %s"):format(path, other, folder)
    end
    self.folders[folder] = self.folders[folder] or source
  end
  self.files[path] = source
  return true
end

--- Starts with no path taken.
---@return table targets
local function new()
  return setmetatable({ files = {}, folders = {} }, Targets)
end

return new
