-- The shares that colors have of routes, as one text: what a plan in force says of them takes
-- megabytes in a large mesh as tables, and a few kilobytes so.

local route_label = require("nightjar.route_label")

local weights = {}

local FIELDS = 6 -- of an entry; what separates them is in no name, path or number
local FIELD, ENTRY = "\1", "\2"

local function plain(value)
  return (tostring(value or ""):gsub("[\1\2]", " "))
end

---@param listeners table[]? a plan's, as memory.of keeps them
---@return string packed
function weights.pack(listeners)
  local entries = {}
  for _, listener in ipairs(listeners or {}) do
    for _, route in ipairs(listener.routes or {}) do
      local label = route_label.of(route.path, route.match)
      for _, entry in ipairs(route.clusters or {}) do
        entries[#entries + 1] = table.concat({ plain(listener.name), plain(label),
          plain(entry.service), plain(entry.color), plain(entry.cluster),
          plain(entry.weight) }, FIELD)
      end
    end
  end
  return table.concat(entries, ENTRY)
end

---@class Weight
---@field listener string
---@field route string its path, and its conditions if it has any
---@field service string
---@field color string
---@field cluster string
---@field weight integer

---Each weight, in the plan's order.
---@param packed string
---@return fun(): Weight?
function weights.each(packed)
  local entries = packed:gmatch("[^" .. ENTRY .. "]+")
  local pattern = ("([^" .. FIELD .. "]*)" .. FIELD):rep(FIELDS - 1) .. "(.*)"
  return function()
    local entry = entries()
    if not entry then
      return nil
    end
    local listener, route, service, color, cluster, weight = entry:match(pattern)
    return { listener = listener, route = route, service = service, color = color,
      cluster = cluster, weight = math.tointeger(tonumber(weight)) or 0 }
  end
end

return weights
