-- What is in force, for policies that compare with it: the endpoints of each
-- cluster that are its own.

local in_force = {}

---An endpoint's place: a task that comes back under its old id elsewhere is new.
---@param endpoint nightjar.Endpoint
---@return string
function in_force.place(endpoint)
  return endpoint.id .. " " .. endpoint.address .. " " .. endpoint.port
end

---The endpoints in force by cluster. Those that failover lent are left out, and
---clusters that linger for a moment because no route names them any more.
---@param previous nightjar.Previous?
---@return table<string, nightjar.Endpoint[]>
function in_force.endpoints(previous)
  local by_cluster = {}
  for _, cluster in ipairs(previous and previous.clusters or {}) do
    local own = {}
    for _, endpoint in ipairs(cluster.endpoints) do
      endpoint.priority = nil
      if not endpoint.lent_by then own[#own + 1] = endpoint end
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
