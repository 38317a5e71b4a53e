--- Who is who in Cloud Map: the namespaces that the settings name, and the service's own.
---
--- What was found is kept in the session, since an id never comes to mean another namespace.
local api = require "nightjar.agent.aws.cloudmap"
local arn = require "nightjar.agent.aws.arn"

local identity = {}

-- Calls with one name after the other, as long as the answer is that the name is not known;
-- of several such answers the first is the one to report.
local function first_known(names, call)
  local first
  for _, name in ipairs(names) do
    local found, problem = call(name)
    if found then return found, name end
    if not api.unknown[problem.code] then return nil, problem end
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

--- Finds what one of the settings names, if that is not known yet.
---@param pass table  `session`, `options`
---@param wanted {ref: string, reference: string}
---@return {namespace: table, by_arn: boolean, member: table?}? identity
---@return string|Failure detail  the key under which the session keeps it, or what was wrong
function identity.of(pass, wanted)
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

return identity
