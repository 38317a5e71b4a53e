-- The third stage: the templates' input, made from the plan. What stands here
-- is written as input.json, so that a person can read it. The old names are
-- kept (BEHAVIOUR), so that templates written for them go on working; fields
-- may be added, none renamed. Lists are marked as such, since an empty one must
-- stay a list.

local json = require("host.json")
local view_route = require("nightjar.plan.view_route")

local view = {}

local LAST_PRIORITY = 127 -- as mesh_shape has it

local function map_list(list, f)
  local result = json.array({})
  for i, item in ipairs(list) do result[i] = f(item) end
  return result
end

local function view_routes(listener)
  local routes = json.array({})
  for _, route in ipairs(listener.routes) do view_route.add(route, routes) end
  return routes
end

-- Whether a retry may have to leave a priority behind.
local function has_priorities(listener, tiered)
  for _, route in ipairs(listener.routes) do
    for _, entry in ipairs(route.clusters) do
      if tiered[entry.cluster] then return true end
    end
  end
end

local function view_listener(listener, tiered)
  return {
    name = listener.name,
    mesh = listener.mesh,
    has_mesh_port = true,
    mesh_port = listener.port,
    audience = listener.audience,
    is_private = listener.audience == "private",
    has_routes = #listener.routes > 0,
    has_priorities = has_priorities(listener, tiered),
    routes = view_routes(listener),
  }
end

local function view_endpoint(endpoint)
  return {
    -- The old name, whatever the family is.
    ipv4 = endpoint.address,
    address = endpoint.address,
    port = endpoint.port,
    has_zone = endpoint.zone ~= nil,
    zone = endpoint.zone or "",
    is_ipv6 = endpoint.family == "ipv6",
  }
end

-- What gets traffic: an unhealthy endpoint does not (defect 12).
local function usable_endpoints(cluster)
  local result, is_dns = json.array({}), false
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.health ~= "unhealthy" then
      result[#result + 1] = view_endpoint(endpoint)
      is_dns = is_dns or endpoint.family == "host"
    end
  end
  return result, is_dns
end

local function has_later_priority(cluster)
  for _, endpoint in ipairs(cluster.endpoints) do
    if (endpoint.priority or 0) > 0 then return true end
  end
  return false
end

-- The endpoints by priority, with the gaps closed; nothing where there is but one.
local function tiers(cluster)
  if not has_later_priority(cluster) then return nil end
  local by_priority, list = {}, json.array({})
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.health ~= "unhealthy" then
      local priority = endpoint.priority or 0
      by_priority[priority] = by_priority[priority] or json.array({})
      table.insert(by_priority[priority], view_endpoint(endpoint))
    end
  end
  for priority = 0, LAST_PRIORITY do
    local endpoints = by_priority[priority]
    if endpoints then list[#list + 1] = { priority = #list, tier_endpoints = endpoints } end
  end
  return #list > 1 and list or nil
end

local function view_cluster(cluster)
  local endpoints, is_dns = usable_endpoints(cluster)
  local priorities = tiers(cluster)
  return {
    name = cluster.name,
    mesh = cluster.mesh,
    service = cluster.service,
    color = cluster.color,
    uses_http2 = cluster.http2,
    is_dns = is_dns,
    has_endpoints = #endpoints > 0,
    endpoints = endpoints,
    has_tiers = priorities and true,
    tiers = priorities,
  }
end

local GATEWAY = "-gateway-" -- what SERVICE_MEMBER is in a gateway

-- The own mesh, or the first one of a gateway. Never empty, and nor is service_member: the older
-- tool's templates name the node by them, and Envoy takes no node without a name.
local function network_name(plan)
  if plan.member then return plan.member.mesh end
  return plan.listeners[1] and plan.listeners[1].mesh or GATEWAY
end

-- As SERVICE_MEMBER says it; a mesh file may name the member instead.
local function service_member(plan, settings)
  return settings.service_member or plan.member and plan.member.cloudmap_service or GATEWAY
end

---@param plan table
---@param context table { settings }
---@return table view
function view.run(plan, context)
  local settings, clusters = context.settings, map_list(plan.clusters, view_cluster)
  local tiered = {}
  for _, cluster in ipairs(clusters) do tiered[cluster.name] = cluster.has_tiers end
  return {
    network_name = network_name(plan),
    service_member = service_member(plan, settings),
    service_container_name = settings.service_container_name or "NOT_SET",
    is_gateway = plan.member == nil,
    has_admin_port = math.type(settings.envoy_admin_port) == "integer",
    admin_port = settings.envoy_admin_port,
    config_dir = settings.config_dir or "",
    ping_path = settings.ping_path or "/ping",
    listeners = map_list(plan.listeners, function(listener)
      return view_listener(listener, tiered)
    end),
    has_clusters = #plan.clusters > 0,
    cluster_count = #plan.clusters,
    clusters = clusters,
  }
end

return view
