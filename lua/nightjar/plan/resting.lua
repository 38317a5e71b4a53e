-- Which service-colors concern no listener of this agent, so that discovery need not read them at
-- each pass: no route names them, no path of theirs could be shown, nobody borrows their endpoints.

local resting = {}

---The word in `removed[].because` with which a policy says that a listener never shows this,
---whatever endpoints and weights there are. Anything else that was removed may come back.
resting.UNSEEN = "unseen"

local function add_route(needed, route)
  for _, entry in ipairs(route.clusters) do needed[entry.cluster] = true end
  for _, mirror in ipairs(route.mirrors or {}) do needed[mirror.cluster] = true end
end

local function add_listener(needed, listener)
  for _, route in ipairs(listener.routes) do add_route(needed, route) end
  for _, item in ipairs(listener.removed or {}) do
    if item.cluster and item.because ~= resting.UNSEEN then needed[item.cluster] = true end
  end
end

local function needed_by(mesh)
  local needed = {}
  for _, listener in ipairs(mesh.listeners) do add_listener(needed, listener) end
  for _, cluster in ipairs(mesh.clusters) do
    for _, endpoint in ipairs(cluster.endpoints) do
      if endpoint.lent_by then needed[endpoint.lent_by] = true end
    end
  end
  return needed
end

---What discovery must be able to tell of the model's clusters, before policies change the list.
---@param clusters table[] of the model
---@return { name: string, mesh: string, service: string }[]
function resting.note(clusters)
  local known = {}
  for i, cluster in ipairs(clusters) do
    known[i] = { name = cluster.name, mesh = cluster.mesh, service = cluster.cloudmap_service }
  end
  return known
end

---@param known table[] what `note` returned
---@param mesh table after the last policy, nothing dropped yet
---@return { mesh: string, service: string }[] list names as Cloud Map has them; of two meshes with
---  one name, and services with one name in both, neither rests unless both do
function resting.of(known, mesh)
  local needed, busy, list = needed_by(mesh), {}, {}
  local function key(item) return item.mesh .. "\0" .. item.service end
  for _, item in ipairs(known) do
    if needed[item.name] then busy[key(item)] = true end
  end
  for _, item in ipairs(known) do
    if not busy[key(item)] then list[#list + 1] = { mesh = item.mesh, service = item.service } end
  end
  return list
end

return resting
