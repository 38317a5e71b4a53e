-- What the agent asked of AWS so far (`calls.json` in the state folder), for `nightjar cost`:
-- requests by operation, passes, and how much of the mesh is read at each pass.

local clock = require("host.clock")
local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")
local owner = require("nightjar.agent.owner")
local stored = require("nightjar.agent.stored")

local calls = {}
calls.__index = calls

-- An unchanged pass writes nothing but this, so seldom.
local EVERY = 300 -- seconds

local function path_in(directory)
  return directory .. "/calls.json"
end

local function sum(known, more)
  local sums = {}
  for _, part in ipairs { known, more } do
    for service, operations in pairs(part) do
      sums[service] = sums[service] or {}
      for operation, count in pairs(operations) do
        sums[service][operation] = (sums[service][operation] or 0) + count
      end
    end
  end
  return sums
end

local function is_number(value)
  return math.type(value) == "integer" and value >= 0
end

local function is_counts(value)
  if type(value) ~= "table" then
    return false
  end
  for _, operations in pairs(value) do
    if type(operations) ~= "table" then
      return false
    end
    for _, count in pairs(operations) do
      if not is_number(count) then
        return false
      end
    end
  end
  return true
end

-- Whether it names the settings that a mesh belongs to.
local function is_refs(list)
  for _, ref in ipairs(type(list) == "table" and list or {}) do
    if type(ref) ~= "string" then
      return false
    end
  end
  return type(list) == "table" and list[1] ~= nil
end

local function is_mesh(mesh)
  if type(mesh) ~= "table" or not is_refs(mesh.refs)
    or mesh.name ~= nil and type(mesh.name) ~= "string" then
    return false
  end
  for _, name in ipairs { "services", "resting", "attributed", "attributed_resting" } do
    if not is_number(mesh[name]) then
      return false
    end
  end
  return mesh.unread == nil or type(mesh.unread) == "boolean"
end

local function is_meshes(list)
  for _, mesh in ipairs(type(list) == "table" and list or {}) do
    if not is_mesh(mesh) then
      return false
    end
  end
  return json.is_array(list)
end

---@class CallsMesh a namespace; numbers of services
---@field id string?
---@field name string?
---@field refs string[] the settings that name it: "own", "NAMESPACE_0"
---@field services integer
---@field resting integer those that no listener shows
---@field attributed integer those with attributes of their own; of them
---@field attributed_resting integer those that no listener shows
---@field unread boolean? it could never be read: the numbers say nothing

---@class CallsRecord
---@field process string the agent's identity (agent/owner.lua)
---@field since integer unix seconds
---@field at integer unix seconds of the last writing
---@field passes integer
---@field retries integer how many of the requests were further tries
---@field operations table<string, table<string, integer>> requests by AWS service and operation
---@field first table<string, table<string, integer>> those of the first pass
---@field meshes CallsMesh[]

---What an agent wrote.
---@param directory string the state folder
---@return CallsRecord? record nil, without a message, when there is none
---@return string? err it is there and cannot be used
function calls.read(directory)
  local record, err = stored.read(path_in(directory))
  if not record then
    return nil, err
  end
  for _, name in ipairs { "since", "at", "passes", "retries" } do
    if not is_number(record[name]) then
      return nil, ("%s: %s: expected an integer that is not negative")
        :format(path_in(directory), name)
    end
  end
  for _, name in ipairs { "operations", "first" } do
    if not is_counts(record[name]) then
      return nil, ("%s: %s: expected numbers by service and operation")
        :format(path_in(directory), name)
    end
  end
  if not is_meshes(record.meshes) then
    return nil, path_in(directory) .. ": meshes: expected a list of names and numbers of services"
  end
  return record
end

---How much of the meshes is read at each pass.
---@param snapshot table
---@param resting table<string, table<string, true>>? by the names of mesh and service
---@return CallsMesh[] meshes each namespace once
function calls.meshes(snapshot, resting)
  local list, by_id = json.array {}, {}
  for _, mesh in ipairs(snapshot.meshes) do
    local key = mesh.id or mesh.ref
    local known = by_id[key]
    if known then
      known.refs[#known.refs + 1] = mesh.ref
    else
      local one = { id = mesh.id, name = mesh.name, refs = json.array { mesh.ref },
        services = #mesh.services, resting = 0, attributed = 0, attributed_resting = 0,
        unread = mesh.read_at == 0 or nil }
      local rests = resting and resting[mesh.name] or {}
      for _, service in ipairs(mesh.services) do
        local is_resting = rests[service.name] and 1 or 0
        local has_own = service.service_level and 1 or 0
        one.resting = one.resting + is_resting
        one.attributed = one.attributed + has_own
        one.attributed_resting = one.attributed_resting + is_resting * has_own
      end
      by_id[key], list[#list + 1] = one, one
    end
  end
  return list
end

---Counts from now on; after a restart in place from where the agent before it was, for that is the
---same process.
---@param directory string the state folder
---@param look fun(): table?, CallsMesh[]? what `discover.counts` says, and the meshes; nil where
---  nothing is asked of AWS
---@return table calls
function calls.open(directory, look)
  local me, record = owner.identity("self"), calls.read(directory)
  local known = record and record.process == me and record or {}
  return setmetatable({
    directory = directory, look = look, process = me,
    since = known.since or math.floor(clock.now()),
    before = known.operations or {}, retries_before = known.retries or 0,
    passes = known.passes or 0, first = known.first,
    written_at = nil, -- monotonic seconds
  }, calls)
end

---All that was asked so far, also before a restart in place.
---@return { since: integer, passes: integer, retries: integer,
---  operations: table<string, table<string, integer>> }? totals `since`: unix seconds; nil where
---  nothing is asked of AWS
---@return CallsMesh[]? meshes
function calls:totals()
  local counts, meshes = self.look()
  return counts and { since = self.since, passes = self.passes,
    retries = self.retries_before + counts.retries,
    operations = sum(self.before, counts.operations) }, meshes
end

---Write it down: at the agent's end, and where it restarts itself. Nothing is written before the
---first pass, nor where nothing is asked of AWS.
function calls:save()
  local totals, meshes = self:totals()
  if not totals or self.passes == 0 then
    return
  end
  self.first = self.first or totals.operations
  self.written_at, self.knows_meshes = clock.monotonic(), meshes ~= nil
  local text = assert(json.encode {
    format = 1, process = self.process, since = self.since, at = math.floor(clock.now()),
    passes = self.passes, retries = totals.retries, operations = totals.operations,
    first = self.first, meshes = meshes or json.array {},
  })
  local ok, err = file.write(path_in(self.directory), text, { mode = 384 }) -- 0600
  if not ok then
    log.warn("state_not_saved", { path = path_in(self.directory), reason = err })
  end
end

-- Whether the meshes are known now that were not when it was written: AWS may have been away when
-- the agent started, and without them nobody can say what a day costs.
function calls:learned()
  return not self.knows_meshes and select(2, self.look()) ~= nil
end

---A pass has ended, well or not. What it asked is written down, unless that was done lately.
function calls:passed()
  self.passes = self.passes + 1
  if not self.written_at or clock.monotonic() - self.written_at >= EVERY or self:learned() then
    self:save()
  end
end

return calls
