-- Ways through a mesh that most policies need: its routes, its clusters by name,
-- the colors of one service within a route.

local walk = {}

---Every route: `for listener, route in walk.routes(mesh) do`. The list is taken
---at the start, so routes may be added and removed on the way.
---@param mesh nightjar.Mesh
---@return fun(): nightjar.Listener?, nightjar.Route?
function walk.routes(mesh)
  local pairs_of, i = {}, 0
  for _, listener in ipairs(mesh.listeners) do
    for _, route in ipairs(listener.routes) do
      pairs_of[#pairs_of + 1] = { listener, route }
    end
  end
  return function()
    i = i + 1
    if pairs_of[i] then return pairs_of[i][1], pairs_of[i][2] end
  end
end

---@param mesh nightjar.Mesh
---@return table<string, nightjar.Cluster>
function walk.clusters(mesh)
  local by_name = {}
  for _, cluster in ipairs(mesh.clusters) do by_name[cluster.name] = cluster end
  return by_name
end

---The entries of a route, parted by service: a path that several services claim
---is shared by all of them, and a policy moves weight within one service only.
---@param route nightjar.Route
---@return { service: string, entries: nightjar.Entry[], total: integer }[] # in their order there
function walk.services(route)
  local groups, by_service = {}, {}
  for _, entry in ipairs(route.clusters) do
    local group = by_service[entry.service]
    if not group then
      group = { service = entry.service, entries = {}, total = 0 }
      by_service[entry.service], groups[#groups + 1] = group, group
    end
    table.insert(group.entries, entry)
    group.total = group.total + entry.weight
  end
  return groups
end

---How many endpoints may get traffic: the healthy, and those nobody checks.
---@param cluster nightjar.Cluster
---@return integer usable
---@return integer all
function walk.usable(cluster)
  local count = 0
  for _, endpoint in ipairs(cluster.endpoints) do
    if endpoint.health ~= "unhealthy" then count = count + 1 end
  end
  return count, #cluster.endpoints
end

---Who can answer: has an endpoint that may get traffic.
---@param mesh nightjar.Mesh
---@return fun(entry: nightjar.Entry): boolean
function walk.able(mesh)
  local able = {}
  for _, cluster in ipairs(mesh.clusters) do able[cluster.name] = walk.usable(cluster) > 0 end
  return function(entry) return able[entry.cluster] == true end
end

local function drop_mirrors(route, gone)
  local kept = {}
  for _, mirror in ipairs(route.mirrors or {}) do
    if not gone[mirror.cluster] then kept[#kept + 1] = mirror end
  end
  route.mirrors = #kept > 0 and kept or nil
end

---Takes entries out of every route, and their mirrors with them, and says why.
---@param mesh nightjar.Mesh
---@param reason_against fun(listener: table, route: table, entry: table): string? nil: it stays
function walk.remove(mesh, reason_against)
  for _, listener in ipairs(mesh.listeners) do
    local routes = {}
    for _, route in ipairs(listener.routes) do
      local kept, gone = {}, {}
      for _, entry in ipairs(route.clusters) do
        local reason = reason_against(listener, route, entry)
        if reason then
          table.insert(listener.removed, { path = route.path, match = route.match,
            cluster = entry.cluster, audience = entry.audience, why = { reason } })
          gone[entry.cluster] = true
        else
          kept[#kept + 1] = entry
        end
      end
      route.clusters = kept
      drop_mirrors(route, gone)
      if #kept > 0 then routes[#routes + 1] = route end
    end
    listener.routes = routes
  end
end

return walk
