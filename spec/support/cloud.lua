-- Cloud Map in an emulator that checks signatures and permissions, filled with the real AWS SDK.

local file = require("host.file")
local json = require("host.json")

local cloud = {}
cloud.__index = cloud

local REGION = "eu-central-1"
-- The calls that make the two users below; from the next one on, moto checks every signature.
local UNCHECKED = 6

---The IAM policy that README.md tells operators to use.
function cloud.readme_policy()
  local text = assert(file.read("README.md"))
  return assert(text:match("```json\n(.-)```"), "README.md shows no IAM policy")
end

---Start the emulator in a world.
---@param world table
---@return table cloud `endpoint`, `credentials` (environment variables of the agent's user)
function cloud.start(world)
  local port = world:ports(1)
  local self = setmetatable({ world = world, port = port, endpoint = "http://127.0.0.1:" .. port,
    calls = 0 }, cloud)
  self.process = world:start("moto", { "moto_server", "-H", "127.0.0.1", "-p", port },
    { INITIAL_NO_AUTH_ACTION_COUNT = UNCHECKED, AWS_DEFAULT_REGION = REGION })
  world.eventually(function() return world:get(self.endpoint .. "/moto-api/") end, 30,
    "moto answers")
  local everything = [[{"Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]]
  local commands = {}
  for name, policy in pairs { operator = everything, agent = cloud.readme_policy() } do
    for _, one in ipairs {
      { "create_user", { UserName = name } },
      { "put_user_policy", { UserName = name, PolicyName = "p", PolicyDocument = policy } },
      { "create_access_key", { UserName = name }, name },
    } do
      commands[#commands + 1] = { service = "iam", operation = one[1], parameters = one[2],
        as = one[3] }
    end
  end
  local environment = { AWS_ACCESS_KEY_ID = "none", AWS_SECRET_ACCESS_KEY = "none" }
  for i, answer in ipairs(self:call(commands, environment)) do
    if answer.AccessKey then
      self[commands[i].as] = {
        AWS_ACCESS_KEY_ID = answer.AccessKey.AccessKeyId,
        AWS_SECRET_ACCESS_KEY = answer.AccessKey.SecretAccessKey,
      }
    end
  end
  self.credentials = self.agent
  return self
end

---Call operations with boto3; see cloud.py.
---@param commands table[]
---@param credentials table? environment; the operator's by default
---@return table[] answers
function cloud:call(commands, credentials)
  self.calls = self.calls + 1
  local base = ("%s/call-%d"):format(self.world.directory, self.calls)
  assert(file.write(base .. ".json", assert(json.encode(json.array(commands)))))
  local words = { "AWS_DEFAULT_REGION=" .. REGION, "AWS_EC2_METADATA_DISABLED=true" }
  for name, value in pairs(credentials or self.operator) do
    words[#words + 1] = ("%s='%s'"):format(name, value)
  end
  local command = "env %s python3 spec/support/cloud.py %s <%s.json >%s.out 2>%s.err"
  local ok = os.execute(command:format(
    table.concat(words, " "), self.endpoint, base, base, base))
  if not ok then
    error("cloud.py: " .. file.read(base .. ".err"), 2)
  end
  return assert(json.decode(assert(file.read(base .. ".out"))))
end

local function discovery(operation, parameters, as)
  return { service = "servicediscovery", operation = operation, parameters = parameters, as = as }
end
cloud.discovery = discovery

---Make a namespace with its services.
---@param name string
---@param services table[] `{ name, settings = {KEY = value}, instances = { id = port } }`
---@return table ids service ids by name; `namespace` is the namespace's
function cloud:fill(name, services)
  local commands = {
    discovery("create_http_namespace", { Name = name }, "create"),
    discovery("get_operation", { OperationId = "$create.OperationId" }, "made"),
  }
  local namespace = "$made.Operation.Targets.NAMESPACE"
  for _, service in ipairs(services) do
    commands[#commands + 1] = discovery("create_service",
      { Name = service.name, NamespaceId = namespace }, service.name)
    local id = "$" .. service.name .. ".Service.Id"
    commands[#commands + 1] = discovery("register_instance",
      { ServiceId = id, InstanceId = "service-settings", Attributes = service.settings })
    for instance, port in pairs(service.instances) do
      commands[#commands + 1] = discovery("register_instance", { ServiceId = id,
        InstanceId = instance, Attributes = { AWS_INSTANCE_IPV4 = "127.0.0.1",
          AWS_INSTANCE_PORT = tostring(port) } })
    end
  end
  local ids = {}
  for i, answer in ipairs(self:call(commands)) do
    if commands[i].operation == "create_service" then
      ids[commands[i].as] = answer.Service.Id
    elseif commands[i].as == "made" then
      ids.namespace = answer.Operation.Targets.NAMESPACE
    end
  end
  return ids
end

---Environment for an agent that reads this cloud with the least privileges.
function cloud:environment(more)
  local environment = { AWS_ENDPOINT_URL = self.endpoint, AWS_REGION = REGION }
  for _, part in ipairs { self.credentials, more or {} } do
    for name, value in pairs(part) do
      environment[name] = value
    end
  end
  return environment
end

return cloud
