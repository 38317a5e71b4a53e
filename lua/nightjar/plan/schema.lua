-- Closed schemas for plain data, built from small shapes.
--
-- A shape is a function `shape(value, seen)` that returns nothing when `value`
-- is right, else where it is wrong and what was expected there. Shapes look at
-- the raw fields only, so that no metamethod of a policy runs, and in a fixed
-- order, so that equal faults give equal messages.
--
-- `seen` holds each table already met. A table that stands in two places is
-- replaced by a copy at the second, so that whoever changes one place
-- afterwards does not change the other. This is what makes one walk over the
-- data enough to hand it from one policy to the next.
--
-- What is right is found by host.shape, which does the same walk in C and many times faster, for
-- shapes made of the usual parts only; where it does not say that all is well, the walk here tells.

local host_shape = require("host.shape")
local nearest = require("nightjar.nearest")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")

local schema = {}

local find, getmetatable, math_type = string.find, debug.getmetatable, math.type

-- Deeper than anything in the project's own data.
local DEEPEST = 32

local function expected(what, value)
  return "", ("expected %s, got %s"):format(what, text.show(value))
end

-- Continues a place that was found one level below.
local function within(step, place)
  return step .. place
end

local function field_step(key)
  if key:find("^[%a_][%w_]*$") then return "." .. key end
  return "[" .. text.quote(key) .. "]"
end

local function copy(value, depth)
  if type(value) ~= "table" then return value end
  if depth > DEEPEST then return nil, "expected plain data, got tables without end" end
  if getmetatable(value) ~= nil then
    return nil, "expected plain data, got a table with a metatable"
  end
  local result = {}
  for key, item in next, value do
    local twin, err = copy(item, depth + 1)
    if err then return nil, err end
    result[key] = twin
  end
  return result
end

---A deep copy of plain data: tables without metatables, at most 32 levels deep.
---@param value any
---@return any? copy
---@return string? err
function schema.copy(value)
  return copy(value, 0)
end

---A deep copy without metatables: of decoded JSON, whose lists are marked.
---@param value any
---@return any
function schema.plain(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in next, value do result[key] = schema.plain(item) end
  return result
end

-- Notes that `value` was met; says what is wrong when it is no plain table.
local function enter(what, value, seen)
  if type(value) ~= "table" then return expected(what, value) end
  if getmetatable(value) ~= nil then
    return "", ("expected %s, got a table with a metatable"):format(what)
  end
  seen[value] = true
end

-- Puts a copy in the place of `item`, which stands elsewhere too.
local function own(owner, key, item)
  local twin, err = schema.copy(item)
  if err then return nil, err end
  owner[key] = twin
  return twin
end

-- The quick twin of each shape that has one.
local quick = setmetatable({}, { __mode = "k" })

-- Gives a shape its twin; without `options` it has none.
local function with_twin(shape, kind, options)
  quick[shape] = options and host_shape.new(kind, options)
  return shape
end

-- A shape whose twin is asked first.
local function quickened(slow, kind, options)
  if not options then return slow end
  local fast = host_shape.new(kind, options)
  local function shape_of(value, seen)
    if type(value) == "table" and fast:take(value, seen) then return end
    return slow(value, seen)
  end
  quick[shape_of] = fast
  return shape_of
end

---Any string of at most `limit` bytes that is valid UTF-8.
function schema.string(limit)
  local what = ("text of at most %d bytes in UTF-8"):format(limit)
  return with_twin(function(value)
    if type(value) == "string" and #value <= limit
      and (not find(value, "[\128-\255]") or utf8.len(value)) then
      return
    end
    return expected(what, value)
  end, "string", { max = limit })
end

---Text for people or files: not empty, one line, no control characters.
function schema.name(limit)
  local what = ("a name of 1 to %d bytes without control characters"):format(limit)
  return with_twin(function(value)
    if type(value) == "string" and value ~= "" and #value <= limit
      and not find(value, "[^ -~]") then
      return
    end
    if not text.is_name(value, limit) then return expected(what, value) end
  end, "name", { max = limit })
end

function schema.boolean(value)
  if type(value) ~= "boolean" then return expected("true or false", value) end
end
with_twin(schema.boolean, "boolean", {})

function schema.func(value)
  if type(value) ~= "function" then return expected("a function", value) end
end

---An integer in a range. `90.0` is none: what divides must say how it rounds.
function schema.integer(min, max)
  local what = ("integer %d..%d"):format(min, max)
  return with_twin(function(value)
    if math_type(value) == "integer" and value >= min and value <= max then return end
    local place, message = expected(what, value)
    if math_type(value) == "float" then message = message .. " (math.floor makes an integer)" end
    return place, message
  end, "integer", { min = min, max = max })
end

---One of some strings.
function schema.one_of(words)
  local known = {}
  for _, word in ipairs(words) do known[word] = true end
  local what = '"' .. table.concat(words, '" or "') .. '"'
  return with_twin(function(value)
    if type(value) == "string" and known[value] then return end
    local place, message = expected(what, value)
    if type(value) == "string" then message = message .. nearest.hint(value, words) end
    return place, message
  end, "one_of", { parts = table.move(words, 1, #words, 1, {}) })
end

---A value that a function judges: `test(value)` is true, or what was expected.
---@param test fun(value: any): boolean
---@param what string
---@param kind? string of host.shape: what it says yes to, `test` does too
---@param options? table for that kind
function schema.where(test, what, kind, options)
  return with_twin(function(value)
    if not test(value) then return expected(what, value) end
  end, kind, options)
end

---A sequence without holes and other keys, of at most `limit` elements.
function schema.list(of, limit)
  return quickened(function(value, seen)
    local place, message = enter("a list", value, seen)
    if message then return place, message end
    local length, count = #value, 0
    for _ in next, value do count = count + 1 end
    for i = 1, math.max(length, count) do
      local item = value[i]
      if item == nil then return "", ("expected a list, but element %d is missing"):format(i) end
      if i > limit then return "", ("expected at most %d elements, got more"):format(limit) end
      if type(item) == "table" and seen[item] then
        item, message = own(value, i, item)
        if message then return ("[%d]"):format(i), message end
      end
      place, message = of(item, seen)
      if message then return within(("[%d]"):format(i), place), message end
    end
  end, "list", quick[of] and { of = quick[of], max = limit })
end

-- Looks at each entry in key order. Slow; for telling what is wrong only.
local function find_fault(value, of, limit)
  for key in next, value do
    if not text.is_name(key, limit) then return expected("names as keys", key) end
  end
  for key, item in sorted.pairs(value) do
    local place, message = of(item, {})
    if message then return within(field_step(key), place), message end
  end
end

---A table from names (of at most `limit` bytes) to scalars of one shape.
function schema.map(of, limit)
  return quickened(function(value, seen)
    if type(value) ~= "table" or getmetatable(value) ~= nil then
      return enter("a table", value, seen)
    end
    seen[value] = true
    for key, item in next, value do
      if type(key) ~= "string" or #key > limit or of(item, seen) then
        return find_fault(value, of, limit)
      end
    end
  end, "map", quick[of] and { of = quick[of], max = limit })
end

local function unknown_field(value, shapes)
  local unknown = {}
  for key in next, value do
    if type(key) ~= "string" then return expected("named fields only", key) end
    if not shapes[key] then unknown[#unknown + 1] = key end
  end
  if #unknown == 0 then return nil end
  table.sort(unknown)
  return field_step(unknown[1]), "unknown field"
    .. nearest.hint(unknown[1], sorted.keys(shapes))
end

-- Looks at a record field by field, in order. Slow; for telling what is wrong.
local function find_field(value, shapes, optional)
  for _, name in ipairs(sorted.keys(shapes)) do
    local item = value[name]
    if item ~= nil or not optional[name] then
      local place, message = shapes[name](item, {})
      if message then return within("." .. name, place), message end
    end
  end
  return unknown_field(value, shapes)
end

local function split_fields(fields)
  local shapes, optional, required = {}, {}, {}
  for key, shape in next, fields do
    local name = key:gsub("%?$", "")
    shapes[name], optional[name] = shape, name ~= key
    if not optional[name] then required[#required + 1] = name end
  end
  return shapes, optional, required
end

local function lacks_any(value, names)
  for _, name in ipairs(names) do
    if value[name] == nil then return true end
  end
  return false
end

-- The fields of each record's shape, for `schema.fields`.
local fields_of = setmetatable({}, { __mode = "k" })

---The fields of a shape that `schema.record` made, as they were given: `port`, `zone?`.
---@param shape function
---@return string[] names sorted
function schema.fields(shape)
  return sorted.keys(fields_of[shape])
end

-- The twins of a record's fields, or nil when one that must be there has none. The quick walk knows
-- no optional field without a twin: where one is given, the slow walk tells.
local function quick_fields(shapes, optional)
  local parts = {}
  for _, name in ipairs(sorted.keys(shapes)) do
    local twin = quick[shapes[name]]
    if not twin and not optional[name] then return nil end
    parts[#parts + 1] = twin and { name = name, shape = twin, optional = optional[name] }
  end
  return { parts = parts }
end

---A table with exactly these fields. A name that ends in `?` may be missing.
---Endpoints are such tables, and there may be many: one walk in any order finds
---that all is well, and only when it is not a second one looks for the first fault.
---@param fields table<string, function>
function schema.record(fields)
  local shapes, optional, required = split_fields(fields)
  local all = #sorted.keys(shapes)
  local function slow(value, seen)
    if type(value) ~= "table" or getmetatable(value) ~= nil then
      return enter("a table", value, seen)
    end
    seen[value] = true
    local count = 0
    for key, item in next, value do
      local shape = shapes[key]
      if not shape then return find_field(value, shapes, optional) end
      count = count + 1
      if type(item) == "table" and seen[item] then
        local twin, message = own(value, key, item)
        if message then return field_step(key), message end
        item = twin
      end
      local _, fault = shape(item, seen)
      if fault then return find_field(value, shapes, optional) end
    end
    if count < all and lacks_any(value, required) then
      return find_field(value, shapes, optional)
    end
  end
  local shape_of = quickened(slow, "record", quick_fields(shapes, optional))
  fields_of[shape_of] = fields
  return shape_of
end

---Checks `value` against a shape.
---@param shape function
---@param value any
---@return string? message with its path: `listeners[2].port: expected integer 1..65535, got "x"`
---@return string? path
function schema.check(shape, value)
  -- Most often all is well: then nobody need know which tables were met.
  local fast = quick[shape]
  if fast and fast:fits(value) then return nil end
  local place, message = shape(value, {})
  if not message then return nil end
  place = place:gsub("^%.", "")
  if place == "" then return message, "" end
  return place .. ": " .. message, place
end

return schema
