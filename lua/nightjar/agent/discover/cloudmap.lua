--- Reads meshes from AWS Cloud Map: complete reads only, and each service stands or falls alone.
local api = require "nightjar.agent.aws.cloudmap"
local arn = require "nightjar.agent.aws.arn"
local fleet = require "nightjar.agent.discover.fleet"
local merge = require "nightjar.agent.discover.merge"
local retry = require "nightjar.agent.aws.retry"
local sched = require "nightjar.agent.sched"

local cloudmap = {}

-- What says that a name is not known here, so that another name of the same thing may be.
local unknown = { ServiceNotFound = true, NamespaceNotFound = true, InvalidInput = true,
  ResourceNotFoundException = true }
local denied = { AccessDenied = true, AccessDeniedException = true,
  UnauthorizedOperation = true, NotAuthorized = true }
local unknown_operation = { UnknownOperationException = true, UnknownOperation = true,
  InvalidAction = true, NotImplemented = true }

---@class CloudMapSession  what outlives a pass: connections, quota, and who is who
---@field client AwsClient
---@field identities table<string, table>  an id never comes to mean another namespace
---@field fleet Fleet?  with whom readings are shared
---@field unsupported Failure?  how this endpoint refused GetServiceAttributes for good

--- A session for a process's settings; one is kept for as long as the agent runs.
---@param settings table
---@param options table?  see aws/world.lua
---@return CloudMapSession?
---@return string? err
---@return string? code  "unknown": no region is known, but may be later
function cloudmap.session(settings, options)
  local client, err, code = api.connect(settings, options)
  if not client then return nil, err, code end
  local shared, fleet_err = fleet.new(settings, client)
  if fleet_err then return nil, fleet_err end
  return { client = client, identities = {}, fleet = shared }
end

-- Calls with one name after the other, as long as the answer is that the name is not known;
-- of several such answers the first is the one to report.
local function first_known(names, call)
  local first
  for _, name in ipairs(names) do
    local found, problem = call(name)
    if found then return found, name end
    if not unknown[problem.code] then return nil, problem end
    first = first or problem
  end
  return nil, first
end

-- What an id or ARN names. An ARN goes as it is: the id alone names nothing that another
-- account shares. An endpoint that takes ids only is asked by id, and its answer is the right
-- one if it bears the ARN.
local function find_by_reference(reference, call)
  local found, used = first_known({ reference.arn or reference.id,
    reference.arn and reference.id }, call)
  if not found then return nil, used end
  if used ~= reference.arn and reference.arn and found.arn ~= reference.arn then
    return nil, ("%s: the endpoint knows this id as %s"):format(reference.arn,
      found.arn or "something without an ARN")
  end
  return found, used
end

-- The member's service and its namespace. The namespace may be another account's: then the
-- bare id means nothing here and the ARN, made of the service's own, does.
local function find_own(pass, given)
  local client, options = pass.session.client, pass.options
  local reference, err = arn.reference(given, "service")
  if not reference then return nil, "SERVICE_MEMBER: " .. err end
  local service, problem = find_by_reference(reference, function(name)
    return api.get_service(client, name, options)
  end)
  if not service then return nil, problem end
  local base = arn.parse(service.arn or reference.arn or "")
  local shared = base and arn.sibling(base, "namespace", service.namespace_id, service.owner)
  local namespace, used = first_known({ service.namespace_id, shared },
    function(name) return api.get_namespace(client, name, options) end)
  if not namespace then return nil, used end
  return { namespace = namespace, by_arn = used == shared,
    member = { mesh = namespace.name, mesh_id = namespace.id, service = service.name,
      id = service.id } }
end

local function find_by_name(pass, name)
  local found, problem = api.find_namespaces(pass.session.client, name, pass.options)
  if not found then return nil, problem end
  if #found == 1 then return { namespace = found[1], by_arn = false } end
  if #found == 0 then return nil, ("no namespace is named %q"):format(name) end
  local ids = {}
  for position, namespace in ipairs(found) do ids[position] = namespace.id end
  return nil, ("%d namespaces are named %q: name one of them by id (%s)"):format(#found, name,
    table.concat(ids, ", "))
end

local function find_namespace(pass, given)
  local reference, err = arn.reference(given, "namespace")
  if not reference then return nil, err end
  if reference.name then return find_by_name(pass, reference.name) end
  local namespace, used = find_by_reference(reference, function(name)
    return api.get_namespace(pass.session.client, name, pass.options)
  end)
  if not namespace then return nil, used end
  return { namespace = namespace, by_arn = used == reference.arn }
end

local function identify(pass, wanted)
  local key = (wanted.ref == "own" and "own " or "mesh ") .. wanted.reference
  local known = pass.session.identities[key]
  if known then return known, key end
  local found, problem
  if wanted.ref == "own" then
    found, problem = find_own(pass, wanted.reference)
  else
    found, problem = find_namespace(pass, wanted.reference)
  end
  if not found then return nil, problem end
  pass.session.identities[key] = found
  return found, key
end

-- An id finds nothing where the namespace is another account's, so an empty list is asked for
-- once more by ARN; which of the two names finds services is remembered.
local function list(pass, identity)
  local namespace = identity.namespace
  local names = { namespace.id, namespace.arn }
  if identity.by_arn then names = { namespace.arn, namespace.id } end
  local empty, first
  for position, name in ipairs(names) do
    local services, problem = api.list_services(pass.session.client, name, pass.options)
    if services and #services > 0 then
      if position > 1 then identity.by_arn = not identity.by_arn end
      return services
    elseif not services and not unknown[problem.code] then
      return nil, problem
    end
    empty, first = empty or services, first or problem
  end
  return empty, first
end

local function warn_once(pass, code, message)
  if pass.warned[code] then return end
  pass.warned[code] = true
  pass.warnings[#pass.warnings + 1] = { code = code, message = message }
end

-- Service-level attributes, or none where the endpoint or the policy has them not. Where they
-- were part of the last good data a refusal is a failed read: it must not move a weight.
local function own_attributes(pass, service, by_arn)
  local session, problem = pass.session, pass.session.unsupported
  if not problem then
    local found
    found, problem = api.get_service_attributes(session.client,
      by_arn and service.arn or service.id, pass.options)
    if found then return found end
  end
  local missing = unknown_operation[problem.code] or problem.status == 501
  if missing then session.unsupported = problem end
  if pass.service_level[service.id] or not (missing or denied[problem.code]) then
    return nil, problem
  end
  warn_once(pass, missing and "service_attributes_unsupported" or "service_attributes_denied",
    -- Without the message: it names one service, and each time another.
    ("service-level attributes are not read, only service-settings instances: "
      .. "GetServiceAttributes: %s %s"):format(problem.status, problem.code))
  return {}
end

local function shared_by(identity)
  local parsed = identity.by_arn and identity.namespace.arn
    and arn.parse(identity.namespace.arn)
  return parsed and parsed.account ~= "" and parsed.account or nil
end

-- One service: {reading} or {problem}; neither when it was deleted meanwhile.
local function read_service(pass, identity, service)
  local instances, problem = api.discover_instances(pass.session.client,
    identity.namespace.http_name, service.name, shared_by(identity), pass.options)
  local own
  if instances then own, problem = own_attributes(pass, service, identity.by_arn) end
  if not own then
    if problem.code == "ServiceNotFound" then return {} end
    return { problem = problem, reading = { id = service.id, name = service.name,
      arn = service.arn, error = problem:brief() } }
  end
  local attributes, endpoints = merge.settings_of(instances, own)
  return { reading = { id = service.id, name = service.name, arn = service.arn,
    attributes = attributes, instances = endpoints,
    service_level = next(own) ~= nil } }
end

-- A service that was never read has no last good data to keep, and to go on without it would
-- give its share to the other colors: so it gets a second round before it is left out.
local function second_round(pass, identity, services, results)
  local again = {}
  for position, result in ipairs(results) do
    if result.problem and retry.class(result.problem) ~= "final"
      and not pass.known[services[position].id] then
      again[#again + 1] = position
    end
  end
  if #again == 0 then return end
  local world = pass.session.client.context
  world.sleep(1 + world.random())
  sched.all(again, pass.limit, function(position)
    results[position] = read_service(pass, identity, services[position])
    return true
  end)
end

-- All services of one namespace: {services} or {error}.
local function read_namespace(pass, identity)
  local services, problem = list(pass, identity)
  if not services then return { error = problem:brief(), gone = unknown[problem.code] } end
  local results = sched.all(services, pass.limit, function(service)
    return read_service(pass, identity, service)
  end)
  second_round(pass, identity, services, results)
  local readings = {}
  for _, result in ipairs(results) do readings[#readings + 1] = result.reading end
  return { services = readings }
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

-- Who each mesh is, and the namespaces to read: one that two listeners serve is read once.
local function identify_all(pass, wanted)
  local found = sched.all(wanted, pass.limit, function(mesh)
    local identity, detail = identify(pass, mesh)
    if identity then return { identity = identity, key = detail } end
    local problem = type(detail) == "table" and detail:brief() or detail
    return { error = problem .. region_hint(pass, mesh.reference) }
  end)
  local identities, ids = {}, {}
  for _, result in ipairs(found) do
    local identity = result.identity
    local id = identity and identity.namespace.id
    if id and not identities[id] then
      identities[id], ids[#ids + 1] = identity, id
    end
  end
  return found, identities, ids
end

local function mesh_reading(pass, wanted, found, read)
  local reading = { ref = wanted.ref, reference = wanted.reference, port = wanted.port,
    audience = wanted.audience, error = found.error }
  if not found.identity then return reading end
  local namespace = found.identity.namespace
  local result = read[namespace.id]
  reading.id, reading.name, reading.arn = namespace.id, namespace.name, namespace.arn
  reading.services, reading.read_at, reading.error = result.services, result.read_at, result.error
  -- An empty or refused list may mean that the namespace is gone, and a name may mean a new
  -- one by now: the next pass looks again.
  if result.gone or result.services and #result.services == 0 then
    pass.session.identities[found.key] = nil
  end
  return reading
end

-- Services of which there are good data.
local function remember(pass, services)
  for _, service in ipairs(services) do
    pass.known[service.id] = true
    pass.service_level[service.id] = service.service_level
  end
end

-- The services of one namespace, from the fleet or read by this agent: {services} or {error}.
local function services_of(pass, identity)
  if not pass.session.fleet then return read_namespace(pass, identity) end
  local namespace = identity.namespace
  return pass.session.fleet:services { namespace = namespace, now = pass.now,
    last = pass.meshes[namespace.id], warnings = pass.warnings, read = function(known)
      remember(pass, known)
      return read_namespace(pass, identity)
    end }
end

--- One complete reading of every mesh that the settings name.
---@param session CloudMapSession
---@param previous table?  the last snapshot: what it holds need not be tried a second time
---@param settings table
---@param now integer
---@return Reading
function cloudmap.read(session, previous, settings, now)
  -- A pass that takes longer than its time would only delay the next one.
  local time = math.max(settings.refresh_time or 30, 10)
  local pass = { session = session, warnings = {}, warned = {}, known = {}, service_level = {},
    now = now, meshes = {}, limit = settings.api_concurrency or 8,
    options = { deadline = session.client.context.monotonic() + time } }
  for _, mesh in ipairs(previous and previous.meshes or {}) do
    remember(pass, mesh.services)
    if mesh.read_at > 0 then pass.meshes[mesh.id] = mesh end
  end
  local wanted = wanted_of(settings)
  local found, identities, ids = identify_all(pass, wanted)
  local results = sched.all(ids, pass.limit, function(id)
    return services_of(pass, identities[id])
  end)
  local read = {}
  for position, id in ipairs(ids) do read[id] = results[position] end
  local reading = { source = "cloudmap", now = now, meshes = {}, warnings = pass.warnings }
  for position, mesh in ipairs(wanted) do
    reading.meshes[position] = mesh_reading(pass, mesh, found[position], read)
    local identity = found[position].identity
    if mesh.ref == "own" and identity then reading.member = identity.member end
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
---@return Reading?
---@return string? err
function cloudmap.run(previous, settings, now)
  local session, err = cloudmap.open(settings)
  if not session then return nil, err end
  return cloudmap.read(session, previous, settings, now)
end

--- The fleet that readings are shared with for these settings, once there was a pass: for its
--- client's counters.
---@param settings table
---@return Fleet?
function cloudmap.fleet(settings)
  local session = sessions[settings]
  return session and session.fleet
end

--- The client that reads for these settings, once there was a pass: for its counters.
---@param settings table
---@return AwsClient?
function cloudmap.client(settings)
  local session = sessions[settings]
  return session and session.client
end

return cloudmap
