-- The CloudFormation templates and Terraform files: without a finding of the checkers, without
-- references that lead nowhere, and of one mind about the task.

local examples = require("spec.support.examples")
local file = require("host.file")

local missing = examples.missing()
if missing then
  pending("the examples' templates: " .. missing)
  return
end

local function each(value, visit)
  visit(value)
  if type(value) == "table" then
    for _, item in pairs(value) do each(item, visit) end
  end
end

describe("the CloudFormation templates", function()
  for name, path in pairs(examples.TEMPLATES) do
    it("have no error and no warning of cfn-lint: " .. path, function()
      assert.are.same({}, examples.templates()[name].problems)
    end)
  end

  it("import nothing but what mesh.yaml exports", function()
    local exports, imported = {}, 0
    for _, output in pairs(examples.templates().mesh.template.Outputs) do
      local suffix = output.Export.Name["Fn::Sub"]:match("^%${AWS::StackName}%-(%w+)$")
      exports["${Mesh}-" .. suffix] = true
    end
    for name in pairs(examples.TEMPLATES) do
      each(examples.templates()[name].template, function(value)
        local import = type(value) == "table" and value["Fn::ImportValue"]
        if import then
          imported = imported + 1
          assert.is_true(exports[import["Fn::Sub"]], name .. ": " .. import["Fn::Sub"])
        end
      end)
    end
    assert.is_true(imported > 10)
  end)

  -- ECS knows one service of a name in a cluster, and one family of a name in a region.
  it("name services and families so that each of their stacks has its own", function()
    local own = { bridge = { "ServiceName", "Color" }, fargate = { "ServiceName", "Color" },
      gateway = { "AWS::StackName" } }
    for name, parameters in pairs(own) do
      for _, field in ipairs { { "Service", "ServiceName" }, { "Task", "Family" } } do
        local value = examples.properties(name, field[1])[field[2]]
        for _, parameter in ipairs(parameters) do
          assert.is_truthy(value.Ref == parameter
            or value["Fn::Sub"]:find("${" .. parameter .. "}", 1, true), name .. ": " .. parameter)
        end
      end
    end
  end)

  it("have every parameter that the page gives them, and no other that lacks a value", function()
    local page = assert(file.read("examples/ecs/README.md"))
    local seen = 0
    for name, words in page:gmatch("%-%-template%-file (%w+)%.yaml(.-)\n\n") do
      seen = seen + 1
      local given, overrides = {}, words:match("%-%-parameter%-overrides(.*)") or ""
      local parameters = examples.templates()[name].template.Parameters
      for parameter in overrides:gmatch("([%w]+)=") do
        given[parameter] = true
        assert.is_truthy(parameters[parameter], name .. " has no parameter " .. parameter)
      end
      for parameter, field in pairs(parameters) do
        assert.is_true(given[parameter] or field.Default ~= nil,
          ("%s needs a value of %s"):format(name, parameter))
      end
    end
    assert.is_true(seen >= 5, "templates on the page: " .. seen)
  end)
end)

describe("the Terraform files", function()
  -- Names that expressions speak of: {name = true}.
  local function references()
    local found = {}
    each(examples.terraform().blocks, function(value)
      if type(value) ~= "string" then return end
      for expression in value:gmatch("%${(.-)}") do
        for name in expression:gmatch("[%a_][%w_]*%.[%w_.]+") do found[name] = true end
      end
    end)
    return found
  end

  local function declared()
    local found = {}
    for _, block in ipairs(examples.terraform().blocks) do
      local labels = table.concat(block.labels, ".")
      if block.type == "variable" then found["var." .. labels] = true end
      if block.type == "resource" then found[labels] = true end
      if block.type == "data" then found["data." .. labels] = true end
      if block.type == "locals" then
        for name in pairs(block.body) do found["local." .. name] = true end
      end
    end
    return found
  end

  -- The declared name at the front of a reference: without the attribute that is read of it.
  local function root(reference)
    local parts = {}
    for part in reference:gmatch("[^.]+") do parts[#parts + 1] = part end
    return table.concat(parts, ".", 1, parts[1] == "data" and 3 or 2)
  end

  it("have the form of `terraform fmt`", function()
    assert.are.same({}, examples.terraform().problems)
  end)

  it("refer to nothing that is not there", function()
    local names, count = declared(), 0
    for reference in pairs(references()) do
      count = count + 1
      assert.is_true(names[root(reference)], reference .. " is not declared")
    end
    assert.is_true(count > 20)
  end)

  it("declare no variable, value or source that is not used", function()
    local used = {}
    for reference in pairs(references()) do used[root(reference)] = true end
    for name in pairs(declared()) do
      if name:find("^var%.") or name:find("^local%.") or name:find("^data%.") then
        assert.is_true(used[name], name .. " is not used")
      end
    end
  end)

  it("say of each variable and output what it is for", function()
    for _, block in ipairs(examples.terraform().blocks) do
      if block.type == "variable" or block.type == "output" then
        assert.is_truthy(block.body.description, block.labels[1])
      end
    end
  end)

  it("start no task before its roles may do what they are for", function()
    local after = {}
    for _, name in ipairs(examples.block("resource", "aws_ecs_service", "service").depends_on) do
      after[name:match("^%${(.*)}$")] = true
    end
    for _, block in ipairs(examples.terraform().blocks) do
      local name = table.concat(block.labels, ".")
      if name:find("^aws_iam_role_") then assert.is_true(after[name], name) end
    end
  end)

  -- The provider takes 38 characters and adds 26.
  it("make roles of a service of any name", function()
    for _, name in ipairs { "execution", "task" } do
      local prefix = examples.block("resource", "aws_iam_role", name).name_prefix
      assert.is_nil(prefix:find("${", 1, true))
      assert.is_true(#prefix <= 38)
    end
  end)

  it("make the task that CloudFormation makes", function()
    local theirs, ours = examples.task("fargate"), examples.terraform_task()
    theirs.family, ours.family = nil, nil
    assert.are.same(theirs, ours)
  end)

  it("register the service as CloudFormation does", function()
    local theirs = examples.filled_in(examples.properties("fargate", "Registry"))
    local ours = examples.evaluated(examples.block("resource", "aws_service_discovery_service",
      "registry"))
    local records = {}
    for i, record in ipairs(ours.dns_config[1].dns_records) do
      records[i] = { Type = record.type, TTL = record.ttl }
    end
    assert.are.equal(theirs.Name, ours.name)
    assert.are.equal(theirs.NamespaceId, ours.dns_config[1].namespace_id)
    assert.are.same(theirs.DnsConfig.DnsRecords, records)
    assert.are.equal(theirs.HealthCheckCustomConfig.FailureThreshold,
      ours.health_check_custom_config[1].failure_threshold)
  end)
end)
