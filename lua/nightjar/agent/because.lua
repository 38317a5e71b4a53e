-- Which policies gave the weights of a plan: what `why=` says in a difference. Reads the reasons
-- that nightjar-plan wrote beside each weight (plan/why.lua).

local route_label = require("nightjar.route_label")

local because = {}

local MOST = 3 -- names; of more the last ones are shown, for they decided

-- The policy that a line is of, if the line says that it changed the weight, or took the cluster
-- out.
local function changed_by(line)
  local name, text = line:match("^([%w_%-]+): (.*)$")
  if text and (text:find("^%d+ → %d+") or text:find("^added with weight ")
    or text:find("^removed")) then
    return name
  end
end

-- Whose word the last one on a weight was. Where no policy changed it, it is what the attribute
-- says.
local function author(why)
  for i = #why, 1, -1 do
    local name = changed_by(why[i])
    if name then
      return name
    end
  end
  return #why > 0 and "attribute" or nil
end

local function route_name(listener, item)
  return ("route %s %s"):format(listener.name, route_label.of(item.path, item.match))
end

-- Name of a route → cluster → author.
local function read(plan)
  local routes = {}
  local function note(listener, item, why)
    local name = route_name(listener, item)
    routes[name] = routes[name] or {}
    routes[name][item.cluster or ""] = author(why)
  end
  for _, listener in ipairs(plan.listeners) do
    for _, item in ipairs(listener.removed or {}) do
      note(listener, item, item.why or {})
    end
    for _, route in ipairs(listener.routes) do
      for _, entry in ipairs(route.clusters) do
        note(listener, { path = route.path, match = route.match, cluster = entry.cluster },
          entry.why or {})
      end
    end
  end
  return routes
end

---Tells the authors of weights.
---@param plan table what nightjar-plan made
---@return fun(route: string, clusters: string[]): string? tell `route`: `route LISTENER LABEL`;
---  returns policies, with commas between: `canary_ramp`, `blue_green,freeze`, or `attribute`
function because.of(plan)
  local routes = read(plan)
  return function(route, clusters)
    local list, seen = {}, {}
    for _, cluster in ipairs(clusters) do
      local name = (routes[route] or {})[cluster]
      if name and not seen[name] then
        list[#list + 1], seen[name] = name, true
      end
    end
    return list[1] and table.concat(list, ",", math.max(1, #list - MOST + 1)) or nil
  end
end

return because
