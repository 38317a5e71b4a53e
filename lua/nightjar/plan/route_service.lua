-- Names the services that share a route.

local sorted = require("nightjar.plan.sorted")

local route_service = {}

-- One path may be claimed by every service of a mesh; a name stays readable.
local LONGEST = 1000

---@param entries table[] a route's clusters
---@return string[] # the services among them, each once, in byte order
function route_service.names(entries)
  local names = {}
  for _, entry in ipairs(entries) do names[entry.service] = true end
  return sorted.keys(names)
end

---@param entries table[]
---@return string # `shop`, or `cart, shop` where several claim one path
function route_service.join(entries)
  local names, shown, length = route_service.names(entries), {}, 0
  for i, name in ipairs(names) do
    length = length + #name + 2
    if i > 1 and length > LONGEST then
      shown[i] = ("and %d more"):format(#names - i + 1)
      break
    end
    shown[i] = name
  end
  return table.concat(shown, ", ")
end

return route_service
