-- What the name of a file in the template folder says about it.
--
-- A name is a pipeline of suffixes, peeled from the right: `.mustache` renders; `.yaml` or `.yml`
-- before it, if what remains ends in `.json`, converts. `cds.json.yaml.mustache` is written as
-- YAML and published as `cds.json`. A rendered name that holds `@list` stands for one file for
-- each element of that list of the view. What lies below `partials/` is there to be included and
-- is not published; everything else is copied as it is.
local template_name = {}

local PARTIALS <const> = "partials/"
local MAX_LENGTH <const> = 4096 -- bytes of a path, as in Linux
local MAX_SEGMENT <const> = 255 -- bytes of a name in it

--- Says whether a file is there only to be included by others.
---@param name string path below the template folder
---@return boolean
function template_name.is_partial(name)
  return name:sub(1, #PARTIALS) == PARTIALS
end

--- Takes a name apart. For a partial only `partial` is set; it has no target.
---@param name string path below the template folder
---@return {target: string?, render: boolean, convert: boolean, list: string?, partial: boolean}
function template_name.parse(name)
  if template_name.is_partial(name) then
    return { render = false, convert = false, partial = true }
  end
  local target, count = name:gsub("%.mustache$", "")
  local parsed = { target = target, render = count == 1, convert = false, partial = false }
  local converted = target:match("^(.*%.json)%.ya?ml$")
  if converted then
    parsed.target, parsed.convert = converted, true
  end
  if parsed.render then
    parsed.list = target:match("@([%a_][%w_]*)")
  end
  return parsed
end

--- Says whether a file needs work or is read by a template, and so goes to nightjar-plan; all
--- others are copied.
---@param name string path below the template folder
---@return boolean
function template_name.is_work(name)
  local parsed = template_name.parse(name)
  return parsed.render or parsed.convert or parsed.partial
end

--- Makes an element's name fit for a file: every byte outside of `A-Z a-z 0-9 . _ @ -` becomes
--- `%XX`, and so does a dot at the start. Two names never become one.
---@param name string
---@return string
function template_name.file_safe(name)
  local safe = name:gsub("[^%w._@-]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end)
  return (safe:gsub("^%.", "%%2E"))
end

--- Puts an element's name into a target in place of `@list`.
---@param target string
---@param list string
---@param name string
---@return string
function template_name.expand(target, list, name)
  local safe = template_name.file_safe(name):gsub("%%", "%%%%")
  return (target:gsub("@" .. list .. "%f[^%w_]", safe))
end

--- Checks where a file would be written: a relative path, below the folder, no part of it hidden
--- (such names are those of files that are being written).
---@param path string
---@return boolean? ok
---@return string? err what is wrong with it
function template_name.check(path)
  if path == "" or #path > MAX_LENGTH then
    return nil, "expected a path of 1 to " .. MAX_LENGTH .. " bytes"
  elseif path:sub(1, 1) == "/" then
    return nil, "expected a path below the output folder, got an absolute one"
  elseif path:find("[%c\127]") then
    return nil, "expected a path without control characters"
  end
  for segment in (path .. "/"):gmatch("([^/]*)/") do
    if segment == "" or segment == "." or segment == ".." then
      return nil, ("expected a path below the output folder, got one with %q in it")
        :format(segment)
    elseif segment:sub(1, 1) == "." then
      return nil, ("expected no hidden name, got %q"):format(segment)
    elseif #segment > MAX_SEGMENT then
      return nil, "expected names of at most " .. MAX_SEGMENT .. " bytes"
    end
  end
  return true
end

return template_name
