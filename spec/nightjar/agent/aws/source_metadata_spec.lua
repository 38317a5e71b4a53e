-- Keys from a container agent and from an instance that listen: found, renewed, refused, slow.

local cli = require "spec.support.cli"
local clock = require "host.clock"
local moto = require "spec.support.moto"
local sources = require "spec.support.sources"

local HOUR = 3600
local NOTHING = "no AWS credentials: not in the environment, a web identity, a profile, the "
  .. "container's endpoint or the instance's metadata; "

describe("keys", function()
  local double, folder

  setup(function() double, folder = moto.metadata(), cli.folder() end)
  teardown(function()
    double:stop()
    cli.remove(folder)
  end)

  local function calls() return double:asked().requests end

  -- The paths that were asked for, with their methods.
  local function asked()
    local lines = {}
    for _, call in ipairs(calls()) do lines[#lines + 1] = call.method .. " " .. call.path end
    return lines
  end

  local function document(id, seconds)
    return { Code = "Success", AccessKeyId = id, SecretAccessKey = "hidden-secret",
      Token = "hidden-token", Expiration = sources.time(seconds) }
  end

  local function fails(world, seconds, message)
    local found, err = world:at(seconds)
    assert.is_nil(found)
    assert.equal(message, err)
  end

  it("are not asked for with settings that cannot be meant", function()
    local prefix = "AWS_EC2_METADATA_"
    local cases = {
      { { AWS_METADATA_SERVICE_TIMEOUT = "soon" },
        'AWS_METADATA_SERVICE_TIMEOUT: expected a number above 0, got "soon"' },
      { { AWS_METADATA_SERVICE_NUM_ATTEMPTS = "0" },
        'AWS_METADATA_SERVICE_NUM_ATTEMPTS: expected a number above 0, got "0"' },
      { { [prefix .. "SERVICE_ENDPOINT"] = "here" }, prefix .. "SERVICE_ENDPOINT: expected a URL" },
      { { [prefix .. "SERVICE_ENDPOINT_MODE"] = "IPv5" },
        prefix .. 'SERVICE_ENDPOINT_MODE: expected IPv4 or IPv6, got "ipv5"' },
      { { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "keys", [prefix .. "DISABLED"] = "true" },
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected a path that begins with /" },
    }
    for _, case in ipairs(cases) do
      case[1][prefix .. "DISABLED"] = case[1][prefix .. "DISABLED"] or "false"
      local keys, err = sources.open(case[1]):at(0)
      assert.is_nil(keys)
      assert.is_truthy(err:find(case[2], 1, true), err)
    end
  end)

  describe("of a container", function()
    local function agent(seconds, fields)
      fields = fields or {}
      fields.authorization = fields.authorization or "first"
      fields.body = fields.body or document("ASIA" .. seconds, seconds)
      double:control { container = fields }
    end

    local function open()
      return sources.open { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE =
        sources.write(folder, "authorization", "first\n"),
        AWS_CONTAINER_CREDENTIALS_FULL_URI = double.endpoint .. "/container/v1/keys" }
    end

    local function failed(problem)
      -- The path may be a secret of the agent's.
      return ("container credentials: %s/…: %s"):format(double.endpoint, problem)
    end

    it("come with their end, and say where they are from", function()
      agent(HOUR)
      assert.same({ access_key_id = "ASIA3600", secret_access_key = "hidden-secret",
        session_token = "hidden-token", expires = sources.START + HOUR, source = "container",
        method = "container" }, open():at(0))
      assert.same({ "GET /container/v1/keys" }, asked())
    end)

    it("are renewed with the authorization token that the file holds then", function()
      agent(HOUR)
      local world = open()
      world:at(0)
      sources.write(folder, "authorization", "second")
      agent(2 * HOUR, { authorization = "second" })
      assert.equal("ASIA3600", world:at(HOUR - 901).access_key_id)
      assert.equal("ASIA7200", world:at(HOUR - 600).access_key_id)
      assert.equal(1, #calls())
    end)

    it("stay in use while renewal fails, and are gone with their end", function()
      agent(HOUR)
      local world = open()
      local first = world:at(0)
      agent(HOUR, { status = 503 })
      assert.equal(first, world:at(HOUR - 700))
      assert.equal(first, world:at(HOUR - 1))
      assert.equal(6, #calls())
      fails(world, HOUR + 1, failed "HTTP status 503")
      agent(2 * HOUR)
      assert.equal("ASIA7200", world:at(HOUR + 2).access_key_id)
    end)

    it("do not come against a wrong authorization token, which is tried once", function()
      agent(HOUR, { authorization = "another" })
      fails(open(), 0, failed "HTTP status 401")
      assert.equal(1, #calls())
    end)

    it("do not come in an answer that holds none; the message holds nothing of it", function()
      for body, problem in pairs {
        ['{"AccessKeyId": "A", "Token": "hidden"'] = "expected a JSON object with keys",
        ["<html>hidden</html>"] = "expected a JSON object with keys",
        [""] = "expected a JSON object with keys",
        ['["hidden"]'] = "expected a JSON object with keys",
        ['{"AccessKeyId": "A", "Token": "hidden"}'] =
          "expected AccessKeyId and SecretAccessKey, SecretAccessKey is missing",
        ['{"AccessKeyId": "A", "SecretAccessKey": "hidden", "Expiration": "soon"}'] =
          "Expiration: expected a time like 2026-11-24T03:41:10Z",
        ['{"code": "TaskRoleNotFound", "message": "no role for this task"}'] =
          "TaskRoleNotFound: no role for this task",
      } do
        agent(HOUR, { body = body })
        fails(open(), 0, failed(problem))
      end
    end)

    it("are waited for three times two seconds", function()
      agent(HOUR, { delay = 20 })
      local started = clock.monotonic()
      local found, err = open():at(0)
      assert.is_nil(found)
      assert.matches("^container credentials: .*[Tt]ime", err)
      assert.equal(3, #calls())
      assert.is_true(clock.monotonic() - started < 9)
    end)

    it("do not come from an agent that is not there", function()
      local world = sources.open {
        AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://127.0.0.1:1/container" }
      local found, err = world:at(0)
      assert.is_nil(found)
      assert.matches("^container credentials: .*127%.0%.0%.1", err)
      assert.equal(2, #world.slept)
    end)

    it("are asked for once by all who wait for them", function()
      agent(HOUR, { delay = 0.2 })
      local found = open():at_once(20)
      assert.equal(found[1], found[20])
      assert.equal(1, #calls())
    end)
  end)

  describe("of an instance", function()
    local TOKEN = "PUT /latest/api/token"
    local ROLE = "GET /latest/meta-data/iam/security-credentials/"
    local KEYS = ROLE .. "app-role"

    local function instance(seconds, fields, revoke)
      fields = fields or {}
      fields.document = document("ASIA" .. seconds, seconds)
      double:control { instance = fields, revoke = revoke }
    end

    local function open(environment)
      local variables = { AWS_EC2_METADATA_DISABLED = "false",
        AWS_EC2_METADATA_SERVICE_ENDPOINT = double.endpoint }
      for name, value in pairs(environment or {}) do variables[name] = value end
      return sources.open(variables)
    end

    it("come against a token, by the role's name", function()
      instance(HOUR)
      local found = open():at(0)
      assert.same({ "ASIA3600", "hidden-secret", "hidden-token", sources.START + HOUR },
        { found.access_key_id, found.secret_access_key, found.session_token, found.expires })
      assert.same({ "instance", "instance role app-role" }, { found.method, found.source })
      assert.same({ TOKEN, ROLE, KEYS }, asked())
      assert.equal("21600", calls()[1].ttl)
    end)

    it("are renewed with the same token, as long as it is good", function()
      instance(HOUR)
      local world = open()
      world:at(0)
      instance(12 * HOUR)
      assert.equal("ASIA3600", world:at(HOUR - 901).access_key_id)
      assert.equal("ASIA43200", world:at(HOUR - 600).access_key_id)
      assert.same({ ROLE, KEYS }, asked())
      -- A token lives for six hours.
      instance(24 * HOUR)
      assert.equal("ASIA86400", world:at(12 * HOUR - 600).access_key_id)
      assert.same({ TOKEN, ROLE, KEYS }, asked())
    end)

    it("come with a new token when the instance has forgotten the old one", function()
      instance(HOUR)
      local world = open()
      world:at(0)
      instance(2 * HOUR, nil, true)
      assert.equal("ASIA7200", world:at(HOUR - 600).access_key_id)
      assert.same({ ROLE, TOKEN, ROLE, KEYS }, asked())
    end)

    it("are not asked for without end where every token is refused", function()
      instance(HOUR, { token_seconds = 0 })
      assert.is_nil((open():at(0)))
      assert.same({ TOKEN, ROLE, TOKEN, ROLE }, asked())
    end)

    it("stay in use beyond their end while it is away, with a try every 5 to 10 minutes", function()
      instance(HOUR)
      local world = open()
      local first = world:at(0)
      instance(HOUR, { status = 500 })
      assert.equal(first, world:at(HOUR + 1))
      local tries = #calls()
      assert.is_true(tries > 0)
      assert.equal(first, world:at(HOUR + 299))
      assert.equal(tries, #calls())
      assert.equal(first, world:at(HOUR + 602))
      assert.is_true(#calls() > tries)
      instance(4 * HOUR)
      assert.equal("ASIA14400", world:at(HOUR + 1300).access_key_id)
    end)

    it("stay in use when it hands out ones that have ended, till newer ones come", function()
      instance(-60)
      local world = open()
      assert.equal("ASIA-60", world:at(0).access_key_id)
      assert.equal("ASIA-60", world:at(299).access_key_id)
      assert.equal(3, #calls())
      instance(HOUR)
      assert.equal("ASIA3600", world:at(700).access_key_id)
    end)

    it("are missing where the instance has no role, and the last message says so", function()
      instance(HOUR, { mode = "no_role" })
      fails(open(), 0, NOTHING .. "instance metadata: the instance has no role")
    end)

    it("are missing where the service is turned off, refuses, or is broken", function()
      local base = double.endpoint .. "/latest"
      for mode, problem in pairs {
        forbidden = base .. "/api/token: HTTP status 403",
        empty = base .. "/meta-data/iam/security-credentials/: an empty answer",
      } do
        instance(HOUR, { mode = mode })
        fails(open(), 0, NOTHING .. "instance metadata: " .. problem)
      end
      for mode, problem in pairs {
        refused = "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role app-role.",
        malformed = "expected a JSON object with keys",
      } do
        instance(HOUR, { mode = mode })
        fails(open(), 0, "instance metadata: role app-role: " .. problem)
      end
    end)

    it("are waited for a second, once; the message has a hint for containers", function()
      instance(HOUR, { mode = "hang" })
      local started = clock.monotonic()
      local found, err = open():at(0)
      assert.is_nil(found)
      assert.matches("instance metadata: .*hop limit must be 2 or more", err)
      assert.same({ TOKEN }, asked())
      assert.is_true(clock.monotonic() - started < 3)
    end)

    it("are tried as often and waited for as long as the variables say", function()
      instance(HOUR, { delay = 0.7 })
      local world = open { AWS_METADATA_SERVICE_TIMEOUT = "0.3",
        AWS_METADATA_SERVICE_NUM_ATTEMPTS = "3" }
      assert.is_nil((world:at(0)))
      assert.same({ TOKEN, TOKEN, TOKEN }, asked())
      assert.equal(2, #world.slept)
      assert.equal("ASIA3600", open { AWS_METADATA_SERVICE_TIMEOUT = "5" }:at(0).access_key_id)
    end)

    it("are missing where the connection is closed without an answer", function()
      instance(HOUR, { mode = "closed" })
      local found, err = open():at(0)
      assert.is_nil(found)
      assert.matches(NOTHING .. "instance metadata: ", err, 1, true)
    end)

    it("are not looked for where that is forbidden", function()
      instance(HOUR)
      assert.is_nil((open { AWS_EC2_METADATA_DISABLED = "true" }:at(0)))
      assert.same({}, asked())
    end)

    it("are asked for once by all who wait for them", function()
      instance(HOUR, { delay = 0.1 })
      local found = open():at_once(20)
      assert.equal(found[1], found[20])
      assert.same({ TOKEN, ROLE, KEYS }, asked())
    end)
  end)
end)
