-- Walks over tables in one fixed order. `pairs` goes another way in each run
-- of the same program; what is written must not (RELIABILITY 3).

local sorted = {}

---The string keys of `map` in byte order; other keys are left out.
---@param map table
---@return string[]
function sorted.keys(map)
  local keys = {}
  for key in next, map do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

---Sorts a list in place. Most come sorted, and to see that costs a fifth of sorting it.
---@param list any[]
---@param before fun(a: any, b: any): boolean
function sorted.sort(list, before)
  for i = 2, #list do
    if before(list[i], list[i - 1]) then
      table.sort(list, before)
      return
    end
  end
end

---Like `pairs`, over the string keys in byte order.
---@param map table
---@return fun(): string?, any
function sorted.pairs(map)
  local keys, i = sorted.keys(map), 0
  return function()
    i = i + 1
    return keys[i], map[keys[i]]
  end
end

return sorted
