--- Reads meshes from AWS Cloud Map: a service whole or not at all, and each stands or falls alone.
local api = require "nightjar.agent.aws.cloudmap"
local arn = require "nightjar.agent.aws.arn"
local attributes = require "nightjar.agent.discover.attributes"
local identity = require "nightjar.agent.discover.identity"
local list = require "nightjar.agent.discover.list"
local sched = require "nightjar.agent.sched"
local seldom = require "nightjar.agent.discover.seldom"
local services = require "nightjar.agent.discover.services"
local times = require "nightjar.agent.discover.times"

local cloudmap = {}

---@class CloudMapSession  what outlives a pass: connections, quota, and who is who
---@field client AwsClient
---@field identities table<string, table>  an id never comes to mean another namespace
---@field fleet Fleet?  with whom readings are shared
---@field unsupported Failure?  how this endpoint said that it knows no GetServiceAttributes
---@field refusals table<string, table>  the warning about a service whose attributes are denied
---@field discoveries table<string, table>  the calls that read services, by their ids
---@field without_attributes table<string, boolean>  services seen to have none of their own
---@field lists table<string, table[]>  the services of a namespace, by its id
---@field troubled table<string, boolean>  namespaces of which something failed in the last pass
---@field refused table<string, boolean>  namespaces whose list was refused when it was last tried
---@field seldom Seldom  when lists and the like are due

--- A session for a process's settings; one is kept for as long as the agent runs.
---@param settings table
---@param options table?  see aws/world.lua
---@return CloudMapSession?
---@return string? err
---@return string? code  "unknown": no region is known, but may be later
function cloudmap.session(settings, options)
  local client, err, code = api.connect(settings, options)
  if not client then return nil, err, code end
  local shared, fleet_err -- most agents are in none, and need not hold its code
  if settings.snapshot_store then
    shared, fleet_err = require("nightjar.agent.discover.fleet").new(settings, client)
    if fleet_err then return nil, fleet_err end
  end
  return { client = client, identities = {}, refusals = {}, without_attributes = {}, lists = {},
    discoveries = {}, troubled = {}, refused = {}, seldom = seldom.new(client.context),
    fleet = shared }
end

local function wanted_of(settings)
  local wanted = {}
  if not settings.gateway then
    wanted[1] = { ref = "own", reference = settings.service_member,
      port = settings.service_port, audience = "private" }
  end
  for _, entry in ipairs(settings.namespaces or {}) do
    wanted[#wanted + 1] = { ref = entry.ref, reference = entry.namespace, port = entry.port,
      audience = "public" }
  end
  return wanted
end

-- What explains that nobody knows an ARN: it is of another region than the one that is asked.
local function region_hint(pass, reference)
  local parsed = arn.parse(reference)
  local region = pass.session.client.region
  if not parsed or parsed.region == "" or parsed.region == region then return "" end
  return (" (the ARN is of region %s, but %s is asked)"):format(parsed.region, region)
end

-- Who each mesh is.
local function identify_all(pass, wanted)
  return sched.all(wanted, pass.limit, function(mesh)
    local known, detail = identity.of(pass, mesh)
    if known then return { identity = known, key = detail } end
    local problem = type(detail) == "table" and detail:brief() or detail
    return { error = problem .. region_hint(pass, mesh.reference) }
  end)
end

local function has_none(result)
  return result.gone or result.services ~= nil and #result.services == 0
end

local function mesh_reading(pass, wanted, found, read)
  local reading = { ref = wanted.ref, reference = wanted.reference, port = wanted.port,
    audience = wanted.audience, error = found.error }
  if not found.identity then return reading end
  local namespace = found.identity.namespace
  local result = read[namespace.id]
  reading.id, reading.name, reading.arn = namespace.id, namespace.name, namespace.arn
  reading.services, reading.read_at, reading.error = result.services, result.read_at, result.error
  reading.before = result.before
  if has_none(result) then pass.session.identities[found.key] = nil end -- see `read_anew`
  return reading
end

-- Of what two listeners have of one thing, nothing stale comes before something that is not.
local function keep(known, one)
  local other = known[one.id]
  if not other or other.stale or not one.stale then known[one.id] = one end
end

-- What the last snapshot knows of each service and each mesh that was read, by id.
local function last_of(previous)
  local before, meshes = {}, {}
  for _, mesh in ipairs(previous and previous.source == "cloudmap" and previous.meshes or {}) do
    for _, service in ipairs(mesh.services) do keep(before, service) end
    if mesh.read_at > 0 then keep(meshes, mesh) end
  end
  return before, meshes
end

-- The services of one namespace, from the fleet or read by this agent. Who reads for the fleet
-- reads all of them, and what it knows of them is what the fleet knows.
local function services_of(pass, known)
  local shared, namespace = pass.session.fleet, known.namespace
  if not shared then return services.read(pass, known) end
  local last = pass.meshes[namespace.id]
  return shared:services { namespace = namespace, now = pass.now, last = last,
    warnings = pass.warnings, complete = pass.requested, read = function(before, leads)
      for _, service in ipairs(last and last.services or {}) do pass.before[service.id] = nil end
      for _, service in ipairs(before) do
        pass.before[service.id] = service.attributes and service or nil
      end
      list.learn(pass.session, namespace.id, before)
      pass.complete[namespace.id] = leads
      local result = services.read(pass, known)
      result.warnings = attributes.refusals(pass, result.services or {})
      return result
    end }
end

-- Reads the namespaces that are not read yet: one that two listeners serve is read once.
local function read_all(pass, found, read)
  local identities, ids = {}, {}
  for _, one in ipairs(found) do
    local id = one.identity and one.identity.namespace.id
    if id and not read[id] and not identities[id] then
      identities[id], ids[#ids + 1] = one.identity, id
    end
  end
  local results = sched.all(ids, pass.limit, function(id)
    return services_of(pass, identities[id])
  end)
  for position, id in ipairs(ids) do read[id] = results[position] end
end

-- A list that is empty, or refused as unknown, may mean that the namespace is gone, and a name may
-- mean a new one by now, whose services must not be missed for a pass. One that had none before is
-- looked up by the next pass.
local function read_anew(pass, wanted, found, read)
  local places, meshes = {}, {}
  for position, one in ipairs(found) do
    local id = one.identity and one.identity.namespace.id
    local last = id and pass.meshes[id]
    if last and #last.services > 0 and has_none(read[id]) then
      pass.session.identities[one.key] = nil
      places[#places + 1], meshes[#meshes + 1] = position, wanted[position]
    end
  end
  for index, one in ipairs(identify_all(pass, meshes)) do
    if one.identity then found[places[index]] = one end
  end
  read_all(pass, found, read)
end

---@class DiscoverHints  what the last pass lets discovery leave out
---@field complete boolean?  leave out nothing: an operator asks for a pass
---@field resting table<string, table<string, true>>?  services that no listener shows, by the
---  names of their mesh and of themselves (plan/resting.lua)

--- One reading of every mesh that the settings name. What is read seldom, and is not due, keeps
--- what the last snapshot says of it.
---@param session CloudMapSession
---@param previous table?  the last snapshot: what it holds need not be tried a second time
---@param settings table
---@param now integer
---@param hints DiscoverHints?
---@return Reading
function cloudmap.read(session, previous, settings, now, hints)
  hints = hints or {}
  if hints.complete then session.seldom:hurry_all() end
  local time = times.reading(settings)
  local before, meshes = last_of(previous)
  local pass = { session = session, warnings = {}, warned = {}, problems = {}, complete = {},
    before = before, meshes = meshes, now = now, requested = hints.complete,
    limit = settings.api_concurrency or 8, times = times.of(settings),
    resting = hints.resting or {}, first_options = {}, time = time,
    options = { deadline = session.client.context.monotonic() + time } }
  local wanted = wanted_of(settings)
  local found, read = identify_all(pass, wanted), {}
  read_all(pass, found, read)
  read_anew(pass, wanted, found, read)
  local reading = { source = "cloudmap", now = now, meshes = {}, warnings = pass.warnings }
  for position, mesh in ipairs(wanted) do
    reading.meshes[position] = mesh_reading(pass, mesh, found[position], read)
    local known = found[position].identity
    if mesh.ref == "own" and known then reading.member = known.member end
  end
  return reading
end

-- The session of each settings table, for as long as that table lives.
local sessions = setmetatable({}, { __mode = "k" })

--- The session that belongs to these settings. Fails when a setting stands in the way (no region,
--- an endpoint that is no URL), which no later pass would mend.
---@param settings table
---@param options table?  of the session, where it is opened now
---@return CloudMapSession?
---@return string? err
---@return string? code  "unknown": no region is known, but may be later
function cloudmap.open(settings, options)
  if sessions[settings] then return sessions[settings] end
  local session, err, code = cloudmap.session(settings, options)
  sessions[settings] = session
  return session, err, code
end

--- Reads with the session that belongs to these settings.
---@param previous table?
---@param settings table
---@param now integer
---@param hints DiscoverHints?
---@return Reading?
---@return string? err
function cloudmap.run(previous, settings, now, hints)
  local session, err = cloudmap.open(settings)
  if not session then return nil, err end
  return cloudmap.read(session, previous, settings, now, hints)
end

--- The fleet that readings are shared with for these settings, once there was a pass: for its
--- client's counters.
---@param settings table
---@return Fleet?
function cloudmap.fleet(settings)
  local session = sessions[settings]
  return session and session.fleet
end

--- How these settings' agent comes by a namespace: "alone", for itself, or as one of a fleet,
--- "fleet_leads" or "fleet_follows".
---@param settings table
---@param id string?  of the namespace
---@return string? role  nil: not known before a pass
function cloudmap.role(settings, id)
  local shared = cloudmap.fleet(settings)
  if not shared then return "alone" end
  local member = shared.members[id]
  return member and (member.role or member.reason and "alone")
end

--- The client that reads for these settings, once there was a pass: for its counters.
---@param settings table
---@return AwsClient?
function cloudmap.client(settings)
  local session = sessions[settings]
  return session and session.client
end

return cloudmap
