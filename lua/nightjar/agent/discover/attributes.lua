--- Service-level attributes: which services have any, and when to ask for them.
local api = require "nightjar.agent.aws.cloudmap"
local times = require "nightjar.agent.discover.times"

local attributes = {}

-- Of a service that has no attributes of its own. Nobody changes it.
local NONE = {}
-- An endpoint that does not know the operation is asked again after so many passes: what answered
-- may have been a proxy. In place of a service's id.
local UNKNOWN_PASSES, ENDPOINT = 100, "endpoint"

local denied = { AccessDenied = true, AccessDeniedException = true,
  UnauthorizedOperation = true, NotAuthorized = true }
local unknown_operation = { UnknownOperationException = true, UnknownOperation = true,
  InvalidAction = true, NotImplemented = true }

local function warn_once(pass, code, message)
  if pass.warned[code] then return end
  pass.warned[code] = true
  pass.warnings[#pass.warnings + 1] = { code = code, message = message }
end

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

-- There may be no list any more, of a namespace that has just become empty.
local function attribute_time(pass, identity)
  return times.attributes(pass.times, #(pass.session.lists[identity.namespace.id] or NONE))
end

-- Whether the endpoint does not know the operation.
local function is_missing(problem)
  return unknown_operation[problem.code] or problem.status == 501
end

-- Service-level attributes, or none where the endpoint or the policy has them not. Where they
-- were part of the last good data a refusal is a failed read: it must not move a weight.
local function ask(pass, identity, service, options)
  local session, problem = pass.session, pass.session.unsupported
  -- Where a service has some the endpoint has known the operation.
  if not problem or session.seldom:due("attributes", ENDPOINT) or has_own(pass, service) then
    local found
    found, problem = api.get_service_attributes(session.client,
      identity.by_arn and service.arn or service.id, options)
    if found then
      session.refusals[service.id], session.unsupported = nil, nil
      return found
    elseif is_missing(problem) then
      session.unsupported = problem
      session.seldom:done("attributes", ENDPOINT, UNKNOWN_PASSES * pass.times.pass)
    end
  end
  local missing = is_missing(problem)
  if has_own(pass, service) or not (missing or denied[problem.code]) then
    return nil, problem
  end
  session.refusals[service.id] = describe_refusal(problem, missing)
  return {}
end

--- Whether a service is to be asked for attributes of its own. One that has some is at each pass,
--- since they may hold its weights; one that has none only now and then.
---@param pass table  see discover/cloudmap.lua
---@param service {id: string}
---@return boolean
function attributes.due(pass, service)
  local session, id = pass.session, service.id
  return has_own(pass, service) or not session.without_attributes[id]
    or session.seldom:due("attributes", id)
end

--- Warns where the attributes of a service's own are denied.
---@param pass table
---@param id string  of the service
function attributes.tell_refusal(pass, id)
  local refusal = pass.session.refusals[id]
  if refusal then warn_once(pass, refusal.code, refusal.message) end
end

--- What the attributes of these services were refused with, each kind once.
---@param pass table
---@param services {id: string}[]
---@return {code: string, message: string}[]
function attributes.refusals(pass, services)
  local list, told = {}, {}
  for _, service in ipairs(services) do
    local refusal = pass.session.refusals[service.id]
    if refusal and not told[refusal.code] then
      told[refusal.code], list[#list + 1] = true, refusal
    end
  end
  return list
end

--- The attributes of a service's own, asked for where that is due.
---@param pass table
---@param identity table  of its namespace: see discover/identity.lua
---@param service {id: string, arn: string?}
---@param options CallOptions
---@return table<string, string>?  none where they are denied, or not known to the endpoint
---@return Failure?
function attributes.read(pass, identity, service, options)
  local session, id = pass.session, service.id
  local none, found, problem = session.without_attributes, NONE, nil
  if attributes.due(pass, service) then
    found, problem = ask(pass, identity, service, options)
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
  attributes.tell_refusal(pass, id)
  return found, problem
end

return attributes
