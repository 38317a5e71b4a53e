-- The few library functions whose results differ from run to run or from
-- machine to machine, made anew so that they do not. Policies get these.

local text = require("nightjar.text")

local deterministic = {}

local getmetatable = debug.getmetatable
local format, find, gsub = string.format, string.find, string.gsub

-- What is no number has a sign as well, which one processor sets and another does not.
local NAN = string.unpack("<d", "\0\0\0\0\0\0\xF8\x7F")

local KIND = { number = 1, string = 2, boolean = 3 }

local function key_order(a, b)
  local kind_a, kind_b = KIND[type(a)], KIND[type(b)]
  if kind_a ~= kind_b then return kind_a < kind_b end
  if kind_a == 3 then return not a and b end
  return a < b
end

-- All keys of `t` in order: numbers, strings, booleans. Tables and functions
-- have no order but that of their addresses.
local function ordered_keys(t, caller)
  local keys, count, sequence = {}, 0, true
  for key in next, t do
    if not KIND[type(key)] then
      error(format("%s: a %s as a key has no fixed order; keep such keys in a list beside the "
        .. "table", caller, type(key)), 3)
    end
    count = count + 1
    keys[count] = key
    sequence = sequence and key == count
  end
  if not sequence then table.sort(keys, key_order) end
  return keys, count
end

---`pairs` in key order. Fields may be changed and cleared on the way; new ones
---are not visited.
function deterministic.pairs(t)
  local meta = getmetatable(t)
  local own = type(meta) == "table" and rawget(meta, "__pairs")
  if own then
    local step, state, first = own(t)
    return step, state, first
  end
  if type(t) ~= "table" then
    error("pairs: expected a table, got " .. text.show(t), 2)
  end
  local keys, count = ordered_keys(t, "pairs")
  local i = 0
  return function()
    while i < count do
      i = i + 1
      local value = rawget(t, keys[i])
      if value ~= nil then return keys[i], value end
    end
  end, t, nil
end

---`next` in key order. Each call looks at all keys: to walk, use `pairs`.
function deterministic.next(t, key)
  if type(t) ~= "table" then error("next: expected a table, got " .. text.show(t), 2) end
  local least
  for candidate in next, t do
    if not KIND[type(candidate)] then
      -- Whether there is any key is a question that has one answer.
      if key == nil and least == nil and next(t, candidate) == nil then
        return candidate, t[candidate]
      end
      error(format("next: a %s as a key has no fixed order", type(candidate)), 2)
    end
    if (key == nil or key_order(key, candidate))
      and (least == nil or key_order(candidate, least)) then
      least = candidate
    end
  end
  if least == nil then return nil end
  return least, rawget(t, least)
end

---`tostring` that shows no address: tables and functions print as their type. Nor the sign of NaN.
function deterministic.tostring(value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" and value ~= value then return "nan" end
  if kind == "number" or kind == "boolean" or kind == "nil" then return tostring(value) end
  local meta = kind == "table" and getmetatable(value)
  local own = type(meta) == "table" and rawget(meta, "__tostring")
  if not own then return kind end
  local result = own(value)
  if type(result) ~= "string" then error("tostring: __tostring must return a string", 2) end
  return result
end

---`string.format` without addresses: no `%p`, and `%s` as `tostring` above; a NaN has no sign.
function deterministic.format(pattern, ...)
  if type(pattern) ~= "string" then
    error("format: expected a string, got " .. text.show(pattern), 2)
  end
  if find(gsub(pattern, "%%%%", ""), "%%[-+ #0-9.]*p") then
    error("format: %p shows an address, which differs from run to run", 2)
  end
  local values = table.pack(...)
  for i = 1, values.n do
    local kind = type(values[i])
    if kind == "table" or kind == "function" then
      values[i] = deterministic.tostring(values[i])
    elseif kind == "number" and values[i] ~= values[i] then
      values[i] = NAN
    end
  end
  return format(pattern, table.unpack(values, 1, values.n))
end

local function less(a, b)
  return a < b
end

-- Merges the sorted runs from[low..middle-1] and from[middle..high-1] into `to`.
local function merge(from, to, low, middle, high, before)
  local left, right = low, middle
  for i = low, high - 1 do
    if left < middle and (right >= high or not before(from[right], from[left])) then
      to[i] = from[left]
      left = left + 1
    else
      to[i] = from[right]
      right = right + 1
    end
  end
end

---`table.sort` that leaves equal elements in their order. Lua's own picks a
---pivot by the clock and an address when it sorts long lists.
function deterministic.sort(list, before)
  if type(list) ~= "table" then error("sort: expected a table, got " .. text.show(list), 2) end
  before = before or less
  local count, width = #list, 1
  local from, to = table.move(list, 1, count, 1, {}), {}
  while width < count do
    for low = 1, count, 2 * width do
      merge(from, to, low, math.min(low + width, count + 1), math.min(low + 2 * width, count + 1),
        before)
    end
    from, to, width = to, from, 2 * width
  end
  table.move(from, 1, count, 1, list)
end

return deterministic
