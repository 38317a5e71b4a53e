-- A pinned generation, made fit for today: its files as they were published, but with the endpoints
-- that its clusters have now, since those of an hour ago may be gone. Where nothing has moved the
-- files are equal byte for byte.

local json = require("host.json")
local yaml = require("host.yaml")

local rollback = {}

local MAX_DEPTH, MAX_BYTES = 64, 1 << 30
-- What says where a cluster's endpoints are; the rest is what a person rolls back to.
local WHERE = { "type", "dns_lookup_family", "load_assignment" }

local function decode(path, content)
  if path:match("%.json$") then
    return json.decode(content, { max_depth = MAX_DEPTH, max_bytes = MAX_BYTES })
  end
  return yaml.decode(content,
    { max_depth = MAX_DEPTH, max_bytes = MAX_BYTES, max_nodes = MAX_BYTES })
end

-- The clusters of a published file, by name; nothing for what cannot be read.
local function clusters_in(path, content)
  local by_name, value = {}, content and decode(path, content)
  for _, cluster in ipairs(type(value) == "table" and type(value.resources) == "table"
    and value.resources or {}) do
    if type(cluster) == "table" and type(cluster.name) == "string" then
      by_name[cluster.name] = cluster
    end
  end
  return by_name, value
end

local function has_endpoints(cluster)
  local assignment = cluster.load_assignment
  for _, locality in ipairs(type(assignment) == "table" and assignment.endpoints or {}) do
    if type(locality.lb_endpoints) == "table" and #locality.lb_endpoints > 0 then
      return true
    end
  end
  return false
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  return json.encode(a) == json.encode(b)
end

-- Today's endpoints for one cluster; says whether they are other ones.
local function refresh(cluster, today)
  local changed = false
  if today and has_endpoints(today) then
    for _, name in ipairs(WHERE) do
      if not same(cluster[name], today[name]) then
        cluster[name], changed = today[name], true
      end
    end
  end
  return changed
end

-- One file of clusters. Those that the routes in force name linger: the routes leave first.
local function settle(one, now, lingering)
  local known, value = clusters_in(one.path, one.content)
  if not value then
    return one
  end
  local today = clusters_in(one.path, now.files[one.path])
  local in_force = clusters_in(one.path, now.named and now.read(one.path))
  local changed = false
  for _, cluster in ipairs(value.resources) do
    changed = refresh(cluster, today[cluster.name]) or changed
  end
  for _, name in ipairs(now.named or {}) do
    if in_force[name] and not known[name] then
      value.resources[#value.resources + 1], known[name] = in_force[name], in_force[name]
      lingering[#lingering + 1], changed = name, true
    end
  end
  if not changed then
    return one
  end
  value.version_info = nil
  local version = json.hash(assert(json.encode(value)))
  value.version_info = version
  -- JSON is YAML too.
  return { path = one.path, step = one.step, kind = one.kind, resources = one.resources,
    version = version, content = assert(json.encode(value, { indent = 2 })) .. "\n" }
end

---The files of a pinned generation as they are published now.
---@param files table[] as `history:read` returned them
---@param memory table likewise
---@param now { files: table<string, string>, clusters: table<string, table>, named: string[]?,
---  read: fun(path: string): string? } about `files`: contents by path as they would be without
---  the pin; `clusters`: those of today's plan by name; `named`: clusters that the routes in force
---  name; `read`: gives a published file
---@return table[] files
---@return table memory what the next pass must know
function rollback.files(files, memory, now)
  local list, lingering = {}, json.array({})
  for i, one in ipairs(files) do
    local of_clusters = one.step == "clusters" and one.kind ~= "ClusterLoadAssignment"
    list[i] = of_clusters and settle(one, now, lingering) or one
  end
  local kept = {}
  for key, value in pairs(memory) do
    kept[key] = value
  end
  kept.clusters, kept.lingering = json.array({}), lingering
  for i, cluster in ipairs(memory.clusters) do
    local today = now.clusters[cluster.name]
    -- One that only lingers there has no endpoints of today.
    kept.clusters[i] = today and not today.linger and #today.endpoints > 0 and today or cluster
  end
  return list, kept
end

return rollback
