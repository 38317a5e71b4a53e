-- Roles that are assumed at an STS which listens: found, renewed, refused, slow.

local cli = require "spec.support.cli"
local clock = require "host.clock"
local moto = require "spec.support.moto"
local sources = require "spec.support.sources"

local HOUR = 3600
local WEB = "arn:aws:iam::123456789012:role/web"
local GATE = "arn:aws:iam::123456789012:role/gate"
local POD = "arn:aws:iam::123456789012:role/pod"

describe("keys of a role", function()
  local double, folder

  setup(function() double, folder = moto.metadata(), cli.folder() end)
  teardown(function()
    double:stop()
    cli.remove(folder)
  end)

  -- STS gives keys until then, and fails in these ways; what was asked before is forgotten.
  local function sts(seconds, ...)
    double:control { sts = { expiration = sources.time(seconds),
      errors = select("#", ...) > 0 and { ... } or nil } }
  end

  local function calls() return double:asked().requests end

  local function denied(role)
    return { role_arn = role, code = "AccessDenied", status = 403,
      message = "User: arn:aws:iam::123456789012:user/me is not authorized" }
  end

  describe("by an identity's token", function()
    local path

    local function open(environment)
      path = sources.write(folder, "token", "first.payload.signature\n")
      local variables = { AWS_WEB_IDENTITY_TOKEN_FILE = path, AWS_ROLE_ARN = POD,
        AWS_ROLE_SESSION_NAME = "pod-1", AWS_ENDPOINT_URL_STS = double.endpoint }
      for name, value in pairs(environment or {}) do variables[name] = value end
      return sources.open(variables)
    end

    local FAILED = "web identity: role " .. POD .. ": AssumeRoleWithWebIdentity: "

    it("come with their end and say where they are from; the call is not signed", function()
      sts(HOUR)
      local found = assert(open():at(0))
      assert.matches("^ASIA%x+$", found.access_key_id)
      assert.equal(40, #found.secret_access_key)
      assert.matches("^token%-%x+$", found.session_token)
      assert.same({ "web_identity", "web identity, role " .. POD, sources.START + HOUR },
        { found.method, found.source, found.expires })
      local call = calls()[1]
      assert.same({ POD, "pod-1", "first.payload.signature", false },
        { call.role_arn, call.session_name, call.web_token, call.signed })
      assert.matches("^application/x%-www%-form%-urlencoded", call.content_type)
    end)

    it("are the same from an STS that answers in JSON", function()
      sts(HOUR)
      local of_xml = open():at(0)
      double:control { sts = { format = "json", expiration = sources.time(HOUR) } }
      assert.same(of_xml, open():at(0))
    end)

    it("are renewed with the token that the file holds then", function()
      sts(HOUR)
      local world = open()
      local first = world:at(0)
      assert.equal(first, world:at(HOUR - 901))
      sources.write(folder, "token", "second.payload.signature")
      sts(2 * HOUR)
      local second = world:at(HOUR - 600)
      assert.equal(sources.START + 2 * HOUR, second.expires)
      assert.are_not.equal(first.access_key_id, second.access_key_id)
      assert.equal(1, #calls())
      assert.equal("second.payload.signature", calls()[1].web_token)
    end)

    it("stay in use while renewal fails, and are gone with their end", function()
      sts(HOUR)
      local world = open()
      local first = world:at(0)
      sts(HOUR, { code = "InvalidIdentityToken", message = "No OpenIDConnect provider found" })
      assert.equal(first, world:at(HOUR - 700))
      assert.equal(first, world:at(HOUR - 1))
      assert.is_true(#calls() >= 2)
      local found, err = world:at(HOUR + 1)
      assert.is_nil(found)
      assert.equal(FAILED .. "400 InvalidIdentityToken: No OpenIDConnect provider found", err)
      sts(2 * HOUR)
      assert.equal(sources.START + 2 * HOUR, world:at(HOUR + 2).expires)
    end)

    it("are asked for again where STS could not reach the identity's provider", function()
      sts(HOUR, { code = "IDPCommunicationError", times = 2 })
      local world = open()
      assert.equal("web_identity", world:at(0).method)
      assert.equal(3, #calls())
      assert.equal(2, #world.slept)
    end)

    it("are asked for three times while STS fails, then the failure is told", function()
      sts(HOUR, { code = "InternalFailure", status = 500 })
      local found, err = open():at(0)
      assert.is_nil(found)
      assert.equal(FAILED .. "500 InternalFailure (3 attempts)", err)
      assert.equal(3, #calls())
    end)

    it("are not asked for again with a token that has ended", function()
      sts(HOUR, { code = "ExpiredTokenException", message = "Token expired" })
      local found, err = open():at(0)
      assert.is_nil(found)
      assert.equal(FAILED .. "400 ExpiredTokenException: Token expired", err)
      assert.equal(1, #calls())
    end)

    it("need a token in the file, and a role", function()
      sts(HOUR)
      local world = open()
      os.remove(path)
      local found, err = world:at(0)
      assert.is_nil(found)
      assert.equal(("web identity: AWS_WEB_IDENTITY_TOKEN_FILE: cannot read: %s: No such file or "
        .. "directory"):format(path), err)
      sources.write(folder, "token", "\n")
      assert.equal(("web identity: AWS_WEB_IDENTITY_TOKEN_FILE: %s: no token in it"):format(path),
        select(2, world:at(1)))
      assert.equal("AWS_ROLE_ARN: not set, though AWS_WEB_IDENTITY_TOKEN_FILE is",
        select(2, open { AWS_ROLE_ARN = "" }:at(0)))
      assert.equal(0, #calls())
    end)

    it("are waited for so long and no longer", function()
      double:control { sts = { delay = 30 } }
      local world = open { AWS_MAX_ATTEMPTS = "1" }
      local started = clock.monotonic()
      local found, err = world:at(0)
      assert.is_nil(found)
      assert.matches("^" .. FAILED:gsub("%p", "%%%0") .. ".*[Tt]ime", err)
      assert.is_true(clock.monotonic() - started < 12)
    end)

    it("are asked for once by all who wait for them", function()
      double:control { sts = { delay = 0.2, expiration = sources.time(HOUR) } }
      local found = open():at_once(20)
      assert.equal(20, #found)
      assert.equal(found[1], found[20])
      assert.equal(1, #calls())
    end)
  end)

  describe("by other keys", function()
    -- A role that is assumed with a role that is assumed with keys.
    local function open(id)
      sources.write(folder, "credentials",
        ("[base]\naws_access_key_id = %s\naws_secret_access_key = hidden-secret\n"):format(id))
      return sources.open { AWS_ENDPOINT_URL = double.endpoint,
        AWS_SHARED_CREDENTIALS_FILE = folder .. "/credentials",
        AWS_CONFIG_FILE = sources.write(folder, "config", ([[
[default]
role_arn = %s
source_profile = gate
external_id = partner
role_session_name = me
duration_seconds = 1800
[profile gate]
role_arn = %s
source_profile = base
]]):format(WEB, GATE)) }
    end

    it("come by a chain of roles, each signed with the keys of the one before", function()
      sts(HOUR)
      local found = assert(open("AKIABASE"):at(0))
      assert.same({ "assume_role", "profile default, role " .. WEB, sources.START + HOUR },
        { found.method, found.source, found.expires })
      local first, second = table.unpack(calls())
      assert.same({ GATE, "AKIABASE", true }, { first.role_arn, first.access_key_id, first.signed })
      assert.matches("^nightjar%-%d+$", first.session_name)
      assert.same({ WEB, "partner", "me", "1800", "eu-central-1", "sts" }, { second.role_arn,
        second.external_id, second.session_name, second.duration, second.region, second.service })
      assert.matches("^ASIA%x+$", second.access_key_id)
      assert.matches("^token%-%x+$", second.session_token)
      assert.matches("x-amz-security-token", second.signed_headers, 1, true)
    end)

    it("are renewed with their source, when its keys end too", function()
      sts(HOUR)
      local world = open "AKIABASE"
      local first = world:at(0)
      sts(2 * HOUR)
      assert.equal(first, world:at(HOUR - 1000))
      assert.equal(0, #calls())
      assert.equal(sources.START + 2 * HOUR, world:at(HOUR - 500).expires)
      assert.same({ GATE, WEB }, { calls()[1].role_arn, calls()[2].role_arn })
      assert.equal(2, #calls())
    end)

    it("are renewed alone while the source's keys are good", function()
      sts(4 * HOUR)
      local world = open "AKIABASE"
      sts(HOUR, { role_arn = WEB, code = "Throttling", status = 400, message = "slow down" })
      local found, err = world:at(0)
      assert.is_nil(found)
      assert.matches("400 Throttling: slow down (3 attempts)", err, 1, true)
      sts(HOUR)
      assert.is_table(world:at(1))
      assert.same({ WEB }, { calls()[1].role_arn })
      assert.equal(1, #calls())
    end)

    it("follow the keys of the shared files when these are exchanged", function()
      sts(HOUR)
      local world = open "AKIAOLD"
      world:at(0)
      sources.write(folder, "credentials",
        "[base]\naws_access_key_id = AKIANEW\naws_secret_access_key = other\n")
      sts(2 * HOUR, { role_arn = GATE, code = "InvalidClientTokenId", status = 403, times = 1,
        message = "The security token included in the request is invalid." })
      -- The old key is refused; the role before it has keys for a while, so ours are renewed all
      -- the same. At the next renewal the file is looked at again.
      assert.equal(sources.START + 2 * HOUR, world:at(HOUR - 650).expires)
      assert.equal("AKIAOLD", calls()[1].access_key_id)
      sts(3 * HOUR)
      assert.equal(sources.START + 3 * HOUR, world:at(2 * HOUR - 500).expires)
      assert.equal("AKIANEW", calls()[1].access_key_id)
    end)

    it("stay in use while they cannot be renewed, and the message then names the role", function()
      sts(HOUR)
      local world = open "AKIABASE"
      local first = world:at(0)
      sts(HOUR, denied(WEB))
      assert.equal(first, world:at(HOUR - 300))
      local found, err = world:at(HOUR + 1)
      assert.is_nil(found)
      assert.equal(("profile default: role %s: AssumeRole: 403 AccessDenied: User: "
        .. "arn:aws:iam::123456789012:user/me is not authorized"):format(WEB), err)
    end)

    it("do not come when the source's role is refused, and the message names both", function()
      sts(HOUR, denied(GATE))
      local found, err = open("AKIABASE"):at(0)
      assert.is_nil(found)
      assert.equal(("profile default: role %s: AssumeRole: CredentialsError: profile gate: role %s:"
        .. " AssumeRole: 403 AccessDenied: User: arn:aws:iam::123456789012:user/me is not "
        .. "authorized"):format(WEB, GATE), err)
      assert.is_nil(err:find("hidden", 1, true))
      assert.equal(1, #calls())
    end)

    it("are asked for once by all who wait for them", function()
      double:control { sts = { delay = 0.2, expiration = sources.time(HOUR) } }
      local found = open("AKIABASE"):at_once(20)
      assert.equal(found[1], found[20])
      assert.equal(2, #calls())
    end)
  end)
end)
