-- The deployments below examples/ as plain values: templates with their parameters filled in, and
-- the task definitions that come of them in ECS's own form, whatever tool they are written for.

local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")

local examples = {}

examples.TEMPLATES = {}
for _, name in ipairs { "bridge", "fargate", "gateway", "instances", "mesh" } do
  examples.TEMPLATES[name] = "examples/ecs/" .. name .. ".yaml"
end

-- What stands for what AWS would fill in, by the name that each tool has for it.
local ACCOUNT, REGION = "123456789012", "eu-central-1"
local NAMESPACE = ("arn:aws:servicediscovery:%s:%s:namespace/ns-1"):format(REGION, ACCOUNT)
local CLOUDFORMATION = {
  ["AWS::Region"] = REGION, ["AWS::Partition"] = "aws", ["AWS::AccountId"] = ACCOUNT,
  Mesh = "mesh", ServiceName = "shop", Color = "blue", SidecarImage = "registry/sidecar:1",
  ApplicationImage = "registry/shop:1", ApplicationPort = 8000, SidecarPort = "8081",
  NamespaceName = "mesh.internal", ["AWS::StackName"] = "stack",
  Architecture = "ARM64",
  Registry = "srv-blue", ["Registry.Arn"] = "arn-of-registry", ["Namespace.Arn"] = NAMESPACE,
  ["mesh-NamespaceId"] = "ns-1", ["mesh-Logs"] = "/nightjar/mesh",
  ["mesh-ExecutionRole"] = "arn-of-execution", ["mesh-TaskRole"] = "arn-of-task",
}
local TERRAFORM = {
  ["var.region"] = REGION, ["var.service"] = "shop", ["var.color"] = "blue",
  ["data.aws_partition.current.partition"] = "aws",
  ["data.aws_caller_identity.current.account_id"] = ACCOUNT,
  ["var.sidecar_image"] = "registry/sidecar:1", ["var.application_image"] = "registry/shop:1",
  ["var.architecture"] = "ARM64", ["var.application_port"] = 8000, ["var.sidecar_port"] = 8081,
  ["var.namespace_name"] = "mesh.internal", ["var.namespace_id"] = "ns-1",
  ["aws_service_discovery_service.registry.id"] = "srv-blue",
  ["aws_cloudwatch_log_group.logs.name"] = "/nightjar/mesh",
  ["aws_iam_role.execution.arn"] = "arn-of-execution", ["aws_iam_role.task.arn"] = "arn-of-task",
}

---Whether the checkers are there; specs are pending without.
---@return string? why not
function examples.missing()
  return moto.missing("cfnlint, hcl2")
end

local function known(bindings, name)
  local value = bindings[name]
  if value == nil then error("the specs know no value of " .. name) end
  return value
end

---A part of a template with its functions carried out.
---@param value any
---@return any
function examples.filled_in(value)
  if type(value) ~= "table" then return value end
  if value.Ref then return known(CLOUDFORMATION, value.Ref) end
  if value["Fn::Sub"] then
    return (value["Fn::Sub"]:gsub("%${([%w:]+)}", function(name)
      return tostring(known(CLOUDFORMATION, name))
    end))
  end
  if value["Fn::GetAtt"] then
    return known(CLOUDFORMATION, table.concat(value["Fn::GetAtt"], "."))
  end
  if value["Fn::ImportValue"] then
    return known(CLOUDFORMATION, examples.filled_in(value["Fn::ImportValue"]))
  end
  local result = {}
  for key, item in pairs(value) do result[key] = examples.filled_in(item) end
  return result
end

-- CloudFormation writes the fields of ECS's own JSON with a capital.
local function in_ecs_form(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in pairs(value) do
    if type(key) == "string" then key = key:gsub("^%u", string.lower) end
    result[key] = in_ecs_form(item)
  end
  return result
end

local templates

---The templates by name: {template, problems}; see cfn.py.
---@return table<string, {template: table, problems: string[]}>
function examples.templates()
  if templates then return templates end
  local paths = {}
  for _, path in pairs(examples.TEMPLATES) do paths[#paths + 1] = path end
  local found = moto.print("cfn.py", table.unpack(paths))
  templates = {}
  for name, path in pairs(examples.TEMPLATES) do templates[name] = found[path] end
  return templates
end

---The properties of a template's resource, as they are written.
---@param name string of the template
---@param resource string
---@return table
function examples.properties(name, resource)
  local found = examples.templates()[name].template.Resources[resource]
  return assert(found, name .. " has no " .. resource).Properties
end

---The task definition of a template, as ECS has it.
---@param name string of the template
---@return table
function examples.task(name)
  return in_ecs_form(examples.filled_in(examples.properties(name, "Task")))
end

local folder

---The Terraform files: {blocks, problems}; see hcl.py.
function examples.terraform()
  folder = folder or moto.print("hcl.py", "examples/terraform")
  return folder
end

---The body of a Terraform block.
---@param kind string such as `resource`
---@param ... string its labels
---@return table
function examples.block(kind, ...)
  local wanted = table.concat({ ... }, ".")
  for _, block in ipairs(examples.terraform().blocks) do
    if block.type == kind and table.concat(block.labels, ".") == wanted then return block.body end
  end
  error(("no %s %s"):format(kind, wanted))
end

local function local_value(name)
  for _, block in ipairs(examples.terraform().blocks) do
    if block.type == "locals" and block.body[name] ~= nil then return block.body[name] end
  end
  error("no local." .. name)
end

---A Terraform value with its expressions carried out.
---@param value any
---@return any
function examples.evaluated(value)
  if type(value) == "table" then
    local result = {}
    for key, item in pairs(value) do result[key] = examples.evaluated(item) end
    return result
  end
  if type(value) ~= "string" then return value end
  local function of(expression)
    local name = expression:match("^local%.([%w_]+)$")
    if name then return examples.evaluated(local_value(name)) end
    local encoded = expression:match("^jsonencode%((.*)%)$")
    if encoded then return of(encoded) end
    local shown = expression:match("^tostring%((.*)%)$")
    if shown then return tostring(of(shown)) end
    return known(TERRAFORM, expression)
  end
  local whole = value:match("^%${([^}]*)}$")
  if whole then return of(whole) end
  return (value:gsub("%${([^}]*)}", function(expression) return tostring(of(expression)) end))
end

---The task definition of the Terraform files, as ECS has it.
---@return table
function examples.terraform_task()
  local body = {}
  for key, item in pairs(examples.block("resource", "aws_ecs_task_definition", "task")) do
    -- What `lifecycle` holds is for Terraform to judge, and no part of the task.
    if key ~= "lifecycle" then body[key] = examples.evaluated(item) end
  end
  local platform, volume = body.runtime_platform[1], body.volume[1]
  return { family = body.family, requiresCompatibilities = body.requires_compatibilities,
    networkMode = body.network_mode, cpu = body.cpu, memory = body.memory,
    executionRoleArn = body.execution_role_arn, taskRoleArn = body.task_role_arn,
    runtimePlatform = { operatingSystemFamily = platform.operating_system_family,
      cpuArchitecture = platform.cpu_architecture },
    volumes = { { name = volume.name } }, containerDefinitions = body.container_definitions }
end

---The task definition of the shared volume, with its variables as they are.
---@return table
function examples.shared_volume_task()
  return assert(json.decode(assert(file.read("examples/shared-volume/task-definition.json"))))
end

---A container of a task definition.
---@param task table
---@param name string
---@return table?
function examples.container(task, name)
  for _, container in ipairs(task.containerDefinitions) do
    if container.name == name then return container end
  end
end

---The environment of a container: name → value.
---@param container table
---@return table<string, string>
function examples.environment(container)
  local result = {}
  for _, variable in ipairs(container.environment or {}) do
    result[variable.name] = variable.value
  end
  return result
end

return examples
