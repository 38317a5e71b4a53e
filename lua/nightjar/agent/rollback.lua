-- A pinned generation, made fit for today: its files as they were published, but with the endpoints
-- that its clusters have now, in their own files too, since those of an hour ago may be gone. Where
-- nothing has moved the files are equal byte for byte.

local json = require("host.json")
local yaml = require("host.yaml")

local rollback = {}

local MAX_DEPTH, MAX_BYTES = 64, 1 << 30
-- What says where a cluster's endpoints are; the rest is what a person rolls back to.
local WHERE = { "type", "dns_lookup_family", "load_assignment" }
local ENDPOINTS = { "endpoints", "named_endpoints" } -- of a ClusterLoadAssignment

local function decode(path, content)
  if path:match("%.json$") then
    return json.decode(content, { max_depth = MAX_DEPTH, max_bytes = MAX_BYTES })
  end
  return yaml.decode(content,
    { max_depth = MAX_DEPTH, max_bytes = MAX_BYTES, max_nodes = MAX_BYTES })
end

-- The resources of a published file, by what names them; nothing for what cannot be read.
local function resources_in(path, content, key)
  local by_name, value = {}, content and decode(path, content)
  if type(value) ~= "table" or type(value.resources) ~= "table" then
    return by_name
  end
  for _, item in ipairs(value.resources) do
    if type(item) == "table" and type(item[key]) == "string" then
      by_name[item[key]] = item
    end
  end
  return by_name, value
end

local function has_endpoints(assignment)
  for _, locality in ipairs(type(assignment) == "table" and type(assignment.endpoints) == "table"
    and assignment.endpoints or {}) do
    if type(locality) == "table" and type(locality.lb_endpoints) == "table"
      and #locality.lb_endpoints > 0 then
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

-- Today's values of these fields; says whether they are other ones.
local function refresh(item, today, fields)
  local changed = false
  for _, name in ipairs(fields) do
    if not same(item[name], today[name]) then
      item[name], changed = today[name], true
    end
  end
  return changed
end

-- The same file with other resources, as a version of its own.
local function rewritten(one, value)
  value.version_info = nil
  local version = json.hash(assert(json.encode(value)))
  value.version_info = version
  -- JSON is YAML too.
  return { path = one.path, step = one.step, kind = one.kind, resources = one.resources,
    version = version, content = assert(json.encode(value, { indent = 2 })) .. "\n" }
end

-- One file of clusters. Those that the routes in force name linger: the routes leave first.
local function settle(one, now, lingering)
  local known, value = resources_in(one.path, one.content, "name")
  if not value then
    return one
  end
  local today = resources_in(one.path, now.files[one.path], "name")
  local in_force = resources_in(one.path, now.named and now.read(one.path), "name")
  local changed = false
  for name, cluster in pairs(known) do
    if today[name] and has_endpoints(today[name].load_assignment) then
      changed = refresh(cluster, today[name], WHERE) or changed
    end
  end
  for _, name in ipairs(now.named or {}) do
    if in_force[name] and not known[name] then
      value.resources[#value.resources + 1], known[name] = in_force[name], in_force[name]
      lingering[#lingering + 1], changed = name, true
    end
  end
  return changed and rewritten(one, value) or one
end

-- One file of endpoints alone.
local function renew(one, now)
  local known, value = resources_in(one.path, one.content, "cluster_name")
  local today = resources_in(one.path, now.files[one.path], "cluster_name")
  local changed = false
  for name, assignment in pairs(known) do
    if has_endpoints(today[name]) then
      changed = refresh(assignment, today[name], ENDPOINTS) or changed
    end
  end
  return changed and rewritten(one, value) or one
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
    if one.kind == "ClusterLoadAssignment" then
      list[i] = renew(one, now)
    else
      list[i] = one.step == "clusters" and settle(one, now, lingering) or one
    end
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
