-- What Envoy reads from a file: a set of resources, and which step of a publication it belongs to.
-- Rendered sets are told by nightjar-plan, an operator's own files by the agent, with these rules.
local json = require("host.json")

local resource_set = {}

-- Which step of a publication a resource belongs to, by the end of its `@type`.
local STEPS <const> = {
  Cluster = "clusters", ClusterLoadAssignment = "clusters",
  RouteConfiguration = "routes", ScopedRouteConfiguration = "routes", VirtualHost = "routes",
  Listener = "listeners",
}
-- The same for a set that happens to be empty, by how Envoy's services are called.
local STEPS_BY_NAME <const> = { cds = "clusters", eds = "clusters", rds = "routes",
  lds = "listeners" }

-- A resource is itself, or lies in a wrapper that gives it a name and a version.
local function inner(resource)
  if type(resource) ~= "table" then
    return {}
  end
  local wrapped = resource.resource
  return type(wrapped) == "table" and wrapped["@type"] and wrapped or resource
end

--- Whether a parsed document is a set of resources; one that is null becomes an empty one.
---@param value any
---@return boolean
function resource_set.is(value)
  if type(value) ~= "table" or value.resources == nil then
    return false
  end
  if value.resources == json.null then
    -- What a template writes that repeats over an empty list.
    value.resources = json.array({})
  end
  return json.is_array(value.resources)
end

-- The end of the first resource's `@type`: `Cluster`.
local function kind_of(resources)
  local first = resources[1]
  return first ~= nil and tostring(inner(first)["@type"] or ""):match("([%w]+)$") or nil
end

local function step_of(path, resources)
  if resources[1] ~= nil then
    return STEPS[kind_of(resources) or ""] or "other"
  end
  for part in path:gmatch("[^/]+") do
    local step = STEPS_BY_NAME[part:match("^%a*")]
    if step then
      return step
    end
  end
  return "other"
end

local function names_of(resources)
  local names = json.array({})
  for _, resource in ipairs(resources) do
    local name = inner(resource).name or inner(resource).cluster_name
    if type(name) == "string" then
      names[#names + 1] = name
    end
  end
  return names
end

--- What a set is about.
---@param path string of its file, which tells the step of an empty set
---@param value table a set, as `is` says
---@return { step: "clusters"|"routes"|"listeners"|"other", kind: string?, resources: string[] }
---  about `kind`: the last word of the resources' type; `resources`: their names
function resource_set.describe(path, value)
  return { step = step_of(path, value.resources), kind = kind_of(value.resources),
    resources = names_of(value.resources) }
end

return resource_set
