-- The context stack of a template: how a name finds its value, and what counts as false.
local type = type

local context = {}

--- Splits a tag's name into its parts: `a.b.c` is three, `.` (the innermost context) is none.
---@param name string
---@return string[]
function context.path(name)
  local parts = {}
  if name == "." then
    return parts
  end
  for part in (name .. "."):gmatch("([^.]*)%.") do
    parts[#parts + 1] = part
  end
  return parts
end

--- Finds the value of a name. The first part is looked for from the innermost context outwards;
--- the others only within what the part before gave, so a miss there is a miss for good.
---@param stack any[] contexts, outermost first
---@param top integer index of the innermost context
---@param path string[] as made by `context.path`
---@return any value nil when there is none
function context.find(stack, top, path)
  local name = path[1]
  if name == nil then
    return stack[top]
  end
  local value
  for i = top, 1, -1 do
    local candidate = stack[i]
    if type(candidate) == "table" then
      value = candidate[name]
      if value ~= nil then
        break
      end
    end
  end
  if path[2] == nil then
    return value
  end
  for i = 2, #path do
    if type(value) ~= "table" then
      return nil
    end
    value = value[path[i]]
  end
  return value
end

--- The names that a tag could use, for messages.
---@param stack any[] contexts, outermost first
---@param top integer index of the innermost context
---@return string[]
function context.names(stack, top)
  local names = {}
  for i = 1, top do
    for name in pairs(type(stack[i]) == "table" and stack[i] or {}) do
      if type(name) == "string" then
        names[#names + 1] = name
      end
    end
  end
  return names
end

--- Says whether a value is JSON's null: a light userdata, whichever module decoded it.
---@param value any
---@return boolean
function context.is_null(value)
  return type(value) == "userdata"
end

--- Says whether a section of this value is rendered. The standard leaves the edges open
--- (`!!data == true`); here they are those of the older tool's templates: nothing, null, false,
--- zero, the empty string, the empty list and the empty object are false.
---@param value any
---@return boolean
function context.is_true(value)
  if not value or value == 0 or value == "" or context.is_null(value) then
    return false
  end
  return type(value) ~= "table" or next(value) ~= nil
end

--- Says whether a value is a list, over which a section repeats.
---@param value any
---@return boolean
function context.is_list(value)
  return type(value) == "table" and value[1] ~= nil
end

return context
