--- The six operations of Cloud Map that nightjar uses; answers are checked before they are used.
---
--- Shapes after the public service model, API 2017-03-14.
local arn = require "nightjar.agent.aws.arn"
local aws_client = require "nightjar.agent.aws.client"
local credentials = require "nightjar.agent.aws.credentials"
local failure = require "nightjar.agent.aws.failure"
local json = require "host.json"
local protocol = require "nightjar.agent.aws.protocol.json"
local region = require "nightjar.agent.aws.region"
local sigv4 = require "host.sigv4"
local store = require "nightjar.agent.aws.store"
local world = require "nightjar.agent.aws.world"

local cloudmap = {}

--- Error codes that say that a name is not known here, so that another name of the same thing may
--- be.
cloudmap.unknown = { ServiceNotFound = true, NamespaceNotFound = true, InvalidInput = true,
  ResourceNotFoundException = true }

--- In place of instances that the caller has: see discover_instances.
cloudmap.KNOWN = protocol.KNOWN

---@type AwsService
cloudmap.service = {
  name = "servicediscovery", variable = "AWS_ENDPOINT_URL_SERVICEDISCOVERY",
  protocol = protocol.new("Route53AutoNaming_v20170314"),
  -- An account and region has 1,000 DiscoverInstances a second for all its agents and all else
  -- and 2,000 at once ("AWS Cloud Map quotas"): a pass over 1,000 services need not wait, and has
  -- its burst back in 10 s. What List and Get may take together is not published, and lower.
  rates = {
    DiscoverInstances = { rate = 100, burst = 1000 },
    GetServiceAttributes = { rate = 40, burst = 200 },
    default = { rate = 10, burst = 50 },
  },
}

--- A client for Cloud Map as the settings describe it, with the credentials of the chain. The
--- instance metadata service is asked only where nothing else names the region.
---@param settings table
---@param options table?  see aws/world.lua; `providers` replaces the credentials' chain
---@return AwsClient?
---@return string? err
---@return string? code  "unknown": no region is known, but may be later
function cloudmap.connect(settings, options)
  local context = world.new(settings, options)
  local where, err, code = region.describe(settings, context)
  if not where then return nil, err, code end
  local keys = store.new(context, options and options.providers or credentials.providers)
  return aws_client.new(cloudmap.service, context, where.value, keys)
end

-- Pages hold at most 100; a list of 20,000 services is beyond every quota.
local PAGE_SIZE = 100
local MAX_PAGES = 200
-- The default is 100, and there are no pages: a service may hold 1,000.
local MAX_INSTANCES = 1000
local PREFIX = "data-"
local NONE = {}

local function unexpected(operation, what)
  return failure.new { operation = operation, status = 200, code = "UnexpectedResponse",
    message = "expected " .. what }
end

local function string_of(record, name)
  local value = type(record) == "table" and record[name]
  return type(value) == "string" and value ~= "" and value or nil
end

local function table_of(record, name)
  local value = type(record) == "table" and record[name]
  return type(value) == "table" and value or nil
end

-- Decoded arrays are marked, so that `{}` is told from `[]`: half an answer is no empty list.
local function list_of(record, name)
  local value = table_of(record, name)
  return value and json.is_array(value) and value or nil
end

local function is_absent(value) return value == nil or value == json.null end

-- An attribute map with nothing but strings; nil when it is something else.
local function attributes_of(record)
  local given = record.Attributes
  if is_absent(given) then return {} end
  if type(given) ~= "table" or json.is_array(given) then return nil end
  local attributes = {}
  for key, value in pairs(given) do
    if type(key) ~= "string" or type(value) ~= "string" then return nil end
    attributes[key] = value
  end
  return attributes
end

local function namespace_of(record)
  local id, name = string_of(record, "Id"), string_of(record, "Name")
  if not id or not name then return nil end
  local http = table_of(table_of(record, "Properties"), "HttpProperties")
  return { id = id, name = name, arn = string_of(record, "Arn"),
    http_name = string_of(http, "HttpName") or name }
end

--- Reads one service by id or ARN.
---@return {id: string, name: string, arn: string?, namespace_id: string, owner: string?}?
---@return Failure?
function cloudmap.get_service(client, id, options)
  local output, problem = client:call("GetService", { Id = id }, options)
  if not output then return nil, problem end
  local service = table_of(output, "Service")
  local namespace = string_of(service, "NamespaceId")
    or string_of(table_of(service, "DnsConfig"), "NamespaceId")
  if not string_of(service, "Id") or not string_of(service, "Name") or not namespace then
    return nil, unexpected("GetService", "Service with Id, Name and NamespaceId")
  end
  return { id = service.Id, name = service.Name, arn = string_of(service, "Arn"),
    namespace_id = namespace, owner = string_of(service, "ResourceOwner") }
end

--- Reads one namespace by id or ARN.
---@return {id: string, name: string, arn: string?, http_name: string}?
---@return Failure?
function cloudmap.get_namespace(client, id, options)
  local output, problem = client:call("GetNamespace", { Id = id }, options)
  if not output then return nil, problem end
  local namespace = namespace_of(output.Namespace)
  if namespace then return namespace end
  return nil, unexpected("GetNamespace", "Namespace with Id and Name")
end

-- All pages of a list, or none: half a list is no list.
local function pages(client, operation, field, filters, options)
  local items, token, seen = {}, nil, {}
  for _ = 1, MAX_PAGES do
    local output, problem = client:call(operation,
      { MaxResults = PAGE_SIZE, NextToken = token, Filters = filters }, options)
    if not output then return nil, problem end
    local page = list_of(output, field)
    if not page then return nil, unexpected(operation, field) end
    table.move(page, 1, #page, #items + 1, items)
    token = output.NextToken
    if is_absent(token) or token == "" then return items end
    if type(token) ~= "string" then return nil, unexpected(operation, "a NextToken of text") end
    if seen[token] then return nil, unexpected(operation, "a NextToken not given before") end
    seen[token] = true
  end
  return nil, unexpected(operation, "at most " .. MAX_PAGES .. " pages")
end

--- The namespaces of exactly this name, own and shared ones.
---@return table[]?  {id, name, arn, http_name}, sorted by id
---@return Failure?
function cloudmap.find_namespaces(client, name, options)
  local filters = { { Name = "NAME", Values = { name }, Condition = "EQ" } }
  local records, problem = pages(client, "ListNamespaces", "Namespaces", filters, options)
  if not records then return nil, problem end
  local found = {}
  for _, record in ipairs(records) do
    local namespace = namespace_of(record)
    if not namespace then
      return nil, unexpected("ListNamespaces", "Namespaces with Id and Name")
    end
    -- An endpoint that knows no filter answers with all of them.
    if namespace.name == name then found[#found + 1] = namespace end
  end
  table.sort(found, function(a, b) return a.id < b.id end)
  return found
end

--- The services of one namespace.
---@param namespace string  its id, or its ARN where another account shares it
---@return {id: string, name: string, arn: string?}[]?  sorted by name
---@return Failure?
function cloudmap.list_services(client, namespace, options)
  local filters = { { Name = "NAMESPACE_ID", Values = { namespace }, Condition = "EQ" } }
  local records, problem = pages(client, "ListServices", "Services", filters, options)
  if not records then return nil, problem end
  local parsed = arn.parse(namespace)
  local id = parsed and parsed.id or namespace
  local services, taken = {}, {}
  for _, record in ipairs(records) do
    if not string_of(record, "Id") or not string_of(record, "Name") then
      return nil, unexpected("ListServices", "Services with Id and Name")
    end
    -- An endpoint that knows no filter answers with all services and says whose they are.
    local of = string_of(record, "NamespaceId")
    -- A list that changes while its pages are asked for may name one on two of them.
    if (not of or of == id) and not taken[record.Id] then
      taken[record.Id] = true
      services[#services + 1] = { id = record.Id, name = record.Name,
        arn = string_of(record, "Arn") }
    end
  end
  table.sort(services, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return a.id < b.id
  end)
  return services
end

--- The call that asks for the instances of a service, to be kept for the next time.
---@param client AwsClient
---@param namespace string  the namespace's HttpName
---@param service string  the service's name
---@param owner string?  the account that shares the namespace
---@return PreparedCall?
---@return Failure? problem  the names cannot be sent
function cloudmap.discovery(client, namespace, service, owner)
  local prepared, problem = client:prepare("DiscoverInstances", { NamespaceName = namespace,
    ServiceName = service, MaxResults = MAX_INSTANCES, HealthStatus = "ALL",
    OwnerAccount = owner })
  if not prepared then return nil, problem end
  prepared.payload_hash = sigv4.sha256(prepared.body)
  return prepared
end

--- Asks for the instances of several services of which most, or all, say what the caller has.
---@param client AwsClient
---@param discoveries PreparedCall[]  see cloudmap.discovery
---@param options CallOptions  its times
---@param knowns string[]  of each the fingerprint of the answer that the caller has
---@param others integer  so many other services are about to be asked
---@return integer asked  the first so many
---@return table<integer, BatchAnswer> answers  of those that do not say what the caller has, for
---  discover_instances
function cloudmap.discover_known(client, discoveries, options, knowns, others)
  return client:send_known(discoveries, knowns, { host_prefix = PREFIX,
    deadline = options.deadline, first_by = options.first_by }, others)
end

--- Every instance of a service with its health. Of an id given twice the later one counts.
---@param client AwsClient
---@param discovery PreparedCall  see cloudmap.discovery
---@param options CallOptions?  its times
---@param known string|false|nil  fingerprint of the answer that the caller has; false: it has none
---@param answer BatchAnswer?  of discover_known
---@return {id: string, health: string, attributes: table<string, string>}[]?  sorted by id;
---  cloudmap.KNOWN when the answer says what the caller has
---@return Failure|string|nil  or the answer's fingerprint
function cloudmap.discover_instances(client, discovery, options, known, answer)
  options = options or NONE
  local output, problem = client:send(discovery, { host_prefix = PREFIX,
    deadline = options.deadline, first_by = options.first_by, known = known }, answer)
  if not output or output == cloudmap.KNOWN then return output, problem end
  local records = list_of(output, "Instances")
  local left_out = output.Instances == nil and type(output.InstancesRevision) == "number"
  if left_out then records = {} end
  if not records then return nil, unexpected("DiscoverInstances", "Instances") end
  local by_id, ids = {}, {}
  for _, record in ipairs(records) do
    local id = string_of(record, "InstanceId")
    local attributes = id and attributes_of(record)
    if not attributes then
      return nil, unexpected("DiscoverInstances", "Instances with InstanceId and Attributes")
    end
    if not by_id[id] then ids[#ids + 1] = id end
    by_id[id] = { id = id, attributes = attributes,
      health = string_of(record, "HealthStatus") or "UNKNOWN" }
  end
  table.sort(ids)
  local instances = {}
  for position, id in ipairs(ids) do instances[position] = by_id[id] end
  return instances, problem
end

--- The attributes of a service itself (since 2024).
---@param service string  its id, or its ARN where another account shares it
---@return table<string, string>?
---@return Failure?
function cloudmap.get_service_attributes(client, service, options)
  local output, problem =
    client:call("GetServiceAttributes", { ServiceId = service }, options)
  if not output then return nil, problem end
  local record = table_of(output, "ServiceAttributes")
  local attributes = record and attributes_of(record)
  if attributes then return attributes end
  return nil, unexpected("GetServiceAttributes", "ServiceAttributes with Attributes")
end

return cloudmap
