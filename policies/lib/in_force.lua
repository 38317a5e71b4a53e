-- What is in force, for policies that compare with it: the endpoints of each
-- cluster that are its own.

local in_force = {}

---An endpoint's place: a task that comes back under its old id elsewhere is new.
---@param endpoint nightjar.Endpoint
---@return string
function in_force.place(endpoint)
  return endpoint.id .. " " .. endpoint.address .. " " .. endpoint.port
end

-- Who has an address now. Addresses are used again: what is gone may be another
-- color's task by now, or another service's.
-- The same task may be registered with several services, under its one id.
local function taken_by_others(mesh)
  local present, taken = {}, {}
  for _, cluster in ipairs(mesh.clusters) do
    for _, endpoint in ipairs(cluster.endpoints) do
      taken[endpoint.address .. " " .. endpoint.port] = true
      present[in_force.place(endpoint)] = true
    end
  end
  return function(endpoint)
    return taken[endpoint.address .. " " .. endpoint.port] == true
      and not present[in_force.place(endpoint)]
  end
end

---The endpoints in force by cluster. Left out are those that failover lent, those
---whose address somebody else has today, and clusters that linger for a moment
---because no route names them any more.
---@param previous nightjar.Previous?
---@param mesh nightjar.Mesh as discovery knows it today
---@return table<string, nightjar.Endpoint[]>
function in_force.endpoints(previous, mesh)
  local by_cluster, is_taken = {}, taken_by_others(mesh)
  for _, cluster in ipairs(previous and previous.clusters or {}) do
    local own = {}
    for _, endpoint in ipairs(cluster.endpoints) do
      endpoint.priority = nil
      if not endpoint.lent_by and not is_taken(endpoint) then own[#own + 1] = endpoint end
    end
    if not cluster.linger then by_cluster[cluster.name] = own end
  end
  return by_cluster
end

---@param endpoints nightjar.Endpoint[]
---@return table<string, nightjar.Endpoint>
function in_force.by_place(endpoints)
  local index = {}
  for _, endpoint in ipairs(endpoints) do index[in_force.place(endpoint)] = endpoint end
  return index
end

return in_force
