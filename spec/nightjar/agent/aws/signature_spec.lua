-- Keys of every source sign a call that an emulator with signature and permission checks accepts;
-- with another secret or another session token it does not, and the message says whose they are.

local api = require "nightjar.agent.aws.cloudmap"
local cli = require "spec.support.cli"
local moto = require "spec.support.moto"
local sched = require "nightjar.agent.sched"

describe("a call that is signed with keys", function()
  local missing = moto.missing()
  if missing then
    pending("needs an emulator: " .. missing)
    return
  end

  local cloud, double, folder, keys, caller

  -- Session keys of a role, as moto's STS gives them to a user who may assume it.
  local function session_of(role)
    local given = cloud:call { { service = "sts", operation = "assume_role", user = "caller",
      parameters = { RoleArn = cloud.roles[role], RoleSessionName = "spec" } } }[1].Credentials
    return { id = given.AccessKeyId, secret = given.SecretAccessKey, token = given.SessionToken }
  end

  setup(function()
    cloud, double, folder = moto.start(), moto.metadata(), cli.folder()
    cloud:cloudmap("create_http_namespace", { Name = "mesh.local" })
    keys, caller = session_of "mesh", session_of "gate"
  end)

  teardown(function()
    cloud:stop()
    double:stop()
    cli.remove(folder)
  end)

  local function write(name, text)
    cli.write(folder .. "/" .. name, text)
    return folder .. "/" .. name
  end

  local function section(name, with, ...)
    return ("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n%s")
      :format(name, with.id, with.secret, with.token, table.concat({ ... }, "\n"))
  end

  local function document(with, token)
    return { Version = 1, Code = "Success", AccessKeyId = with.id, SecretAccessKey = with.secret,
      [token or "Token"] = with.token, Expiration = "2099-01-01T00:00:00Z" }
  end

  -- Each source: what it is called in messages, and the environment that gives these keys by it.
  local SOURCES = {
    { name = "environment", of = function(with)
      return { AWS_ACCESS_KEY_ID = with.id, AWS_SECRET_ACCESS_KEY = with.secret,
        AWS_SESSION_TOKEN = with.token }
    end },
    { name = "profile web", of = function(with)
      return { AWS_PROFILE = "web",
        AWS_SHARED_CREDENTIALS_FILE = write("credentials", section("web", with)) }
    end },
    { name = "profile default", of = function(with)
      return { AWS_CONFIG_FILE = write("config", section("default", with)) }
    end },
    { name = "process of profile default", of = function(with)
      local text = [[{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s", ]]
        .. [["SessionToken": "%s"}]]
      write("keys.json", text:format(with.id, with.secret, with.token))
      return { AWS_CONFIG_FILE = write("config",
        ("[default]\ncredential_process = cat %s/keys.json\n"):format(folder)) }
    end },
    { name = "container", of = function(with)
      double:control { container = { body = document(with), authorization = "let-me-in" } }
      return { AWS_CONTAINER_AUTHORIZATION_TOKEN = "let-me-in",
        AWS_CONTAINER_CREDENTIALS_FULL_URI = double.endpoint .. "/container" }
    end },
    { name = "instance role app-role", of = function(with)
      double:control { instance = { document = document(with) } }
      return { AWS_EC2_METADATA_SERVICE_ENDPOINT = double.endpoint,
        AWS_EC2_METADATA_DISABLED = "false" }
    end },
  }

  local function list(environment, cloudmap_endpoint)
    for name, value in pairs { HOME = "/nonexistent", AWS_REGION = "eu-central-1",
      AWS_EC2_METADATA_DISABLED = "true", AWS_ENDPOINT_URL_STS = cloud.endpoint,
      AWS_ENDPOINT_URL_SERVICEDISCOVERY = cloudmap_endpoint or cloud.endpoint } do
      environment[name] = environment[name] or value
    end
    local connection = assert(api.connect { environment = environment, sources = {} })
    return sched.run(api.find_namespaces, connection, "mesh.local")
  end

  local function refused(environment, ...)
    local namespaces, problem = list(environment)
    assert.is_nil(namespaces)
    for _, text in ipairs { ... } do assert.matches(text, tostring(problem), 1, true) end
    return tostring(problem)
  end

  local function assert_secret(message, with)
    assert.is_nil(message:find(with.secret, 1, true))
    assert.is_nil(message:find(with.token, 1, true))
  end

  for _, source in ipairs(SOURCES) do
    describe("of the " .. source.name, function()
      it("is accepted", function()
        local namespaces, problem = list(source.of(keys))
        assert(namespaces, tostring(problem))
        assert.equal("mesh.local", namespaces[1].name)
      end)

      it("is refused with another secret, which the message says", function()
        local wrong = { id = keys.id, token = keys.token, secret = "x" .. keys.secret:sub(2) }
        local message = refused(source.of(wrong), "ListNamespaces: 403 SignatureDoesNotMatch: ",
          "the secret access key (" .. source.name .. ") is wrong")
        assert_secret(message, wrong)
      end)

      it("is refused with another session token, which the message says", function()
        local wrong = { id = keys.id, token = "x" .. keys.token:sub(2), secret = keys.secret }
        local message = refused(source.of(wrong), "ListNamespaces: 403 InvalidClientTokenId: ",
          "AWS does not know the access key or session token (" .. source.name .. ")")
        assert_secret(message, wrong)
      end)
    end)
  end

  describe("of a role that a profile assumes", function()
    local function profiles(with, role)
      return { AWS_CONFIG_FILE = write("config", ("[default]\nrole_arn = %s\n"):format(
        cloud.roles[role or "mesh"]) .. "source_profile = base\n"
        .. section("profile base", with)), AWS_SHARED_CREDENTIALS_FILE = "/nonexistent" }
    end

    it("is accepted, with session keys of another role as the source", function()
      local namespaces, problem = list(profiles(caller))
      assert(namespaces, tostring(problem))
      assert.equal("mesh.local", namespaces[1].name)
    end)

    it("is accepted at the end of a chain of roles", function()
      local user = cloud.users.caller
      local namespaces, problem = list { AWS_CONFIG_FILE = write("config", ([[
[default]
role_arn = %s
source_profile = gate
[profile gate]
role_arn = %s
source_profile = user
[profile user]
aws_access_key_id = %s
aws_secret_access_key = %s
]]):format(cloud.roles.mesh, cloud.roles.gate, user.id, user.secret)) }
      assert(namespaces, tostring(problem))
      assert.equal("mesh.local", namespaces[1].name)
    end)

    it("does not come about with another secret, and the message says which", function()
      local wrong = { id = caller.id, token = caller.token, secret = "x" .. caller.secret:sub(2) }
      local message = refused(profiles(wrong), "ListNamespaces: CredentialsError: profile default: "
        .. "role " .. cloud.roles.mesh .. ": AssumeRole: 403 SignatureDoesNotMatch: "
        .. "the secret access key (profile base) is wrong")
      assert_secret(message, wrong)
    end)

    it("does not come about with another session token, and the message says which", function()
      local wrong = { id = caller.id, token = "x" .. caller.token:sub(2), secret = caller.secret }
      local message = refused(profiles(wrong), "AssumeRole: 403 InvalidClientTokenId: "
        .. "AWS does not know the access key or session token (profile base)")
      assert_secret(message, wrong)
    end)

    it("is refused where the role may not, and the message names the role", function()
      refused(profiles(caller, "nobody"), "ListNamespaces: 403 AccessDenied",
        "assumed-role/nobody/")
    end)
  end)

  describe("of a role that is assumed with an identity's token", function()
    local function pod(role)
      return { AWS_WEB_IDENTITY_TOKEN_FILE = write("token", "header.payload.signature"),
        AWS_ROLE_ARN = cloud.roles[role], AWS_ROLE_SESSION_NAME = "pod" }
    end

    it("is accepted, though the call for the role is not signed", function()
      local namespaces, problem = list(pod "mesh")
      assert(namespaces, tostring(problem))
      assert.equal("mesh.local", namespaces[1].name)
    end)

    it("is refused where the role may not, and the message names the role", function()
      refused(pod "nobody", "ListNamespaces: 403 AccessDenied", "assumed-role/nobody/pod")
    end)
  end)

  it("is refused when AWS has never heard of the key", function()
    local message = refused({ AWS_ACCESS_KEY_ID = "AKIANOBODY", AWS_SECRET_ACCESS_KEY = "hunter2" },
      "ListNamespaces: 403 InvalidClientTokenId: "
        .. "AWS does not know the access key or session token (environment)")
    assert.is_nil(message:find("hunter2", 1, true))
  end)
end)
