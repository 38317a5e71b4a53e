--- The services of one namespace: which there are, and what each of them is.
---
--- What changes often is read at each pass by one DiscoverInstances for each service: it carries
--- endpoints, health and the settings instance. What changes seldom, or concerns no listener, is
--- read seldom (docs/cost.md says why no call less will do).
local api = require "nightjar.agent.aws.cloudmap"
local arn = require "nightjar.agent.aws.arn"
local attributes = require "nightjar.agent.discover.attributes"
local list = require "nightjar.agent.discover.list"
local merge = require "nightjar.agent.discover.merge"
local retry = require "nightjar.agent.aws.retry"
local sched = require "nightjar.agent.sched"
local seen = require "nightjar.agent.discover.seen"
local times = require "nightjar.agent.discover.times"

local services = {}

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

-- Whether that was read not long ago.
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

-- The call that reads a service, and more about it: it is the same from pass to pass.
local function discovery_of(session, identity, service)
  local owner = identity.by_arn and shared_by(identity) or nil
  local kept = session.discoveries[service.id]
  local namespace = identity.namespace.http_name
  if kept and kept.namespace == namespace and kept.service == service.name
    and kept.owner == owner then
    return kept
  end
  local call, problem = api.discovery(session.client, namespace, service.name, owner)
  if not call then return nil, problem end
  kept = { namespace = namespace, service = service.name, owner = owner, call = call }
  session.discoveries[service.id] = kept
  return kept
end

-- Its instances, or KNOWN: see aws/cloudmap.lua.
local function instances_of(pass, identity, service, known, answer)
  local session = pass.session
  local discovery, problem = discovery_of(session, identity, service)
  if not discovery then return nil, problem end
  return api.discover_instances(session.client, discovery.call, options_of(pass, identity), known,
    answer)
end

-- That it says what is known. Nobody changes it.
local function same_reading(service, fingerprint)
  return { id = service.id, name = service.name, arn = service.arn, same = true,
    fingerprint = fingerprint }
end

-- One service: its reading, with `error` and an entry in the pass's `problems` when it failed;
-- false when it was deleted meanwhile. `answer`: it was asked already, together with others.
local function read_service(pass, identity, service, answer)
  local own, problem = attributes.read(pass, identity, service, options_of(pass, identity))
  if not own then return failed(pass, identity, service, problem) end
  local plain, known = next(own) == nil, nil
  -- Attributes of the service's own would be a part of what is known.
  if plain then known = seen.of(pass.before[service.id]) or false end
  local instances, detail = instances_of(pass, identity, service, known, answer)
  if not instances then return failed(pass, identity, service, detail) end
  if is_unseen(pass, identity, service) then
    pass.session.seldom:done("service", service.id, pass.times.list)
  end
  if instances == api.KNOWN then
    return same_reading(service, detail)
  end
  local settings, endpoints = merge.settings_of(instances, own)
  return reading_of(service, { attributes = settings, instances = endpoints,
    service_level = not plain, fingerprint = detail })
end

-- Most services are asked for their instances alone, and say what they did before: of such a one,
-- how it is asked, and what is to be said of it then.
local function as_usual(pass, identity, service)
  local known = seen.of(pass.before[service.id])
  if not known or attributes.due(pass, service) then return nil end
  local discovery = discovery_of(pass.session, identity, service)
  local same = discovery and discovery.same
  if discovery and (not same or same.fingerprint ~= known or same.name ~= service.name
    or same.arn ~= service.arn) then
    discovery.same = same_reading(service, known)
  end
  return discovery
end

-- What is done in a pass for the services of a list that have no reading yet.
---@class ReadingJobs
---@field late table[]  services that the last pass did not read
---@field usual table[]  those that are as usual
---@field discoveries table[]  how they are asked; the session may forget one meanwhile
---@field fresh table[]  the other services
---@field others integer?  what is asked for beside the usual ones, and has not begun before

-- What nobody sees may rest.
local function sort_fresh(pass, identity, service, readings, jobs)
  local unseen = is_unseen(pass, identity, service)
  local discovery = not unseen and as_usual(pass, identity, service)
  if discovery then
    local place = #jobs.usual + 1
    jobs.usual[place], jobs.discoveries[place] = service, discovery
  elseif unseen and rests(pass, service) then
    readings[service.id] = reading_of(service, { kept = true })
  else
    jobs.fresh[#jobs.fresh + 1] = service
  end
end

-- Where there is not time for all it must not be the same ones each time that wait: what was read
-- longest ago goes first.
local function sort_late(pass, late)
  local order = {}
  for position, service in ipairs(late) do
    local before = pass.before[service.id]
    order[service] = { read_at = before and before.read_at or 0, position = position }
  end
  table.sort(late, function(one, other)
    local a, b = order[one], order[other]
    if a.read_at ~= b.read_at then return a.read_at < b.read_at end
    return a.position < b.position
  end)
end

local function jobs_of(pass, identity, found, readings)
  local jobs = { late = {}, usual = {}, discoveries = {}, fresh = {} }
  for _, service in ipairs(found) do
    local is_left = readings[service.id] == nil
    if is_left and is_fresh(pass.before[service.id]) then
      sort_fresh(pass, identity, service, readings, jobs)
    elseif is_left then
      jobs.late[#jobs.late + 1] = service
    end
  end
  if #jobs.late > 1 then sort_late(pass, jobs.late) end
  return jobs
end

-- So many are asked together, as the host's batches hold: all of a mesh, so that nobody waits for a
-- part's slowest answer.
local TOGETHER = 1000

-- Asks for the usual ones at some positions, and returns how many were asked. What was not asked,
-- after some trouble, and what has answered something else, with its answer, is left.
local function ask_together(pass, identity, jobs, from, to, readings, left)
  local calls, knowns = {}, {}
  for position = from, to do
    local discovery, place = jobs.discoveries[position], position - from + 1
    calls[place], knowns[place] = discovery.call, discovery.same.fingerprint
  end
  local asked, answers = api.discover_known(pass.session.client, calls,
    options_of(pass, identity), knowns, jobs.others)
  for position = from, to do
    local service, place = jobs.usual[position], position - from + 1
    local answer = answers[place]
    if answer or place > asked then
      left[#left + 1] = { service = service, answer = answer }
    else
      readings[service.id] = jobs.discoveries[position].same
      attributes.tell_refusal(pass, service.id)
    end
  end
  return asked
end

-- Asks for all services that are as usual, in parts. Trouble ends it: what is left then is asked
-- one by one, and meets it as ever.
local function read_together(pass, identity, jobs, readings)
  local left, is_troubled, usual = {}, false, jobs.usual
  for from = 1, #usual, TOGETHER do
    local to = math.min(from + TOGETHER - 1, #usual)
    if is_troubled then
      for position = from, to do left[#left + 1] = { service = usual[position] } end
    else
      is_troubled = ask_together(pass, identity, jobs, from, to, readings, left) < to - from + 1
    end
  end
  return left
end

-- Reads the services of a list that have no reading yet, and does a job beside that, if there is
-- one.
local function read_list(pass, identity, found, readings, job)
  local sorted, left = jobs_of(pass, identity, found, readings), {}
  local jobs = { job }
  sorted.others = #sorted.fresh + #jobs
  table.move(sorted.late, 1, #sorted.late, #jobs + 1, jobs)
  if #sorted.usual > 0 then
    jobs[#jobs + 1] = function()
      left = read_together(pass, identity, sorted, readings)
    end
  end
  table.move(sorted.fresh, 1, #sorted.fresh, #jobs + 1, jobs)
  sched.all(jobs, pass.limit, function(one)
    if type(one) == "function" then return one() end
    readings[one.id] = read_service(pass, identity, one)
  end)
  sched.all(left, pass.limit, function(one)
    readings[one.service.id] = read_service(pass, identity, one.service, one.answer)
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

-- Where all is refused one service shows it, and others need not be asked: of those that are read
-- at each pass the one that was read last.
local function probe_of(pass, identity, found)
  local probe, latest
  for _, service in ipairs(found) do
    local before = pass.before[service.id]
    local read_at = before and not is_unseen(pass, identity, service) and before.read_at or -1
    if not probe or read_at > latest then probe, latest = service, read_at end
  end
  return probe
end

-- Of a list that was refused it shows how old it is.
local function result_of(pass, identity, found, readings, refusal)
  local result, last = { services = {}, before = pass.before }, pass.meshes[identity.namespace.id]
  for _, service in ipairs(found) do
    result.services[#result.services + 1] = readings[service.id] or nil
  end
  if refusal then
    list.tell_stale(pass, identity, refusal)
    result.read_at = last and last.read_at
  end
  return result
end

--- All services of one namespace.
---
--- The list is looked at beside the services that are known, which need not wait for it. After a
--- trouble it goes first, and then one service, so that an outage costs two calls a pass; and
--- where nothing answers it is looked at too, so that an outage is one failure from its first pass
--- on. So it is where a service is gone: it may have been made anew, and must not be missed until
--- the next pass. Where the list alone is refused, or away, the last one counts: what is read of
--- its services must not be lost for that.
---@param pass table  see discover/cloudmap.lua
---@param identity {namespace: table, by_arn: boolean}
---@return {services: ServiceReading[]?, before: table?, read_at: integer?, error: string?,
---  gone: boolean?}  `error`: there is no list; `gone`: the namespace is not known; `before`,
---  `read_at`: see MeshReading
function services.read(pass, identity)
  local session, id, readings = pass.session, identity.namespace.id, {}
  local known = session.lists[id]
  local found, problem, looked, refused = known, nil, false, false
  if not pass.meshes[id] then begin_first(pass, id) end
  local function look()
    found, problem, refused = list.read(pass, identity, options_of(pass, identity))
    looked = true
  end
  if not known or session.troubled[id] then
    look()
    if known and refused then
      read_list(pass, identity, { probe_of(pass, identity, known) }, readings)
      -- Where no answer was awaited for long, an outage may be over by now.
      if problem.transport and not none_read(readings) then look() end
    end
  elseif session.seldom:due("list", id) then
    read_list(pass, identity, known, readings, look)
  end
  if refused and not none_read(readings) then found = known end
  if found then read_list(pass, identity, found, readings) end
  if found and not looked and none_read(readings) then
    look()
  elseif found and not looked and any_gone(readings) then
    look()
    found = found or known -- the others were read: what is gone is gone
    read_list(pass, identity, found, readings)
  end
  if not found then
    -- Whatever may have come right beside it; what is not known is asked for first anyway.
    session.troubled[id] = session.lists[id] and true or nil
    return { error = problem:brief(), gone = api.unknown[problem.code] }
  end
  second_round(pass, identity, found, readings)
  return result_of(pass, identity, found, readings, refused and problem)
end

return services
