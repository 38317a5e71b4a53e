--- A reading of the world becomes a snapshot; where the reading failed, the last good data stays.
---
--- Pure: the same previous snapshot and reading give the same snapshot, so that equal meshes
--- are equal bytes.
local json = require "host.json"
local seen = require "nightjar.agent.discover.seen"
local trim = require("nightjar.text").trim

local merge = {}

--- The instance that holds a service's settings and is never an endpoint.
merge.SETTINGS_INSTANCE = "service-settings"

---@class Reading  what a source found in one pass
---@field source "cloudmap"|"file"
---@field now integer
---@field member table?
---@field meshes MeshReading[]  in the order of the listeners
---@field warnings table[]

---@class MeshReading
---@field ref string
---@field reference string?  how the operator named it, to find its last good data
---@field port integer
---@field audience "private"|"public"
---@field id string?  nil when it was not found
---@field name string?
---@field arn string?
---@field services ServiceReading[]?
---@field before table<string, table>?  services, by id: the last data of any listener's mesh
---@field read_at integer?  when that was, where it was not in this pass
---@field error string?  why there are no services

---@class ServiceReading
---@field id string
---@field name string
---@field arn string?
---@field attributes table<string, string>?
---@field instances table[]?
---@field service_level boolean?  some attributes are those of the service itself
---@field error string?  why there is none of these
---@field same boolean?  the answer said what is known
---@field fingerprint string?  of the answer (see discover/seen.lua)
---@field kept boolean?  it was not read this time, and what is known holds
---@field shared boolean?  of a fleet's record: `since` and `health_since` are there and the fleet's
---@field since table<string, integer>?
---@field stale boolean?  shared: who read for the fleet could not read this one
---@field read_at integer?  shared: when it was read

--- Splits what was read of a service into its settings and its endpoints. Attributes of the
--- service itself win over those of the settings instance; values are trimmed.
---@param instances table[]  {id, health, attributes}
---@param own table<string, string>  service-level attributes
---@return table<string, string> attributes
---@return table[] instances
function merge.settings_of(instances, own)
  local attributes, endpoints = {}, {}
  for _, instance in ipairs(instances) do
    if instance.id == merge.SETTINGS_INSTANCE then
      for key, value in pairs(instance.attributes) do attributes[key] = trim(value) end
    else
      endpoints[#endpoints + 1] = instance
    end
  end
  for key, value in pairs(own) do attributes[key] = trim(value) end
  return attributes, endpoints
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in pairs(value) do result[key] = copy(item) end
  return json.is_array(value) and json.array(result) or result
end

local function by(list, field)
  local index = {}
  for _, item in ipairs(list or {}) do index[item[field]] = item end
  return index
end

-- A new task under an old id is a new endpoint: what makes it one is where it listens.
local function same_place(a, b)
  for _, key in ipairs { "AWS_INSTANCE_IPV4", "AWS_INSTANCE_IPV6", "AWS_INSTANCE_CNAME",
    "AWS_INSTANCE_PORT" } do
    if a.attributes[key] ~= b.attributes[key] then return false end
  end
  return true
end

local function same_map(a, b)
  for key, value in pairs(a) do
    if b[key] ~= value then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function fresh_instance(before, found, now)
  if before and before.health == found.health
    and same_map(before.attributes, found.attributes) then
    return before
  end
  if before and not same_place(before, found) then before = nil end
  local unchanged = before and before.health == found.health
  return { id = found.id, attributes = copy(found.attributes),
    health = found.health, since = before and before.since or now,
    health_since = unchanged and before.health_since or now }
end

-- What has not changed is the very table of the last snapshot: a mesh at rest makes no garbage, and
-- whoever compares the two sees at a glance that they are equal.
local function fresh_instances(last, found, now)
  local old = last and last.instances or {}
  local known, instances = by(old, "id"), json.array {}
  for position, item in ipairs(found) do
    instances[position] = fresh_instance(known[item.id], item, now)
  end
  table.sort(instances, function(a, b) return a.id < b.id end)
  local same = #old == #instances
  for position = 1, same and #old or 0 do
    same = same and old[position] == instances[position]
  end
  return same and last and last.instances or instances
end

local function fresh_service(last, found, now)
  local since, attributes
  if last and same_map(last.attributes, found.attributes) then
    since, attributes = last.since, last.attributes
  else
    since, attributes = {}, copy(found.attributes)
    for key, value in pairs(attributes) do
      local unchanged = last and last.attributes[key] == value
      since[key] = unchanged and last.since[key] or now
    end
  end
  local service = { id = found.id, name = found.name, arn = found.arn, read_at = now,
    since = since, attributes = attributes, service_level = found.service_level or nil,
    instances = fresh_instances(last, found.instances, now) }
  seen.note(service, found.fingerprint)
  return service
end

local function same_service(last, found, now)
  local service = { id = last.id, name = last.name, arn = found.arn, read_at = now,
    since = last.since, attributes = last.attributes, instances = last.instances }
  seen.note(service, found.fingerprint)
  return service
end

-- In a snapshot: the last one's own table where only its time differs. Most services of most passes
-- are such.
local function unchanged_service(last, found, now)
  if last.arn ~= found.arn then return same_service(last, found, now) end
  last.read_at = now
  return last
end

local function stale_service(last, why)
  local service = copy(last)
  service.stale, service.error = true, why
  return service
end

local function by_name(a, b)
  if a.name ~= b.name then return a.name < b.name end
  return a.id < b.id
end

-- Most lists come in order already.
local function sort(services)
  for position = 2, #services do
    if by_name(services[position], services[position - 1]) then
      return table.sort(services, by_name)
    end
  end
end

-- What the fleet knows of a service, with its times: the record's own tables, so that a record that
-- has not changed makes a snapshot that has not either. Of one that could not be read for the fleet
-- the newer data count, its own or the last snapshot's.
local function shared_service(last, found, read_at)
  if found.stale and last and last.read_at >= found.read_at then
    return stale_service(last, found.error)
  end
  return { id = found.id, name = found.name, arn = found.arn, since = found.since,
    attributes = found.attributes, instances = found.instances,
    read_at = found.read_at or read_at, service_level = found.service_level or nil,
    stale = found.stale, error = found.error }
end

local function stale_warning(found, item)
  return { code = "service_stale", mesh = found.name, service = item.name,
    message = "keeps its last good data: " .. item.error }
end

-- The services of a mesh whose list was read: each stands or falls alone.
local function merge_services(last, found, warnings, now)
  local known, services = found.before or by(last and last.services, "id"), json.array {}
  local unread = 0
  for _, item in ipairs(found.services) do
    local before = known[item.id]
    if item.kept then
      services[#services + 1] = before
    elseif item.shared then
      services[#services + 1] = shared_service(before, item, found.read_at or now)
      if item.stale then warnings[#warnings + 1] = stale_warning(found, item) end
    elseif item.same then
      services[#services + 1] = unchanged_service(before, item, now)
    elseif item.attributes then
      services[#services + 1] = fresh_service(before, item, now)
    elseif before then
      services[#services + 1] = stale_service(before, item.error)
      warnings[#warnings + 1] = stale_warning(found, item)
    else
      unread = unread + 1
      warnings[#warnings + 1] = { code = "service_unread", mesh = found.name,
        service = item.name, message = "never read: " .. item.error }
    end
  end
  sort(services)
  return services, unread
end

-- The mesh as the last snapshot had it, for the listener as it is now.
local function stale_mesh(last, found)
  local services = json.array {}
  for position, service in ipairs(last.services) do
    services[position] = stale_service(service, found.error)
  end
  return { ref = found.ref, port = found.port, audience = found.audience, name = last.name,
    id = last.id, arn = last.arn, read_at = last.read_at, services = services, stale = true,
    error = found.error }
end

-- A mesh that was never read still gets its listener: dependants may need it to start.
-- `read_at` 0 means never.
local function unread_mesh(found, why)
  return { ref = found.ref, port = found.port, audience = found.audience,
    name = found.name or found.reference or found.ref,
    id = found.id or found.reference or found.ref, arn = found.arn, read_at = 0,
    services = json.array {}, stale = true, error = why }
end

--- Whether a mesh of the last snapshot is the one that the operator's reference names now.
---@param mesh table
---@param reference string
---@return boolean
function merge.names(mesh, reference)
  local id = reference:match("^[iI][dD]:%s*(%S+)$") or reference:match("^arn:.*/([^/]+)$")
  return reference == mesh.name or reference == mesh.id or id == mesh.id
end

local function is_same(previous, mesh, found)
  if mesh.read_at == 0 then return false end
  if found.id then return mesh.id == found.id end
  local reference = found.reference or ""
  if found.ref ~= "own" then return merge.names(mesh, reference) end
  local member = previous.member
  return mesh.ref == "own" and member ~= nil
    and merge.names({ id = member.id, name = member.service }, reference)
end

-- The last good data of a mesh. One that could not be found is known by the operator's word
-- for it, so that another namespace under the same variable never stands in for it.
local function last_of(previous, found)
  local other
  for _, mesh in ipairs(previous and previous.meshes or {}) do
    if is_same(previous, mesh, found) then
      if mesh.ref == found.ref then return mesh end
      other = other or mesh
    end
  end
  return other
end

local function merge_mesh(previous, found, warnings, now)
  local last = last_of(previous, found)
  if found.error then
    if last then return stale_mesh(last, found), true end
    return unread_mesh(found, found.error), false
  end
  local services, unread = merge_services(last, found, warnings, now)
  if not last and unread > 0 and #services == 0 then
    return unread_mesh(found, "no service could be read: " .. warnings[#warnings].message), false
  end
  return { ref = found.ref, port = found.port, audience = found.audience, name = found.name,
    id = found.id, arn = found.arn, read_at = found.read_at or now, services = services }, true
end

--- What a fleet shares after a reading: each service with its times, and with its last good data
--- where it could not be read.
---@param last table[]?  the services that the fleet knew before
---@param readings ServiceReading[]
---@param now integer
---@return ServiceReading[]  shared ones, and what was never read as it is; sorted by name and id
function merge.share(last, readings, now)
  local known, services = by(last, "id"), {}
  for position, item in ipairs(readings) do
    local before, service = known[item.id], item
    if item.attributes then
      service = fresh_service(before, item, now)
    elseif before and item.same then
      service = same_service(before, item, now)
    elseif before and item.kept then
      service = before
    elseif before and before.attributes then
      service = stale_service(before, item.error)
    end
    service.shared = service.attributes and true or nil
    services[position] = service
  end
  sort(services)
  return services
end

local function earlier(a, b) return a and math.min(a, b) or b end

-- The times of a service that was read twice: since when each value, place and health is as the
-- later reading has it, for all that either saw.
local function combined_service(older, newer)
  local service, known = copy(newer), by(older.instances, "id")
  for key, value in pairs(newer.attributes) do
    local same = older.attributes[key] == value
    service.since[key] = earlier(same and older.since[key], newer.since[key])
  end
  for _, one in ipairs(service.instances) do
    local before = known[one.id]
    if before and same_place(before, one) then
      one.since = earlier(before.since, one.since)
      local same = before.health == one.health
      one.health_since = earlier(same and before.health_since, one.health_since)
    end
  end
  return service
end

--- What two readings of one mesh know together: the data of the newer one, and of each thing that
--- was so in the older one already the earlier time. So a ramp goes on when somebody else leads.
---@param older table[]?  services
---@param newer table[]
---@return table[]
function merge.combine(older, newer)
  local known, services = by(older, "id"), {}
  for position, service in ipairs(newer) do
    local before = known[service.id]
    local both = before and before.attributes and service.attributes
    services[position] = both and combined_service(before, service) or copy(service)
  end
  return services
end

local function rank(mesh)
  if mesh.ref == "own" then return -1 end
  return math.tointeger(tonumber(mesh.ref:match("^NAMESPACE_(%d+)$"))) or math.maxinteger
end

local function member_of(previous, reading, meshes)
  if reading.member then return reading.member end
  local own = meshes[1]
  if own and own.ref == "own" and own.stale and own.read_at > 0 then
    return copy(previous.member)
  end
  return nil
end

--- The snapshot that a reading and the one before it make.
---@param previous table?  the last snapshot; of another source it counts as none
---@param reading Reading
---@return table? snapshot
---@return string? err  when everything failed and nothing was ever read
function merge.run(previous, reading)
  if previous and previous.source ~= reading.source then previous = nil end
  local now, warnings = reading.now, json.array {}
  for position, warning in ipairs(reading.warnings) do warnings[position] = warning end
  local meshes, any, why = json.array {}, #reading.meshes == 0, nil
  for _, found in ipairs(reading.meshes) do
    local mesh, has_data = merge_mesh(previous, found, warnings, now)
    if mesh.error then
      why = why or ("%s: %s"):format(mesh.ref, mesh.error)
      warnings[#warnings + 1] = { code = has_data and "mesh_stale" or "mesh_unread",
        mesh = mesh.name, message = mesh.ref .. ": " .. mesh.error }
    end
    any = any or has_data
    meshes[#meshes + 1] = mesh
  end
  if not any then return nil, why end
  table.sort(meshes, function(a, b)
    local left, right = rank(a), rank(b)
    if left ~= right then return left < right end
    return a.ref < b.ref
  end)
  return { format = 1, source = reading.source, taken_at = now, meshes = meshes,
    member = member_of(previous, reading, meshes), warnings = warnings }
end

return merge
