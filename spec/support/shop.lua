-- A shop in two colors, for the specs of policies: a snapshot in one call, what became of it in
-- another. All shipped policies run, in their order.

local build = require("spec.support.mesh")

local shop = {}

---A snapshot of an own mesh with the service `shop` on `/shop`.
---@param blue table { weight, path = "/shop", endpoints = 1, unhealthy = 0, instances?, … };
---       names in capitals, and paths, are attributes
---@param green table likewise
---@param more? table[] further services
---@return table snapshot
function shop.snapshot(blue, green, more)
  local services = {}
  for i, color in ipairs({ "blue", "green" }) do
    local given = i == 1 and blue or green
    local attributes, instances = { SERVICE = "shop", COLOR = color }, given.instances or {}
    attributes[given.path or "/shop"] = tostring(given.weight)
    for key, value in pairs(given) do
      if key:find("^[%u/?%[]") then attributes[key] = value end
    end
    if not given.instances then
      for n = 1, given.endpoints or 1 do
        instances[n] = build.instance(i * 100 + n,
          { health = n <= (given.unhealthy or 0) and "UNHEALTHY" or "HEALTHY" })
      end
    end
    services[i] = build.service("shop-" .. color, attributes, instances)
  end
  for _, service in ipairs(more or {}) do services[#services + 1] = service end
  return build.own(services)
end

---The plan of a snapshot, with all shipped policies.
---@param snapshot table
---@param options? table { settings = { POLICY = {…} }, now, previous }
---@return table plan
---@return table[] warnings
function shop.plan(snapshot, options)
  options = options or {}
  local plan, made = build.plan(snapshot, { now = options.now, previous = options.previous,
    settings = { policies = options.settings or {}, envoy_admin_port = 9901,
      availability_zone = options.zone } })
  return plan, made.warnings
end

---The shares of `/shop` (without a match) by color, in percent, rounded to hundredths.
---@param plan table
---@return table<string, number>
function shop.shares(plan)
  local list, sum = {}, 0
  for _, route in ipairs(plan.listeners[1].routes) do
    if route.path == "/shop" and not route.match then
      for _, entry in ipairs(route.clusters) do
        list[entry.color], sum = (list[entry.color] or 0) + entry.weight, sum + entry.weight
      end
    end
  end
  for color, weight in pairs(list) do list[color] = math.floor(weight / sum * 10000 + 0.5) / 100 end
  return list
end

---The routes of `/shop`, in their order.
function shop.routes(plan)
  local list = {}
  for _, route in ipairs(plan.listeners[1].routes) do
    if route.path == "/shop" then list[#list + 1] = route end
  end
  return list
end

---All reasons of a color on the plain route.
---@return string
function shop.why(plan, color)
  for _, route in ipairs(shop.routes(plan)) do
    for _, entry in ipairs(not route.match and route.clusters or {}) do
      if entry.color == color then return table.concat(entry.why, "\n") end
    end
  end
  return ""
end

function shop.cluster(plan, color)
  return build.cluster(plan, "shop-" .. color .. "@example.local")
end

---The ids of a cluster's endpoints, in their order.
function shop.endpoints(plan, color)
  local ids = {}
  for i, endpoint in ipairs((shop.cluster(plan, color) or { endpoints = {} }).endpoints) do
    ids[i] = endpoint.id
  end
  return ids
end

---A plan as the agent keeps it, and gives it back at the next pass.
---@param plan table
---@return table previous
function shop.in_force(plan)
  return { listeners = plan.listeners, clusters = plan.clusters, routes = {} }
end

return shop
