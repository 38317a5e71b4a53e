-- The double of the container agent, the instance and STS, held to what the real SDK reads in it.

local cli = require "spec.support.cli"
local json = require "host.json"
local moto = require "spec.support.moto"
local sched = require "nightjar.agent.sched"

local FAR = 4070908800 -- 2099-01-01T00:00:00Z
local WEB = "arn:aws:iam::123456789012:role/web"
local POD = "arn:aws:iam::123456789012:role/pod"

describe("the double of the metadata services, asked by the AWS SDK", function()
  local missing = moto.missing()
  if missing then
    pending("needs the AWS SDK: " .. missing)
    return
  end

  local double, folder, answers, asked

  local function of(role)
    local found = {}
    for _, request in ipairs(asked) do
      if request.role == role then found[#found + 1] = request end
    end
    return found
  end

  setup(function()
    double, folder = moto.metadata(), cli.folder()
    double:control { container = { authorization = "let-me-in" } }
    answers = moto.print("metadata_check.py", double.endpoint, folder)
    asked = double:asked().requests
  end)

  teardown(function()
    double:stop()
    cli.remove(folder)
  end)

  it("gives a container its keys, against the token of its file", function()
    assert.same({ method = "container-role", access_key = "ASIACONTAINER",
      secret_key = "container-secret", token = "container-token", expires = FAR },
      answers.container)
    assert.same({ { role = "container", method = "GET", path = "/container/v1",
      authorization = "let-me-in" } }, of "container")
  end)

  it("gives an instance its role's keys, against a token of version 2", function()
    assert.same({ method = "iam-role", access_key = "ASIAINSTANCE", secret_key = "instance-secret",
      token = "instance-token", expires = FAR }, answers.instance)
    local calls = of "instance"
    assert.equal("PUT", calls[1].method)
    assert.equal("/latest/api/token", calls[1].path)
    assert.equal("21600", calls[1].ttl)
    assert.equal("/latest/meta-data/iam/security-credentials/", calls[2].path)
    assert.equal("/latest/meta-data/iam/security-credentials/app-role", calls[3].path)
    assert.matches("^%x+$", calls[3].token)
  end)

  it("says in which region the instance is", function()
    assert.equal("eu-north-1", answers.region)
  end)

  it("gives keys for a role to who signs with other keys", function()
    local found = answers.assume_role
    assert.equal("assume-role", found.method)
    assert.matches("^ASIA%x+$", found.access_key)
    assert.equal(40, #found.secret_key)
    assert.matches("^token%-%x+$", found.token)
    assert.equal(FAR, found.expires)
    local call = of "sts"[1]
    assert.same({ "AssumeRole", WEB, "check", "partner", "1200" },
      { call.action, call.role_arn, call.session_name, call.external_id, call.duration })
    assert.same({ true, "AKIABASE", "eu-west-1", "sts", json.null },
      { call.signed, call.access_key_id, call.region, call.service, call.session_token })
  end)

  it("gives keys for a role against an identity provider's token, unsigned", function()
    local found = answers.web_identity
    assert.equal("assume-role-with-web-identity", found.method)
    assert.matches("^ASIA%x+$", found.access_key)
    assert.are_not.equal(answers.assume_role.access_key, found.access_key)
    local call = of "sts"[2]
    assert.same({ "AssumeRoleWithWebIdentity", POD, "check", "header.payload.signature" },
      { call.action, call.role_arn, call.session_name, call.web_token })
    assert.is_false(call.signed)
  end)
end)

describe("the double of the metadata services", function()
  local double

  setup(function() double = moto.metadata() end)
  teardown(function() double:stop() end)

  local function ask(method, path, headers, body)
    local response, err = sched.run(sched.http, { method = method, url = double.endpoint .. path,
      headers = headers, body = body, connect_timeout = 5, timeout = 1, max_body = 65536 })
    return response and response.status, response and response.body or err.kind
  end

  local ROLES = "/latest/meta-data/iam/security-credentials/"
  local TTL = { ["X-aws-ec2-metadata-token-ttl-seconds"] = "60" }

  local function with_token()
    local _, token = ask("PUT", "/latest/api/token", TTL)
    return { ["X-aws-ec2-metadata-token"] = token }
  end

  it("wants the authorization that it was told to want", function()
    double:control { container = { authorization = "a" } }
    assert.equal(401, (ask("GET", "/container", { Authorization = "b" })))
    assert.equal(200, (ask("GET", "/container", { Authorization = "a" })))
  end)

  it("speaks version 2 only: a token with a length of life, and nothing without one", function()
    double:control {}
    assert.equal(400, (ask("PUT", "/latest/api/token")))
    assert.equal(401, (ask("GET", ROLES)))
    assert.equal(401, (ask("GET", ROLES, { ["X-aws-ec2-metadata-token"] = "guessed" })))
    assert.equal(200, (ask("GET", ROLES, with_token())))
  end)

  it("forgets tokens that end or are withdrawn", function()
    double:control { instance = { token_seconds = 0 } }
    assert.equal(401, (ask("GET", ROLES, with_token())))
    double:control {}
    local token = with_token()
    assert.equal(200, (ask("GET", ROLES, token)))
    double:control { revoke = true }
    assert.equal(401, (ask("GET", ROLES, token)))
  end)

  it("fails as instances do", function()
    local token = with_token()
    local function in_mode(mode, ...)
      double:control { instance = { mode = mode } }
      return { ask(...) }
    end
    assert.same({ 404, "" }, in_mode("no_role", "GET", ROLES, token))
    assert.same({ 403, "" }, in_mode("forbidden", "PUT", "/latest/api/token", TTL))
    assert.same({ 200, "" }, in_mode("empty", "GET", ROLES, token))
    assert.matches("AssumeRoleUnauthorizedAccess",
      in_mode("refused", "GET", ROLES .. "app-role", token)[2], 1, true)
    assert.is_nil((json.decode(in_mode("malformed", "GET", ROLES .. "app-role", token)[2])))
    assert.equal("timeout", in_mode("hang", "GET", ROLES, token)[2])
  end)

  it("answers STS calls in JSON where that is asked for, and refuses on demand", function()
    double:control { sts = { format = "json", errors = { { action = "AssumeRoleWithWebIdentity",
      code = "IDPCommunicationError", status = 400, times = 1 } } } }
    local function call(accept)
      return ask("POST", "/", { Accept = accept,
        ["Content-Type"] = "application/x-www-form-urlencoded" },
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=spec&RoleArn="
          .. POD .. "&WebIdentityToken=t")
    end
    local status, body = call "application/json"
    assert.equal(400, status)
    assert.equal("IDPCommunicationError", json.decode(body).Error.Code)
    local answer = json.decode((select(2, call "application/json")))
    assert.equal(FAR,
      answer.AssumeRoleWithWebIdentityResponse.AssumeRoleWithWebIdentityResult
        .Credentials.Expiration)
    assert.matches("<AccessKeyId>ASIA", (select(2, call "*/*")), 1, true)
  end)
end)
