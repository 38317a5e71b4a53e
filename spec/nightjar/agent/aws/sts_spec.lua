-- Calls of STS: their limits last from one call to the next, and no token comes back in a message.

local json = require "host.json"
local sched = require "nightjar.agent.sched"
local store = require "nightjar.agent.aws.store"
local sts = require "nightjar.agent.aws.sts"
local world = require "nightjar.agent.aws.world"

local ROLE = { arn = "arn:aws:iam::123456789012:role/reader" }
local TOKEN = "header.payload/part+x=.signature"

describe("STS", function()
  local asked, slept, elapsed, answer, context, source

  before_each(function()
    asked, slept, elapsed = 0, {}, 0
    context = world.new({ environment = { AWS_REGION = "eu-central-1", HOME = "/nonexistent" },
      sources = {} }, {
      http = function(request)
        asked = asked + 1
        return answer(request)
      end,
      sleep = function(seconds)
        slept[#slept + 1], elapsed = seconds, elapsed + seconds
      end,
      monotonic = function() return elapsed end, random = function() return 0 end,
    })
    source = store.new(context, { { find = function()
      return { access_key_id = "AKIA1", secret_access_key = "source-secret", source = "spec",
        method = "spec" }
    end } })
  end)

  local function document()
    return { status = 200, headers = {}, body = json.encode { AssumeRoleResponse = {
      AssumeRoleResult = { Credentials = { AccessKeyId = "ASIA1", SecretAccessKey = "s",
        SessionToken = "t", Expiration = 4070908800.0 } } } } }
  end

  local function assume() return sched.run(sts.assume_role, context, ROLE, source) end

  it("reads JSON where the endpoint has it, its time as a number", function()
    answer = document
    assert.same({ access_key_id = "ASIA1", secret_access_key = "s", session_token = "t",
      expires = 4070908800 }, assume())
  end)

  it("is called at its rate, however many calls there are", function()
    answer = document
    for _ = 1, 12 do assert(assume()) end
    -- A burst of ten, then two a second.
    assert.equal(12, asked)
    assert.equal(2, #slept)
    assert.near(1, elapsed, 1e-9)
  end)

  it("gets no storm of retries in an outage: one quota for all calls", function()
    answer = function() return { status = 503, headers = {}, body = "" } end
    for _ = 1, 30 do assert.is_nil((assume())) end
    -- 30 first tries and 35 retries of 14 tokens each out of 500.
    assert.equal(65, asked)
  end)

  it("never sees its token in a message, whatever it answers", function()
    for _, form in ipairs { TOKEN, "header.payload%2Fpart%2Bx%3D.signature" } do
      answer = function()
        return { status = 400, headers = {}, body = json.encode { Error = {
          Code = "InvalidIdentityToken", Message = "no good: " .. form } } }
      end
      local found, err = sched.run(sts.assume_role_with_web_identity, context, ROLE, TOKEN)
      assert.is_nil(found)
      assert.equal("AssumeRoleWithWebIdentity: 400 InvalidIdentityToken: no good: …", err)
    end
  end)
end)
