-- Where keys and tokens must not be found, whatever source they come from: in any file or log of a
-- run, in what Envoy is given or tells, in a core file.

local credentials = require("nightjar.agent.aws.credentials")
local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local world_of = require("spec.support.world")

local ACCOUNT = "arn:aws:servicediscovery:eu-central-1:123456789012:"

-- What is looked for. The id of an access key is no secret.
local SECRETS = { "wJalrXUtnFEMIsecret", "FwoGZXIvYXdzsession", "authorization-token-1",
  "argument-of-the-process", "credentials/one-of-a-kind", "identity.of.the-pod",
  "instance-secret", "instance-token" }

local missing = world_of.missing() or moto.missing()
if missing then
  pending("secrets: " .. missing)
  return
end

describe("secrets of a run", function()
  local world, endpoint, metadata, ports, port, count

  local function document()
    return { Version = 1, AccessKeyId = "ASIAEXAMPLE", SecretAccessKey = SECRETS[1],
      Token = SECRETS[2], SessionToken = SECRETS[2], Expiration = "2099-01-01T00:00:00Z" }
  end

  local function instance(id, to)
    return { InstanceId = id, Attributes = { AWS_INSTANCE_IPV4 = "127.0.0.1",
      AWS_INSTANCE_PORT = tostring(to) } }
  end

  local function service(id, to)
    return { Id = id, Name = id, NamespaceId = "ns-1", Arn = ACCOUNT .. "service/" .. id,
      Attributes = { ["/" .. id] = "1", SERVICE = id, COLOR = "blue" },
      Instances = json.array { instance("a", to) } }
  end

  setup(function()
    world, count = world_of.new(), 0
    ports = world:backends("web", "me")
    endpoint, metadata = moto.faulty(), moto.metadata()
  end)

  before_each(function()
    endpoint:state { namespaces = { { Id = "ns-1", Name = "shop.local", HttpName = "shop.local",
      Arn = ACCOUNT .. "namespace/ns-1" } },
      services = { service("srv-web", ports.web), service("srv-me", ports.me) },
      credentials = { status = 200, body = document() } }
  end)

  teardown(function()
    endpoint:stop()
    metadata:stop()
    assert.are.same({}, world:close())
  end)

  local function write(name, text)
    local path = world.directory .. "/given/" .. name
    script.sh("mkdir -p %s", world.directory .. "/given")
    local handle = assert(io.open(path, "w"))
    handle:write(text)
    handle:close()
    return path
  end

  -- Runs the agent until it serves, lets every kind of refusal happen, and stops it.
  local function run(environment, found)
    count = count + 1
    port = world:ports(1)
    local tmp = world.directory .. "/run-" .. count
    local settings = { SERVICE_MEMBER = "srv-me", SERVICE_PORT = port, TMP_DIR = tmp,
      AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint.endpoint, HOME = "/nonexistent",
      AWS_MAX_ATTEMPTS = 1, AWS_EC2_METADATA_DISABLED = "true" }
    for name, value in pairs(environment) do settings[name] = value end
    local agent = world:agent(settings)
    world.eventually(function()
      return (world:get(("http://127.0.0.1:%d/srv-web"):format(port))) == 200
    end, 20, "the agent serves")
    for _, fault in ipairs { "skew", "expired", "denied", "html" } do
      endpoint:faults { { operation = "*", fault = fault } }
      os.execute("sleep 1.1")
    end
    found(agent)
    world:stop(agent)
    return agent, tmp
  end

  local function look(text, where)
    for _, secret in ipairs(SECRETS) do
      assert.is_nil(text:find(secret, 1, true), ("%q in %s"):format(secret, where))
    end
  end

  local function look_in_files(tmp, agent)
    local seen = 0
    local pipe = assert(io.popen(("find '%s' '%s' '%s' -type f"):format(tmp, agent.log,
      agent.base .. ".out")))
    for path in pipe:lines() do
      seen = seen + 1
      look(assert(file.read(path)), path)
    end
    pipe:close()
    assert.is_true(seen >= 6, "too few files: " .. seen)
  end

  local function look_in_envoy(agent)
    local envoy = assert(tonumber(file.read(world.directory .. "/envoy.pid")))
    for _, name in ipairs { "environ", "cmdline" } do
      look(assert(file.read(("/proc/%d/%s"):format(envoy, name), 1 << 20)), "Envoy's " .. name)
    end
    local status, dump = world:get(agent.admin .. "/config_dump")
    assert.are.equal(200, status)
    look(dump, "Envoy's configuration")
    local limits = assert(file.read(("/proc/%d/limits"):format(agent.pid)))
    assert.matches("Max core file size +0 +0", limits)
  end

  local sources = {
    environment = function()
      return { AWS_ACCESS_KEY_ID = "ASIAEXAMPLE", AWS_SECRET_ACCESS_KEY = SECRETS[1],
        AWS_SESSION_TOKEN = SECRETS[2] }
    end,
    ["a profile"] = function()
      return { AWS_SHARED_CREDENTIALS_FILE = write("credentials", ("[default]\n"
        .. "aws_access_key_id = ASIAEXAMPLE\naws_secret_access_key = %s\naws_session_token = %s\n")
        :format(SECRETS[1], SECRETS[2])) }
    end,
    ["a program"] = function()
      local program = write("program",
        "#!/bin/sh\ncat <<'E'\n" .. json.encode(document()) .. "\nE\n")
      script.sh("chmod +x %s", program)
      return { AWS_CONFIG_FILE = write("config", ("[default]\ncredential_process = %s --key %s\n")
        :format(program, SECRETS[4])) }
    end,
    ["a container's endpoint"] = function()
      return { AWS_CONTAINER_CREDENTIALS_FULL_URI = endpoint.endpoint .. "/" .. SECRETS[5],
        AWS_CONTAINER_AUTHORIZATION_TOKEN = SECRETS[3] }
    end,
  }

  sources["a web identity"] = function()
    return { AWS_WEB_IDENTITY_TOKEN_FILE = write("token", SECRETS[6]),
      AWS_ROLE_ARN = "arn:aws:iam::123456789012:role/pod",
      AWS_ENDPOINT_URL_STS = metadata.endpoint }
  end

  sources["a role of a profile"] = function()
    return { AWS_ENDPOINT_URL_STS = metadata.endpoint, AWS_CONFIG_FILE = write("config", ([[
[default]
role_arn = arn:aws:iam::123456789012:role/reader
source_profile = base
[profile base]
aws_access_key_id = ASIAEXAMPLE
aws_secret_access_key = %s
aws_session_token = %s
]]):format(SECRETS[1], SECRETS[2])) }
  end

  sources["an instance"] = function()
    return { AWS_EC2_METADATA_DISABLED = "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT = metadata.endpoint }
  end

  -- STS's keys follow from who asks for what, so that asking tells what to look for.
  local function add_keys(environment)
    local all = { HOME = "/nonexistent", AWS_REGION = "eu-central-1",
      AWS_ENDPOINT_URL = endpoint.endpoint, AWS_EC2_METADATA_DISABLED = "true" }
    for name, value in pairs(environment) do all[name] = value end
    local keys = assert(sched.run(function()
      return credentials.new({ environment = all, sources = {} }):get()
    end))
    SECRETS[#SECRETS + 1] = keys.secret_access_key
    SECRETS[#SECRETS + 1] = keys.session_token
  end

  for name, environment in pairs(sources) do
    it("that came from " .. name .. " are in no file, log or core, and not with Envoy", function()
      add_keys(environment())
      local agent, tmp = run(environment(), look_in_envoy)
      assert.matches("event=stale", world:log(agent))
      look_in_files(tmp, agent)
    end)
  end

  it("are not in what a person sees of the calls", function()
    local environment = sources["a container's endpoint"]()
    environment.SERVICE_MEMBER, environment.AWS_REGION = "srv-me", "eu-central-1"
    environment.AWS_ENDPOINT_URL, environment.HOME = endpoint.endpoint, "/nonexistent"
    local result = require("spec.support.cli").run { "discover", "--debug-http",
      environment = environment }
    assert.are.equal(0, result.status, result.stderr)
    look(result.stderr .. result.stdout, "the output")
    for _, expected in ipairs { "* container credentials\n", "* DiscoverInstances, attempt 1\n",
      "X-Amz-Security-Token: (hidden)", "Credential=ASIAEXAMPLE/", '"ServiceName":"srv-web"',
      "< 200 after " } do
      assert.is_truthy(result.stderr:find(expected, 1, true), expected)
    end
  end)
end)
