-- Says what keeps old data because its reading failed: one line when that begins or becomes
-- another fault, and one when it is over. Pure: snapshot and last state in, state and line out.

local staleness = {}

-- The codes of warnings in a snapshot that these lines say for all services together.
staleness.codes = { service_stale = true, mesh_stale = true }

local MOST_NAMES = 5

---@class Staleness what the next look compares with
---@field began integer when the first of what is stale became so
---@field services integer
---@field set string what is stale
---@field told table<string, true> the causes that were said of this set: a fault may show two faces
---  in turn, and each is said once

---@class StalenessLine
---@field level "warn"|"info"
---@field event "stale"|"fresh"
---@field fields table

-- Counts one thing that is stale: its id among all, and why.
local function add(found, id, reason, read_at)
  reason = reason or "unknown"
  found.ids[#found.ids + 1] = id
  found.causes[reason] = (found.causes[reason] or 0) + 1
  found.oldest = math.min(found.oldest, read_at)
end

-- A mesh that as a whole is stale is named as such. One that was never read has nothing that
-- could be old; its own warning says so.
local function collect(snapshot)
  local found = { ids = {}, names = {}, causes = {}, services = 0, oldest = math.huge }
  for _, mesh in ipairs(snapshot.meshes) do
    local whole = mesh.stale and mesh.read_at > 0
    if whole then
      found.names[#found.names + 1] = mesh.name
      add(found, mesh.ref, mesh.error, mesh.read_at)
    end
    for _, service in ipairs(mesh.services) do
      if service.stale then
        found.services = found.services + 1
        add(found, mesh.ref .. "/" .. service.id, service.error, service.read_at)
        if not whole then
          found.names[#found.names + 1] = service.name .. "@" .. mesh.name
        end
      end
    end
  end
  return found
end

-- The most common cause, the first by its letters of equally common ones, and how many others.
local function main_cause(causes)
  local reason, kinds = nil, 0
  for text, count in pairs(causes) do
    kinds = kinds + 1
    local best = causes[reason]
    if not best or count > best or count == best and text < reason then
      reason = text
    end
  end
  return reason, kinds - 1
end

local function list(names)
  local text = table.concat(names, ", ", 1, math.min(#names, MOST_NAMES))
  if #names > MOST_NAMES then
    text = ("%s and %d more"):format(text, #names - MOST_NAMES)
  end
  return text
end

---Compares a snapshot with what was stale before.
---@param snapshot table
---@param last Staleness? what this returned for the snapshot before
---@return Staleness? state nil when nothing is stale
---@return StalenessLine? line what to log, if anything began, changed or ended
function staleness.look(snapshot, last)
  local now, found = snapshot.taken_at, collect(snapshot)
  if #found.ids == 0 then
    return nil, last and { level = "info", event = "fresh", fields = {
      services = last.services, seconds = math.max(0, now - last.began) } }
  end
  local reason, others = main_cause(found.causes)
  table.sort(found.ids)
  local set = table.concat(found.ids, "\0")
  local state = { began = last and last.began or now, services = found.services, set = set,
    told = last and last.set == set and last.told or {} }
  if state.told[reason] then
    return state
  end
  state.told[reason] = true
  return state, { level = "warn", event = "stale", fields = {
    services = found.services, oldest_seconds = math.max(0, now - found.oldest),
    which = list(found.names), reason = reason, other_reasons = others > 0 and others or nil } }
end

return staleness
