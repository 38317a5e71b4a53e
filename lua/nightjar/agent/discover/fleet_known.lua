--- What an agent of a fleet knows of a mesh, by itself and from the record.
---
--- Pure. A list of services is read seldom, and each agent has its own: one may know of a service
--- that another one has not found yet.
local merge = require "nightjar.agent.discover.merge"

local known = {}

--- Those of which there are data.
---@param services table[]
---@return table[]
function known.with_data(services)
  local list = {}
  for _, service in ipairs(services) do
    list[#list + 1] = service.attributes and service or nil
  end
  return list
end

-- The services of a list whose names another one has not: a namespace has one of a name.
local function missing_in(services, other)
  local names, list = {}, {}
  for _, service in ipairs(other) do names[service.name] = true end
  for _, service in ipairs(services) do
    if not names[service.name] then list[#list + 1] = service end
  end
  return list
end

--- What an agent knows that begins to lead: the fleet's last data and its own, the newer first, and
--- what only the older have. If that is gone its reading shows it.
---@param own table?  the mesh in its last snapshot
---@param shared table[]?  the services of the record
---@param shared_at integer  when these were read
---@return table[] services  copies; those that nobody has read yet have an error alone
function known.of(own, shared, shared_at)
  local older, newer = own and own.read_at > 0 and own.services or {}, shared or {}
  if own and own.read_at > shared_at then older, newer = newer, older end
  local before, list = {}, missing_in(older, newer)
  for _, service in ipairs(older) do before[service.id] = service end
  for _, service in ipairs(newer) do
    list[#list + 1] = not service.attributes and before[service.id] or service
  end
  local services = merge.combine(older, list)
  for _, service in ipairs(services) do service.read_at = service.read_at or shared_at end
  return services
end

--- Whether an agent has read a service that the record has not.
---@param own table  the mesh in its last snapshot
---@param shared table[]  the services of the record
---@return boolean
function known.exceeds(own, shared)
  for _, service in ipairs(missing_in(own.services, shared)) do
    if not service.stale then return true end
  end
  return false
end

return known
