-- The task definitions of the examples, each as ECS gets it: what the containers' environment makes
-- of nightjar, and what the task promises about start, stop and rights.

local cli = require("spec.support.cli")
local examples = require("spec.support.examples")
local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")
local schema = require("nightjar.settings.schema")

local missing = examples.missing() or moto.missing()
if missing then
  pending("the examples' task definitions: " .. missing)
  return
end

local FARGATE_LONGEST_STOP = 120 -- seconds; "Amazon ECS task definition parameters for Fargate"

local SIDECARS = {
  ["ecs/fargate.yaml"] = function() return examples.task("fargate") end,
  ["ecs/bridge.yaml"] = function() return examples.task("bridge") end,
  ["ecs/gateway.yaml"] = function() return examples.task("gateway") end,
  ["terraform"] = examples.terraform_task,
}
local ALL = { ["shared-volume"] = examples.shared_volume_task }
for name, task in pairs(SIDECARS) do ALL[name] = task end

local function nightjar(task)
  return assert(examples.container(task, "nightjar"))
end

local function is_setting(name)
  for _, entry in ipairs(schema.entries) do
    if entry.name == name or entry.alias == name then return true end
  end
  return name:find("^NAMESPACE_%d%d?$") ~= nil or name:find("^NAMESPACE_%d%d?_PORT$") ~= nil
end

for name, made in pairs(ALL) do
  describe("the task of " .. name, function()
    local task, container, environment

    setup(function()
      task = made()
      container = nightjar(task)
      environment = examples.environment(container)
    end)

    it("sets nothing but settings, with values that nightjar takes without a word", function()
      for variable in pairs(environment) do
        assert.is_true(is_setting(variable), variable)
      end
      -- With keys, which the task's role gives in truth: their absence is no matter of the task's.
      local filled = { AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s" }
      for variable, value in pairs(environment) do
        filled[variable] = value:gsub("%${ENVOY_ADMIN_PORT}", "9901")
          :gsub("%${SERVICE_MEMBER}", "srv-1"):gsub("%${[%u_]+}", "web")
      end
      local result = cli.run { "config", environment = filled }
      assert.are.equal(0, result.status, result.stderr)
      assert.are.equal("", result.stderr)
    end)

    it("gives nightjar longer to stop than nightjar takes", function()
      local own = tonumber(environment.STOP_TIMEOUT)
      for _, entry in ipairs(schema.entries) do
        if entry.name == "STOP_TIMEOUT" then own = own or entry.default end
      end
      assert.is_true(container.stopTimeout > own)
      assert.is_true(container.stopTimeout <= FARGATE_LONGEST_STOP)
    end)

    it("asks `nightjar ready`, as docs/readiness.md has it", function()
      local page = assert(file.read("docs/readiness.md"))
      local wanted = assert(json.decode("{" .. page:match("```json\n(.-)```") .. "}"))
      assert.are.same(wanted.healthCheck, container.healthCheck)
    end)

    it("runs as user 1337 without rights, on a root that nobody can write", function()
      assert.are.equal("1337", container.user:match("^%d+"))
      assert.is_true(container.readonlyRootFilesystem)
      assert.are.same({ capabilities = { drop = { "ALL" } } }, container.linuxParameters)
      assert.is_nil(container.privileged)
    end)

    it("mounts a volume of its own where nightjar writes", function()
      local mount = container.mountPoints[1]
      assert.are.equal(environment.TMP_DIR or "/tmp", mount.containerPath)
      assert.are.same({ { name = mount.sourceVolume } }, task.volumes)
      assert.is_not_true(mount.readOnly)
    end)

    it("keeps what each container says", function()
      for _, one in ipairs(task.containerDefinitions) do
        assert.are.equal("awslogs", one.logConfiguration.logDriver)
      end
    end)

    it("starts the application when all that it needs is healthy", function()
      local application = examples.container(task, "application")
      if name == "ecs/gateway.yaml" then
        assert.is_nil(application)
        return
      end
      local proxy = examples.container(task, "envoy") and "envoy" or "nightjar"
      assert.are.same({ { containerName = proxy, condition = "HEALTHY" } }, application.dependsOn)
      assert.are.equal((application.links or {})[1] or "127.0.0.1",
        examples.environment(application).MESH:match("^http://(.-):"))
      assert.are.equal(environment.SERVICE_PORT or "8080",
        examples.environment(application).MESH:match(":(%d+)$"))
    end)
  end)
end

describe("the tasks of all examples", function()
  it("are what ECS's public service model takes", function()
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    local tasks = {}
    for name, made in pairs(ALL) do tasks[name] = made() end
    tasks.wrong = { family = "wrong", containerDefinitions = { { name = 1, colour = "blue" } } }
    cli.write(folder .. "/tasks.json", assert(json.encode(tasks)))
    local problems = moto.print("ecs.py", folder .. "/tasks.json")
    assert.is_truthy(problems.wrong:find("colour", 1, true))
    problems.wrong = nil
    assert.are.same({}, problems)
  end)
end)

describe("a service of the templates", function()
  for _, name in ipairs { "fargate", "bridge" } do
    it("has instances with a port, for a container of its task: " .. name, function()
      local service = examples.filled_in(examples.properties(name, "Service").ServiceRegistries)[1]
      local container = examples.container(examples.task(name), service.ContainerName)
      assert.are.equal(service.ContainerPort, container.portMappings[1].containerPort)
      -- The only record with a port, and one that Cloud Map allows no other beside.
      assert.are.same({ { Type = "SRV", TTL = 10 } },
        examples.properties(name, "Registry").DnsConfig.DnsRecords)
    end)

    it("is reached by the other tasks at whatever port its application may have: " .. name,
      function()
        local port = examples.templates()[name].template.Parameters.ApplicationPort
        local opened = examples.properties("mesh", "TaskToTask")
        assert.are.same({ opened.FromPort, opened.ToPort }, { port.MinValue, port.MaxValue })
        assert.are.same({ Ref = "TaskSecurityGroup" }, opened.SourceSecurityGroupId)
      end)

    it("bears its names from the start and no weight: " .. name, function()
      assert.are.same({ SERVICE = "shop", COLOR = "blue" },
        examples.filled_in(examples.properties(name, "Registry").ServiceAttributes))
    end)
  end

  -- The containers of a task share their ports there: the second to ask for one would fail.
  it("is refused on Fargate when application and sidecar have one port", function()
    local rule = examples.templates().fargate.template.Rules.Ports.Assertions[1].Assert
    local ports = { { Ref = "ApplicationPort" }, { Ref = "SidecarPort" } }
    assert.are.same({ ["Fn::Not"] = { { ["Fn::Equals"] = ports } } }, rule)
    local task = examples.block("resource", "aws_ecs_task_definition", "task")
    assert.are.equal("${var.application_port != var.sidecar_port}",
      task.lifecycle[1].precondition[1].condition)
  end)

  it("needs neither awsvpc nor a port of the host on EC2", function()
    local task = examples.task("bridge")
    assert.are.equal("bridge", task.networkMode)
    local application = examples.container(task, "application")
    assert.are.same({ "nightjar" }, application.links)
    assert.are.equal(0, application.portMappings[1].hostPort)
    assert.is_nil(nightjar(task).portMappings)
    assert.are.equal("true", examples.environment(nightjar(task)).AWS_EC2_METADATA_DISABLED)
  end)
end)

describe("the gateway", function()
  it("is asked by the load balancer where nightjar answers", function()
    local targets = examples.properties("gateway", "Targets")
    local container = nightjar(examples.task("gateway"))
    local environment = examples.environment(container)
    assert.are.equal("/ping", targets.HealthCheckPath)
    assert.are.equal(environment.NAMESPACE_0_PORT, tostring(targets.Port))
    assert.are.equal(targets.Port, container.portMappings[1].containerPort)
    assert.are.equal(targets.Port,
      examples.properties("gateway", "Service").LoadBalancers[1].ContainerPort)
  end)

  it("still serves while the load balancer sees that it goes", function()
    local targets = examples.properties("gateway", "Targets")
    local seen = targets.HealthCheckIntervalSeconds * targets.UnhealthyThresholdCount
    local environment = examples.environment(nightjar(examples.task("gateway")))
    -- A fifth of the time is for that: docs/supervision.md.
    assert.is_true(tonumber(environment.STOP_TIMEOUT) / 5 > seen)
  end)
end)

describe("the shared volume's task", function()
  local ONLY_DEPLOYED = { "family", "requiresCompatibilities", "cpu", "memory", "executionRoleArn",
    "taskRoleArn" }
  local ONLY_DEPLOYED_OF_A_CONTAINER = { "readonlyRootFilesystem", "linuxParameters", "stopTimeout",
    "logConfiguration" }

  it("is what docs/shared-volume.md explains, with what a deployment needs besides", function()
    local page = assert(file.read("docs/shared-volume.md"))
    local explained = assert(json.decode(page:match("\n```json\n(.-)\n```\n")))
    local deployed = examples.shared_volume_task()
    for _, field in ipairs(ONLY_DEPLOYED) do
      assert.is_truthy(deployed[field], field)
      deployed[field] = nil
    end
    for _, container in ipairs(deployed.containerDefinitions) do
      for _, field in ipairs(ONLY_DEPLOYED_OF_A_CONTAINER) do container[field] = nil end
      if container.name == "application" then
        container.portMappings, container.environment = nil, nil
      end
    end
    assert.are.same(explained, deployed)
  end)

  it("takes only variables that its page tells people to set", function()
    local page = assert(file.read("examples/shared-volume/README.md"))
    local text = assert(file.read("examples/shared-volume/task-definition.json"))
    local count = 0
    for variable in text:gmatch("%${([%u_]+)}") do
      count = count + 1
      assert.is_truthy(page:find("export " .. variable .. "=", 1, true), variable)
    end
    assert.is_true(count > 10)
  end)
end)
