--- The services of one namespace: which there are, and what each of them is.
---
--- What changes often is read at each pass by one DiscoverInstances for each service: it carries
--- endpoints, health and the settings instance. What changes seldom, or concerns no listener, is
--- read seldom (docs/cost.md says why no call less will do).
local api = require "nightjar.agent.aws.cloudmap"
local arn = require "nightjar.agent.aws.arn"
local merge = require "nightjar.agent.discover.merge"
local retry = require "nightjar.agent.aws.retry"
local sched = require "nightjar.agent.sched"
local seen = require "nightjar.agent.discover.seen"
local times = require "nightjar.agent.discover.times"

local services = {}

-- Of a service that has no attributes of its own. Nobody changes it.
local NONE = {}

local denied = { AccessDenied = true, AccessDeniedException = true,
  UnauthorizedOperation = true, NotAuthorized = true }
local unknown_operation = { UnknownOperationException = true, UnknownOperation = true,
  InvalidAction = true, NotImplemented = true }

-- Of the calls for a mesh. Those for one that was never read have their time from the beginning of
-- the reading, which may have come after a wait for another agent's, and may wait longer for their
-- rate.
local function options_of(pass, identity)
  return pass.first_options[identity.namespace.id] or pass.options
end

local function begin_first(pass, id)
  local now = pass.session.client.context.monotonic()
  pass.first_options[id] = { deadline = now + pass.time,
    first_by = now + math.max(pass.time, times.FIRST_READING) }
end

local function warn_once(pass, code, message)
  if pass.warned[code] then return end
  pass.warned[code] = true
  pass.warnings[#pass.warnings + 1] = { code = code, message = message }
end

-- ---- which there are ----

-- An id finds nothing where the namespace is another account's, so an empty list is asked for
-- once more by ARN; which of the two names finds services is remembered.
local function ask_for_list(pass, identity)
  local namespace = identity.namespace
  local names = { namespace.id, namespace.arn }
  if identity.by_arn then names = { namespace.arn, namespace.id } end
  local empty, first
  for position, name in ipairs(names) do
    local found, problem =
      api.list_services(pass.session.client, name, options_of(pass, identity))
    if found and #found > 0 then
      if position > 1 then identity.by_arn = not identity.by_arn end
      return found
    elseif not found and not api.unknown[problem.code] then
      return nil, problem
    end
    empty, first = empty or found, first or problem
  end
  return empty, first
end

-- What the session remembers of services that are gone.
local function forget_gone(session, before, found)
  local there = {}
  for _, service in ipairs(found) do there[service.id] = true end
  for _, service in ipairs(before or {}) do
    if not there[service.id] then
      session.refusals[service.id], session.without_attributes[service.id] = nil, nil
      session.discoveries[service.id] = nil
      session.seldom:hurry("service", service.id)
      session.seldom:hurry("attributes", service.id)
    end
  end
end

local function list(pass, identity)
  local session, id = pass.session, identity.namespace.id
  local found, problem = ask_for_list(pass, identity)
  session.troubled[id] = not found or nil
  if not found then return nil, problem end
  forget_gone(session, session.lists[id], found)
  session.lists[id] = found
  session.seldom:done("list", id, #found > 0 and pass.times.list or 0)
  return found
end

-- ---- what each of them is ----

-- Whether attributes of the service's own are part of the last good data.
local function has_own(pass, service)
  local before = pass.before[service.id]
  return before ~= nil and before.service_level
end

local function describe_refusal(problem, missing)
  return { code = missing and "service_attributes_unsupported" or "service_attributes_denied",
    -- Without the message: it names one service, and each time another.
    message = ("service-level attributes are not read, only service-settings instances: "
      .. "GetServiceAttributes: %s %s"):format(problem.status, problem.code) }
end

local function attribute_time(pass, identity)
  return times.attributes(pass.times, #pass.session.lists[identity.namespace.id])
end

-- Service-level attributes, or none where the endpoint or the policy has them not. Where they
-- were part of the last good data a refusal is a failed read: it must not move a weight.
local function ask_for_attributes(pass, identity, service)
  local session, problem = pass.session, pass.session.unsupported
  if not problem then
    local found
    found, problem = api.get_service_attributes(session.client,
      identity.by_arn and service.arn or service.id, options_of(pass, identity))
    if found then
      session.refusals[service.id] = nil
      return found
    end
  end
  local missing = unknown_operation[problem.code] or problem.status == 501
  if missing then session.unsupported = problem end
  if has_own(pass, service) or not (missing or denied[problem.code]) then
    return nil, problem
  end
  session.refusals[service.id] = describe_refusal(problem, missing)
  return {}
end

-- A service that has attributes of its own is asked for them at each pass, since they may hold its
-- weights; one that has none only now and then.
local function own_attributes(pass, identity, service)
  local session, id = pass.session, service.id
  local none, found, problem = session.without_attributes, NONE, nil
  if has_own(pass, service) or not none[id] or session.seldom:due("attributes", id) then
    found, problem = ask_for_attributes(pass, identity, service)
    if found then
      none[id] = next(found) == nil or nil
      session.seldom:done("attributes", id, attribute_time(pass, identity))
    elseif none[id] and problem.code ~= "ServiceNotFound" then
      -- That there were none is the last good data.
      warn_once(pass, "service_attributes_unread",
        "services without service-level attributes cannot be asked whether they have any now: "
        .. problem:brief())
      return {}
    end
  end
  local refusal = session.refusals[id]
  if refusal then warn_once(pass, refusal.code, refusal.message) end
  return found, problem
end

local function shared_by(identity)
  local parsed = identity.namespace.arn and arn.parse(identity.namespace.arn)
  return parsed and parsed.account ~= "" and parsed.account or nil
end

local function is_fresh(before) return before ~= nil and not before.stale end

-- Whether no listener shows this service, nor one of the fleet that this agent reads for.
local function is_unseen(pass, identity, service)
  local resting = pass.resting[identity.namespace.name]
  return resting and resting[service.name] and not pass.complete[identity.namespace.id]
end

-- Whether a service that nobody sees was read not long ago.
local function rests(pass, service)
  return is_fresh(pass.before[service.id]) and not pass.session.seldom:due("service", service.id)
end

local function reading_of(service, fields)
  fields.id, fields.name, fields.arn = service.id, service.name, service.arn
  return fields
end

local function failed(pass, identity, service, problem)
  -- What is wrong may be that there is another service by now.
  pass.session.troubled[identity.namespace.id] = true
  -- Where some do not answer at all, to wait on would keep those that do from being served.
  if problem.transport then options_of(pass, identity).first_by = nil end
  if problem.code == "ServiceNotFound" then return false end
  pass.problems[service.id] = problem
  return reading_of(service, { error = problem:brief() })
end

-- The call that reads a service: it is the same from pass to pass.
local function discovery_of(session, identity, service)
  local owner = identity.by_arn and shared_by(identity) or nil
  local kept = session.discoveries[service.id]
  local namespace = identity.namespace.http_name
  if kept and kept.namespace == namespace and kept.service == service.name
    and kept.owner == owner then
    return kept.call
  end
  local call, problem = api.discovery(session.client, namespace, service.name, owner)
  if not call then return nil, problem end
  session.discoveries[service.id] = { namespace = namespace, service = service.name,
    owner = owner, call = call }
  return call
end

-- Its instances, or KNOWN: see aws/cloudmap.lua.
local function instances_of(pass, identity, service, known)
  local session = pass.session
  local call, problem = discovery_of(session, identity, service)
  if not call then return nil, problem end
  return api.discover_instances(session.client, call, options_of(pass, identity), known)
end

-- One service: its reading, with `error` and an entry in the pass's `problems` when it failed;
-- false when it was deleted meanwhile.
local function read_service(pass, identity, service)
  local unseen = is_unseen(pass, identity, service)
  if unseen and rests(pass, service) then return reading_of(service, { kept = true }) end
  local own, problem = own_attributes(pass, identity, service)
  if not own then return failed(pass, identity, service, problem) end
  local plain, known = next(own) == nil, nil
  -- Attributes of the service's own would be a part of what is known.
  if plain then known = seen.of(pass.before[service.id]) or false end
  local instances, detail = instances_of(pass, identity, service, known)
  if not instances then return failed(pass, identity, service, detail) end
  if unseen then
    pass.session.seldom:done("service", service.id, pass.times.list)
  end
  if instances == api.KNOWN then
    return { id = service.id, name = service.name, arn = service.arn, same = true,
      fingerprint = detail }
  end
  local attributes, endpoints = merge.settings_of(instances, own)
  return reading_of(service, { attributes = attributes, instances = endpoints,
    service_level = not plain, fingerprint = detail })
end

-- The services of a list that have no reading yet. Where there is not time for all it must not be
-- the same ones each time that wait: what was read longest ago goes first.
local function in_turn(pass, found, readings)
  local late, jobs = {}, {}
  for position, service in ipairs(found) do
    local before, is_left = pass.before[service.id], readings[service.id] == nil
    if is_left and is_fresh(before) then
      jobs[#jobs + 1] = service
    elseif is_left then
      late[#late + 1] = { service = service, position = position,
        read_at = before and before.read_at or 0 }
    end
  end
  if #late == 0 then return jobs end
  table.sort(late, function(a, b)
    if a.read_at ~= b.read_at then return a.read_at < b.read_at end
    return a.position < b.position
  end)
  local first = {}
  for position, one in ipairs(late) do first[position] = one.service end
  return table.move(jobs, 1, #jobs, #first + 1, first)
end

-- Reads the services of a list that have no reading yet, and does a job beside that, if there is
-- one.
local function read_list(pass, identity, found, readings, job)
  local jobs = in_turn(pass, found, readings)
  if job then table.insert(jobs, 1, job) end
  sched.all(jobs, pass.limit, function(one)
    if one == job then return job() end
    readings[one.id] = read_service(pass, identity, one)
  end)
end

-- A service that was never read has no last good data to keep, and to go on without it would
-- give its share to the other colors: so it gets a second round before it is left out.
local function second_round(pass, identity, found, readings)
  if next(pass.problems) == nil then return end
  local again = {}
  for _, service in ipairs(found) do
    local problem = pass.problems[service.id]
    if problem and not pass.before[service.id] and retry.class(problem) ~= "final" then
      again[#again + 1], readings[service.id] = service, nil
    end
  end
  if #again == 0 then return end
  local world = pass.session.client.context
  world.sleep(1 + world.random())
  read_list(pass, identity, again, readings)
end

-- Whether services were asked for and none of them answered.
local function none_read(readings)
  local failures = 0
  for _, reading in pairs(readings) do
    if reading and reading.error then
      failures = failures + 1
    elseif reading and not reading.kept then
      return false
    end
  end
  return failures > 0
end

-- Whether a service of the list is there no more.
local function any_gone(readings)
  for _, reading in pairs(readings) do
    if not reading then return true end
  end
  return false
end

--- All services of one namespace.
---
--- The list is looked at beside the services that are known, which need not wait for it. After a
--- trouble it goes first, so that an outage costs one call a pass; and where nothing answers it is
--- looked at too, so that an outage is one failure from its first pass on. So it is where a service
--- is gone: it may have been made anew, and must not be missed until the next pass.
---@param pass table  see discover/cloudmap.lua
---@param identity {namespace: table, by_arn: boolean}
---@return {services: ServiceReading[]?, error: string?, gone: boolean?}  `error`: there is no list;
---  `gone`: the namespace is not known
function services.read(pass, identity)
  local session, id, readings = pass.session, identity.namespace.id, {}
  local found, problem, looked = session.lists[id], nil, false
  if not pass.meshes[id] then begin_first(pass, id) end
  local function look()
    found, problem = list(pass, identity)
    looked = true
  end
  if not found or session.troubled[id] then
    look()
  elseif session.seldom:due("list", id) then
    read_list(pass, identity, found, readings, look)
  end
  if found then read_list(pass, identity, found, readings) end
  if found and not looked and none_read(readings) then
    look()
  elseif found and not looked and any_gone(readings) then
    local before = found
    look()
    found = found or before -- the others were read: what is gone is gone
    read_list(pass, identity, found, readings)
  end
  if not found then return { error = problem:brief(), gone = api.unknown[problem.code] } end
  second_round(pass, identity, found, readings)
  local result = {}
  for _, service in ipairs(found) do result[#result + 1] = readings[service.id] or nil end
  return { services = result }
end

return services
