--- Which services a namespace has: its list, and what is to be made of one that cannot be read.
local api = require "nightjar.agent.aws.cloudmap"
local retry = require "nightjar.agent.aws.retry"

local list = {}

-- An id finds nothing where the namespace is another account's, so an empty list is asked for
-- once more by ARN; which of the two names finds services is remembered.
local function ask(pass, identity, options)
  local namespace = identity.namespace
  local names = { namespace.id, namespace.arn }
  if identity.by_arn then names = { namespace.arn, namespace.id } end
  local empty, first
  for position, name in ipairs(names) do
    local found, problem = api.list_services(pass.session.client, name, options)
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

-- Whether this may be the trouble of the list alone: AWS does not allow it, or not as often, or it
-- was not even asked for, or what answers for lists is away: that is another host than the one for
-- instances. What is wrong with the keys is wrong for all. Who reads for a fleet and is not allowed
-- to must not go on: another agent may be.
local function is_refused(problem, leads)
  if api.unknown[problem.code] then return false end
  if problem.code == "DeadlineExceeded" then return true end
  local status, class = problem.status or 0, retry.class(problem)
  if class ~= "final" then return class == "throttle" or class == "transient" end
  return not leads and (problem.transport ~= nil or status >= 400 and status < 500)
end

-- The next pass asks for what is empty first, and of a namespace that is gone nothing stays.
local function keep(pass, id, found)
  local session = pass.session
  forget_gone(session, session.lists[id], found)
  if #found > 0 then
    session.lists[id] = found
    session.seldom:done("list", id, pass.times.list)
  else
    session.lists[id] = nil
    session.seldom:hurry("list", id)
  end
end

--- Reads the list. Where that fails it is due at the next pass too; one that was refused, or not
--- answered, is tried only once in each, for it is asked for again soon.
---@param pass table  see discover/cloudmap.lua
---@param identity {namespace: table, by_arn: boolean}
---@param options CallOptions
---@return table[]? found  {id, name, arn}, sorted by name
---@return Failure? problem
---@return boolean? refused  which need not be so of its services
function list.read(pass, identity, options)
  local session, id = pass.session, identity.namespace.id
  if session.refused[id] then
    options = { deadline = options.deadline, first_by = options.first_by, max_attempts = 1 }
  end
  local found, problem = ask(pass, identity, options)
  local refused = not found and is_refused(problem, pass.complete[id])
  session.refused[id] = refused or nil
  session.troubled[id] = not found and not refused or nil
  if found or api.unknown[problem.code] then keep(pass, id, found or {}) end
  if not found then return nil, problem, refused end
  return found
end

--- Adds services that are known to be there to a list that was read before they were: another agent
--- of the fleet has found them since, and they must not be missing until the list is due. One that
--- was made anew takes the place of the one of its name, of which there is one in a namespace.
---@param session CloudMapSession
---@param id string  of the namespace
---@param services {id: string, name: string, arn: string?}[]
function list.learn(session, id, services)
  local known, by_name, any = session.lists[id], {}, false
  if not known then return end
  for _, service in ipairs(known) do by_name[service.name] = service end
  for _, service in ipairs(services) do
    local before = by_name[service.name]
    if not before or before.id ~= service.id then
      by_name[service.name] = { id = service.id, name = service.name, arn = service.arn }
      any = true
    end
  end
  if not any then return end
  local found = {}
  for _, service in pairs(by_name) do found[#found + 1] = service end
  table.sort(found, function(a, b) return a.name < b.name end)
  forget_gone(session, known, found)
  session.lists[id] = found
end

--- Warns that the last list counts.
---@param pass table
---@param identity {namespace: table}
---@param problem Failure
function list.tell_stale(pass, identity, problem)
  pass.warnings[#pass.warnings + 1] = { code = "list_stale", mesh = identity.namespace.name,
    message = "its list of services cannot be read, and the last one counts: " .. problem:brief() }
end

return list
