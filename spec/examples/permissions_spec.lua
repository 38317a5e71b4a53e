-- The least that nightjar needs of AWS: the role of the examples against what the real agent asks
-- of Cloud Map. The emulator of the other specs knows actions only (it runs the agent with those of
-- README.md); here resources and conditions are judged too.

local cli = require("spec.support.cli")
local examples = require("spec.support.examples")
local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")

local missing = moto.missing() or examples.missing()
if missing then
  pending("the permissions of the examples: " .. missing)
  return
end

local ARN = "arn:aws:servicediscovery:eu-central-1:123456789012:"

local function list_of(value)
  return type(value) == "table" and value or { value }
end

local function matches(patterns, text)
  for _, pattern in ipairs(list_of(patterns)) do
    local lua = "^" .. pattern:gsub("%p", "%%%0"):gsub("%%%*", ".*") .. "$"
    if text:find(lua) then return true end
  end
  return false
end

local function holds(conditions, context)
  for operator, keys in pairs(conditions or {}) do
    assert(operator == "StringEquals", operator)
    for key, values in pairs(keys) do
      local met = false
      for _, value in ipairs(list_of(values)) do met = met or context[key] == value end
      if not met then return false end
    end
  end
  return true
end

-- What a call is about, for the actions whose table in the service authorization reference of Cloud
-- Map names a resource or condition keys; the lists name none, so only `*` allows them.
local function subject(operation, input)
  local id = input.Id or input.ServiceId
  if operation == "GetNamespace" then return ARN .. "namespace/" .. id, {} end
  if operation:find("^GetService") then return ARN .. "service/" .. id, {} end
  if operation == "DiscoverInstances" then
    return ARN .. "service/any", { ["servicediscovery:NamespaceName"] = input.NamespaceName,
      ["servicediscovery:ServiceName"] = input.ServiceName }
  end
  return "*", {}
end

local function allowed(policy, operation, input)
  local resource, context = subject(operation, input)
  for _, statement in ipairs(policy.Statement) do
    assert(statement.Effect == "Allow")
    if matches(statement.Action, "servicediscovery:" .. operation)
      and matches(statement.Resource, resource) and holds(statement.Condition, context) then
      return true
    end
  end
  return false
end

local function actions(policy)
  local found = {}
  for _, statement in ipairs(policy.Statement) do
    for _, action in ipairs(list_of(statement.Action)) do found[#found + 1] = action end
  end
  table.sort(found)
  return found
end

describe("the role of the examples", function()
  local policy, endpoint, asked

  -- What an agent with this environment asks in one reading of the mesh.
  local function reads(container, more)
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    local environment = examples.environment(container)
    for name, value in pairs(more or {}) do environment[name] = value end
    environment.AWS_ENDPOINT_URL = endpoint.endpoint
    environment.AWS_ACCESS_KEY_ID, environment.AWS_SECRET_ACCESS_KEY = "A", "s"
    environment.TMP_DIR = folder
    endpoint:faults {}
    local result = cli.run { "discover", environment = environment }
    assert.are.equal(0, result.status, result.stderr)
    local requests = endpoint:asked().requests
    assert.is_true(#requests > 0)
    for _, request in ipairs(requests) do
      asked["servicediscovery:" .. request.operation] = true
      assert.is_true(allowed(policy, request.operation, request.input),
        "not allowed: " .. assert(json.encode(request)))
    end
  end

  local function sidecar(name)
    return examples.container(examples.task(name), "nightjar")
  end

  setup(function()
    policy = examples.filled_in(examples.properties("mesh", "TaskRole").Policies[1].PolicyDocument)
    asked = {}
    endpoint = moto.faulty()
    endpoint:state {
      namespaces = { { Id = "ns-1", Name = "mesh.internal", HttpName = "mesh.internal",
        Arn = ARN .. "namespace/ns-1" } },
      services = { { Id = "srv-blue", Name = "shop-blue", NamespaceId = "ns-1",
        Arn = ARN .. "service/srv-blue", Attributes = { SERVICE = "shop", COLOR = "blue" },
        Instances = json.array {} } },
    }
  end)

  teardown(function() endpoint:stop() end)

  it("allows all that a sidecar asks", function()
    reads(sidecar("fargate"))
    reads(sidecar("bridge"))
  end)

  it("allows all that a gateway asks, which knows the mesh by id or by name", function()
    reads(sidecar("gateway"))
    reads(sidecar("gateway"), { NAMESPACE_0 = "mesh.internal" })
  end)

  it("allows nothing that was not asked", function()
    for _, action in ipairs(actions(policy)) do
      assert.is_true(asked[action], action .. " is never asked")
    end
  end)

  it("does not allow to look into another mesh", function()
    assert.is_true(allowed(policy, "DiscoverInstances",
      { NamespaceName = "mesh.internal", ServiceName = "shop-blue" }))
    assert.is_false(allowed(policy, "DiscoverInstances",
      { NamespaceName = "other.internal", ServiceName = "shop-blue" }))
    assert.is_false(allowed(policy, "GetNamespace", { Id = "ns-2" }))
    assert.is_false(allowed(policy, "RegisterInstance", { ServiceId = "srv-blue" }))
  end)

  it("has the actions of README.md and of docs/aws.md", function()
    local readme = assert(json.decode(assert(file.read("README.md")):match("```json\n(.-)```")))
    assert.are.same(actions(readme), actions(policy))
    local table_of_page = assert(file.read("docs/aws.md")):match("\n| action |.-\n\n")
    local named = {}
    for row in table_of_page:gmatch("\n(|[^\n]+)") do
      for action in row:match("^|([^|]*)|"):gmatch("`(%a+)`") do
        named[#named + 1] = "servicediscovery:" .. action
      end
    end
    table.sort(named)
    assert.are.same(named, actions(policy))
  end)

  it("is the same in Terraform, and so is who may take it", function()
    assert.are.same(policy, examples.evaluated("${local.mesh}"))
    for resource, theirs in pairs { task = "TaskRole", execution = "ExecutionRole" } do
      local body = examples.evaluated(examples.block("resource", "aws_iam_role", resource))
      assert.are.same(
        examples.filled_in(examples.properties("mesh", theirs).AssumeRolePolicyDocument),
        body.assume_role_policy)
    end
    local attached = examples.evaluated(examples.block("resource",
      "aws_iam_role_policy_attachment", "execution").policy_arn)
    assert.are.same(examples.filled_in(examples.properties("mesh", "ExecutionRole")
      .ManagedPolicyArns), { attached })
  end)
end)
