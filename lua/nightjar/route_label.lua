-- Names a route as people do: its path, and what a request must carry to take it
-- (`/shop when x-beta is yes`). And what makes two routes of a listener the same one.

local route_label = {}

local SHOWN = 3 -- values of a condition; a count stands for the rest

-- "a", "a or b", "a, b or c", "a, b, c or 7 more"
local function any_of(values)
  local shown = table.move(values, 1, math.min(#values, SHOWN), 1, {})
  if #values > SHOWN then shown[SHOWN + 1] = ("%d more"):format(#values - SHOWN) end
  local last = table.remove(shown)
  return #shown == 0 and last or table.concat(shown, ", ") .. " or " .. last
end

---@param condition table { header or cookie, values?, invert? }
---@return string # `x-beta is yes`, `cookie color is not set`
function route_label.condition(condition)
  return ("%s %s %s"):format(condition.header or "cookie " .. condition.cookie,
    condition.invert and "is not" or "is", condition.values and any_of(condition.values) or "set")
end

---@param match table[]? conditions of a route; nil: every request
---@return string # `x-beta is yes and cookie color is set`; empty without conditions
function route_label.match(match)
  local parts = {}
  for i, condition in ipairs(match or {}) do parts[i] = route_label.condition(condition) end
  return table.concat(parts, " and ")
end

---@param path string
---@param match table[]?
---@return string # `/shop`, or `/shop when x-beta is yes`
function route_label.of(path, match)
  if not match then return path end
  return path .. " when " .. route_label.match(match)
end

---What a person calls the clusters of a route: their colors, or the clusters where two of one
---color stand in it.
---@param clusters { cluster: string, color: string }[]
---@return string[] # in the same order
function route_label.colors(clusters)
  local count, names = {}, {}
  for _, entry in ipairs(clusters) do count[entry.color] = (count[entry.color] or 0) + 1 end
  for i, entry in ipairs(clusters) do
    names[i] = count[entry.color] > 1 and entry.cluster or entry.color
  end
  return names
end

local function condition_key(condition)
  local values = condition.values and table.move(condition.values, 1, #condition.values, 1, {})
  if values then table.sort(values) end
  return table.concat({
    condition.header and "header" or "cookie", condition.header or condition.cookie,
    condition.invert and "is not" or "is", values and table.concat(values, "\2") or "\2",
  }, "\1")
end

---The identity of a route within its listener: equal for equal paths and conditions, in whatever
---order conditions and values stand.
---@param path string
---@param match table[]?
---@return string # the path itself where there is no condition
function route_label.key(path, match)
  if not match then return path end
  local keys = {}
  for i, condition in ipairs(match) do keys[i] = condition_key(condition) end
  table.sort(keys)
  return path .. "\0" .. table.concat(keys, "\0")
end

return route_label
