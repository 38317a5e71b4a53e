-- What a policy file returns, and how its settings are read.

local given_attributes = require("nightjar.plan.given_attributes")
local nearest = require("nightjar.nearest")
local schema = require("nightjar.plan.schema")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")

local policy_record = {}

local getmetatable = debug.getmetatable -- which `__metatable` does not mislead

-- The types a setting can have, and what their values look like.
local TYPES = {
  integer = function(value) return math.type(value) == "integer" end,
  number = function(value) return type(value) == "number" and value == value end,
  boolean = function(value) return type(value) == "boolean" end,
  string = function(value) return type(value) == "string" end,
  strings = function(value)
    if type(value) ~= "table" or getmetatable(value) ~= nil then return false end
    local count = 0
    for _, item in next, value do
      if type(item) ~= "string" then return false end
      count = count + 1
    end
    return count == #value
  end,
}

local NUMBER = schema.where(function(value) return type(value) == "number" end, "a number")

local function any() end

local SETTING = schema.record({
  type = schema.one_of(sorted.keys(TYPES)), ["default?"] = any, ["about?"] = schema.name(4096),
  ["min?"] = NUMBER, ["max?"] = NUMBER, ["values?"] = schema.list(schema.name(255), 1000),
})

local ATTRIBUTE = schema.record({ about = schema.name(4096), ["path?"] = schema.boolean })

-- What is wrong with a value that should be a plain table. A metatable would have code of the
-- policy run while it is looked at, outside of its box.
local function table_fault(what, value)
  if type(value) ~= "table" then
    return ("expected a table of %s, got %s"):format(what, text.show(value))
  elseif getmetatable(value) ~= nil then
    return ("expected a table of %s, got a table with a metatable"):format(what)
  end
end

-- A map whose values are records (`schema.map` is for scalars), with keys of one form.
local function map_of(of, what, pattern, keys)
  return function(value, seen)
    local fault = table_fault(what, value)
    if fault then return "", fault end
    for key in next, value do
      if type(key) ~= "string" or not key:find(pattern) then
        return "", ("expected %s as keys, got %s"):format(keys, text.show(key))
      end
    end
    for key, item in sorted.pairs(value) do
      local place, message = of(item, seen)
      if message then return "." .. key .. place, message end
    end
  end
end

local EXAMPLE = schema.record({
  ["about?"] = schema.name(4096), given = any, ["settings?"] = any, ["previous?"] = any,
  expect = any, ["now?"] = schema.integer(0, 2 ^ 53 | 0),
})

local RECORD = schema.record({
  about = schema.name(4096), apply = schema.func,
  ["settings?"] = map_of(SETTING, "settings", "", "names of settings"),
  ["attributes?"] = map_of(ATTRIBUTE, "attributes", "^%u[%u%d_]*$", 'names such as "RAMP_START"'),
  ["examples?"] = schema.list(EXAMPLE, 1000),
})

---The shapes of records by the names that policies/meta gives them.
policy_record.records = {
  Policy = RECORD, Setting = SETTING, Attribute = ATTRIBUTE, Example = EXAMPLE,
}

local function bounds(declaration)
  local parts = { declaration.type == "strings" and "list of strings" or declaration.type }
  if declaration.min and declaration.max then
    parts[2] = ("%s..%s"):format(declaration.min, declaration.max)
  elseif declaration.min or declaration.max then
    parts[2] = declaration.min and "from " .. declaration.min or "up to " .. declaration.max
  end
  if declaration.values then parts[#parts + 1] = table.concat(declaration.values, "|") end
  return table.concat(parts, " ")
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

-- Whether `value` is of the declared type and within its bounds.
local function fits(declaration, value)
  if not TYPES[declaration.type](value) then return false end
  if type(value) == "number" then
    if declaration.min and value < declaration.min then return false end
    if declaration.max and value > declaration.max then return false end
  end
  return not declaration.values or contains(declaration.values, value)
end

---Checks what a policy file returned.
---@param record any
---@return string? message with its path
---@return string? path
function policy_record.check(record)
  local message, path = schema.check(RECORD, record)
  if message then return message, path end
  for name, declaration in sorted.pairs(record.settings or {}) do
    local default = declaration.default
    if default ~= nil and not fits(declaration, default) then
      path = ("settings.%s.default"):format(name)
      return ("%s: expected %s, got %s"):format(path, bounds(declaration), text.show(default)),
        path
    end
  end
end

---Whether a policy has nothing to do: nobody asks for it. One that names the attributes it reads
---is asked for by a service that carries one of them, or by settings of its own.
---@param record table checked
---@param given any what the configuration says for this policy; nil for nothing
---@param carried table<string, true> names of the attributes in the mesh
---@return boolean
function policy_record.is_idle(record, given, carried)
  if not record.attributes or given ~= nil then return false end
  for name in next, record.attributes do
    if carried[name] then return false end
  end
  return true
end

---The settings that `apply` gets: those given, checked, over the defaults.
---@param record table checked
---@param given any what the configuration says for this policy; nil for nothing
---@return table? settings a table of its own
---@return string? message
---@return string? path of the setting
---@return table? attributes of services, that the configuration gives (given_attributes.lua)
function policy_record.settings(record, given)
  local declared, result = record.settings or {}, {}
  if given ~= nil and type(given) ~= "table" then
    return nil, "expected a table of settings, got " .. text.show(given), ""
  end
  local attributes, message, path
  if record.attributes and not declared.attributes then
    attributes, message, path = given_attributes.read(record.attributes,
      given and given.attributes)
    if message then return nil, message, path end
  end
  for name in sorted.pairs(given or {}) do
    if not declared[name] and not (name == "attributes" and attributes) then
      return nil, ("%s: unknown setting%s"):format(text.clean(name, 255),
        nearest.hint(name, sorted.keys(declared))), name
    end
  end
  for name, declaration in sorted.pairs(declared) do
    local value = given and given[name]
    if value == nil then
      value = declaration.default
    elseif not fits(declaration, value) then
      return nil, ("%s: expected %s, got %s"):format(name, bounds(declaration), text.show(value)),
        name
    end
    result[name] = schema.plain(value)
  end
  return result, nil, nil, attributes
end

return policy_record
