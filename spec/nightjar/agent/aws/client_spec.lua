-- Signed calls with their retries, against a world made of tables.

local cloudmap = require "nightjar.agent.aws.cloudmap"
local json = require "host.json"
local sched = require "nightjar.agent.sched"

local OK = { status = 200, body = "{}" }
local THROTTLED = { status = 429, body = '{"__type":"RequestLimitExceeded"}' }
local BUSY = { status = 503, body = "<html>busy</html>" }

describe("the client", function()
  local asked, slept, answers, clock, elapsed, environment

  before_each(function()
    asked, slept, clock, elapsed = {}, {}, 1795491670, 0
    environment = { AWS_REGION = "eu-central-1", AWS_ACCESS_KEY_ID = "AKIA1", HOME = "/nonexistent",
      AWS_SECRET_ACCESS_KEY = "hunter2", AWS_SESSION_TOKEN = "token1" }
  end)

  local function open(fields)
    local settings = { environment = environment, sources = {}, api_concurrency = 2 }
    for key, value in pairs(fields or {}) do settings[key] = value end
    return assert(cloudmap.connect(settings, {
      http = function(request)
        asked[#asked + 1] = request
        local answer = answers[math.min(#asked, #answers)]
        if type(answer) == "function" then answer = answer(request) end
        if answer.kind then return nil, answer end
        return { status = answer.status, body = answer.body, headers = answer.headers or {} }
      end,
      sleep = function(seconds)
        slept[#slept + 1], elapsed = seconds, elapsed + seconds
      end,
      random = function() return 1 end,
      now = function() return clock end,
      monotonic = function() return elapsed end,
    }))
  end

  local function call(client, options)
    return sched.run(client.call, client, "ListServices", { MaxResults = 100 }, options)
  end

  local function header(request, name)
    for _, pair in ipairs(request.headers) do
      if pair[1]:lower() == name then return pair[2] end
    end
  end

  it("posts signed JSON 1.1 to the region's endpoint", function()
    answers = { { status = 200, body = '{"Services":[]}' } }
    assert.same({ Services = {} }, call(open()))
    local request = asked[1]
    assert.equal("POST", request.method)
    assert.equal("https://servicediscovery.eu-central-1.amazonaws.com/", request.url)
    assert.equal('{"MaxResults":100}', request.body)
    assert.equal("application/x-amz-json-1.1", header(request, "content-type"))
    assert.equal("Route53AutoNaming_v20170314.ListServices", header(request, "x-amz-target"))
    assert.equal("token1", header(request, "x-amz-security-token"))
    assert.equal("20261124T034110Z", header(request, "x-amz-date"))
    assert.matches("AKIA1/20261124/eu-central-1/servicediscovery/aws4_request",
      header(request, "authorization"), 1, true)
    assert.matches("SignedHeaders=content%-type;host;"
      .. "x%-amz%-date;x%-amz%-security%-token;x%-amz%-target", header(request, "authorization"))
    assert.matches("^nightjar/", header(request, "user-agent"))
  end)

  it("puts an operation's host prefix in front of the host", function()
    answers = { OK }
    call(open(), { host_prefix = "data-" })
    assert.equal("https://data-servicediscovery.eu-central-1.amazonaws.com/", asked[1].url)
  end)

  it("tries three times, ever later, and tells the last failure", function()
    answers = { BUSY }
    local output, problem = call(open())
    assert.is_nil(output)
    assert.equal(3, #asked)
    assert.same({ 0.05, 0.1 }, slept)
    assert.equal("ListServices: 503 HTTP503 (3 attempts)", tostring(problem))
  end)

  it("waits longer after throttling, and as long as AWS asks", function()
    local asks = { status = 429, body = THROTTLED.body,
      headers = { ["x-amz-retry-after"] = "4000" } }
    answers = { THROTTLED, asks, OK }
    assert.truthy(call(open()))
    assert.same({ 1, 4 }, slept)
  end)

  it("tries again after a lost connection and a cut answer", function()
    answers = { { kind = "timeout", message = "no answer in 10 s" },
      { status = 200, body = '{"Services":[{"Id"' }, OK }
    assert.truthy(call(open()))
    assert.equal(3, #asked)
  end)

  it("does not repeat what was refused", function()
    answers = { { status = 400, body = '{"__type":"InvalidInput","Message":"bad"}' } }
    local _, problem = call(open())
    assert.equal(1, #asked)
    assert.same({ "ListServices", 400, "InvalidInput", "bad", 1 }, { problem.operation,
      problem.status, problem.code, problem.message, problem.attempts })
  end)

  it("obeys AWS_MAX_ATTEMPTS and refuses nonsense in it", function()
    environment.AWS_MAX_ATTEMPTS = "1"
    answers = { BUSY }
    call(open())
    assert.equal(1, #asked)
    environment.AWS_MAX_ATTEMPTS = "many"
    local client, err = cloudmap.connect({ environment = environment, sources = {} })
    assert.is_nil(client)
    assert.equal('AWS_MAX_ATTEMPTS: expected an integer from 1, got "many"', err)
  end)

  it("stops retrying in an outage once the quota is spent, and recovers with success", function()
    answers = { BUSY }
    local client = open()
    for _ = 1, 30 do call(client) end
    -- 30 first tries and 35 retries of 14 tokens each out of 500.
    assert.equal(65, #asked)
    answers = { OK }
    for _ = 1, 4 do call(client) end
    answers = { BUSY }
    call(client)
    assert.equal(71, #asked)
  end)

  it("fetches new credentials when AWS calls them expired, once", function()
    local expired = { status = 400, body = '{"__type":"ExpiredTokenException"}' }
    answers = { expired, OK }
    assert.truthy(call(open()))
    assert.equal(2, #asked)
    assert.same({}, slept)
    asked, answers = {}, { expired }
    local _, problem = call(open())
    assert.equal("ExpiredTokenException", problem.code)
    assert.equal(2, #asked)
  end)

  it("corrects a clock that is more than four minutes off, for all calls to come", function()
    answers = { { status = 403, body = '{"__type":"InvalidSignatureException"}',
      headers = { date = "Tue, 24 Nov 2026 05:00:00 GMT" } }, OK, OK }
    local client = open()
    assert.truthy(call(client))
    assert.truthy(call(client))
    assert.equal("20261124T034110Z", header(asked[1], "x-amz-date"))
    assert.equal("20261124T050000Z", header(asked[2], "x-amz-date"))
    assert.equal("20261124T050000Z", header(asked[3], "x-amz-date"))
  end)

  it("corrects the clock for calls that were under way together", function()
    local skewed = { status = 403, body = '{"__type":"InvalidSignatureException"}',
      headers = { date = "Tue, 24 Nov 2026 05:00:00 GMT" } }
    answers = { function(request)
      sched.sleep(0.005)
      return header(request, "x-amz-date") == "20261124T050000Z" and OK or skewed
    end }
    local client = open()
    local good = sched.run(function()
      return sched.all({ 1, 2 }, 2, function() return client:call("X", {}) ~= nil end)
    end)
    assert.same({ true, true }, good)
    assert.equal(4, #asked)
  end)

  it("reports keys that no signature can hold as the failure of the call", function()
    answers = { OK }
    environment.AWS_ACCESS_KEY_ID = "AKIA/1"
    local _, problem = call(open())
    assert.equal("CredentialsError", problem.code)
    assert.matches("the access key id", problem.message)
    environment.AWS_ACCESS_KEY_ID, environment.AWS_SESSION_TOKEN = "AKIA1", "to ken"
    _, problem = call(open())
    assert.matches("the session token", problem.message)
    assert.not_matches("to ken", problem.message)
    assert.equal(0, #asked)
  end)

  it("reports what cannot be sent as the failure of the call", function()
    answers = { OK }
    local client = open()
    local _, problem = sched.run(client.call, client, "ListNamespaces", { Name = "caf\xe9" })
    assert.equal("ListNamespaces: UnusableInput: Name: not valid UTF-8 at byte 4",
      tostring(problem))
    assert.equal(0, #asked)
  end)

  it("does not blame the clock for a wrong secret", function()
    answers = { { status = 403, headers = { date = "Tue, 24 Nov 2026 03:42:10 GMT" },
      body = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>" } }
    local _, problem = call(open())
    assert.equal("SignatureDoesNotMatch", problem.code)
    assert.equal(1, #asked)
  end)

  it("says that the secret is wrong, and where it came from", function()
    answers = { { status = 403, headers = { date = "Tue, 24 Nov 2026 03:42:10 GMT" },
      body = '{"__type":"InvalidSignatureException","message":"it does not match"}' } }
    local _, problem = call(open())
    assert.equal("ListServices: 403 InvalidSignatureException: the secret access key (environment) "
      .. "is wrong: it does not match", problem:brief())
  end)

  it("calls no secret wrong where AWS speaks of the time", function()
    for _, said in ipairs { "Signature expired: 20261124T034110Z is now earlier than",
      "Signature not yet current: 20261124T034110Z is still later than" } do
      answers = { { status = 403, body = json.encode { __type = "InvalidSignatureException",
        message = said } } }
      local _, problem = call(open())
      assert.equal("ListServices: 403 InvalidSignatureException: " .. said, problem:brief())
    end
  end)

  it("does not repeat a call with the keys that were just refused", function()
    answers = { { status = 400, body = '{"__type":"ExpiredTokenException"}' } }
    local client = open()
    call(client)
    assert.equal(2, #asked)
    call(client)
    assert.equal(3, #asked)
  end)

  it("holds no place while it waits for its rate: other operations go on", function()
    answers = { OK }
    local order = {}
    local client = assert(cloudmap.connect({ environment = environment, sources = {},
      api_concurrency = 1 }, { http = function() return { status = 200, body = "{}",
        headers = {} } end }))
    sched.run(function()
      for _ = 1, 50 do assert(client:call("ListServices", {})) end
      sched.all({ "ListServices", "DiscoverInstances" }, 2, function(operation)
        assert(client:call(operation, {}))
        order[#order + 1] = operation
      end)
    end)
    assert.same({ "DiscoverInstances", "ListServices" }, order)
  end)

  it("looks for newer keys at the next call where AWS does not know the old ones", function()
    answers = { { status = 403, body = '{"__type":"UnrecognizedClientException"}' }, OK }
    local client = open()
    local _, problem = call(client)
    assert.equal("ListServices: 403 UnrecognizedClientException: AWS does not know the access key "
      .. "or session token (environment)", problem:brief())
    assert.equal(1, #asked)
    environment.AWS_ACCESS_KEY_ID = "AKIA2"
    assert.truthy(call(client))
    assert.matches("Credential=AKIA2/", header(asked[2], "authorization"), 1, true)
  end)

  it("gives up a call that does not connect, does not end or stands still", function()
    answers = { OK }
    call(open())
    assert.same({ 3, 10, 5 }, { asked[1].connect_timeout, asked[1].timeout,
      asked[1].stall_timeout })
  end)

  it("numbers the tries of a call, under one id for all of them", function()
    answers = { BUSY, OK }
    call(open())
    assert.equal("attempt=1; max=3", header(asked[1], "amz-sdk-request"))
    assert.equal("attempt=2; max=3", header(asked[2], "amz-sdk-request"))
    local id = header(asked[1], "amz-sdk-invocation-id")
    assert.matches("^%x+%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$", id)
    assert.equal(id, header(asked[2], "amz-sdk-invocation-id"))
  end)

  it("waits for its own rate limit beyond a burst, and for no longer than its deadline", function()
    answers = { OK }
    local client = open()
    sched.run(function()
      for _ = 1, 52 do assert(client:call("ListServices", {})) end
    end)
    assert.equal(52, #asked)
    assert.equal(2, #slept)
    assert.near(0.1, slept[1], 1e-9)
    local _, problem = call(client, { deadline = elapsed + 0.05 })
    assert.equal("DeadlineExceeded", problem.code)
    assert.equal(52, #asked)
  end)

  it("goes slower after AWS has throttled", function()
    answers = { THROTTLED, OK, OK }
    local client = open()
    call(client)
    slept = {}
    for _ = 1, 10 do call(client) end
    -- Of a burst of 50 nothing is left, and seven tenths of the rate.
    assert.is_true(#slept > 3, #slept)
    assert.is_true(slept[1] > 0.1 and slept[1] <= 0.2, slept[1])
  end)

  it("takes a plain endpoint's proxy from HTTP_PROXY too", function()
    answers = { OK }
    environment.AWS_ENDPOINT_URL, environment.HTTP_PROXY = "http://moto.example:5000", "http://p:1"
    call(open())
    assert.equal("http://p:1", asked[1].proxy)
    environment.AWS_ENDPOINT_URL = "https://moto.example:5000"
    call(open())
    assert.is_nil(asked[2].proxy)
  end)

  it("puts no host prefix in front where that is switched off", function()
    answers = { OK }
    environment.AWS_DISABLE_HOST_PREFIX_INJECTION = "true"
    call(open(), { host_prefix = "data-" })
    assert.equal("https://servicediscovery.eu-central-1.amazonaws.com/", asked[1].url)
  end)

  it("never repeats a secret in a message", function()
    answers = { { status = 403, body = json.encode { __type = "AccessDeniedException",
      message = "key hunter2 with token1 is bad\nx-amz-security-token:token1" } } }
    local _, problem = call(open())
    assert.equal("key … with … is bad", problem.message)
  end)

  it("begins no try after its deadline", function()
    answers = { BUSY }
    local client = open()
    local _, problem = call(client, { deadline = 0.07 })
    assert.equal(2, #asked)
    assert.equal("HTTP503", problem.code)
    _, problem = call(client, { deadline = 0 })
    assert.equal("DeadlineExceeded", problem.code)
  end)

  it("begins none after its deadline where it has waited for a place, and costs no rate", function()
    answers = { function()
      sched.sleep(0.005) -- the others come to wait for the only place
      elapsed = elapsed + 0.03
      return OK
    end }
    local client = open { api_concurrency = 1 }
    local codes = sched.run(sched.all, { 1, 2, 3 }, 3, function()
      local output, problem = client:call("ListServices", {}, { deadline = 0.02 })
      return output and "answered" or problem.code
    end)
    assert.same({ "answered", "DeadlineExceeded", "DeadlineExceeded" }, codes)
    assert.equal(1, #asked)
    assert.equal(49, client.limiter:take_many("ListServices", 50, 0))
    assert.same({ ListServices = 1 }, client:counts())
  end)

  it("lets a first try wait for its rate beyond the deadline where it may, but no other", function()
    answers = { OK }
    local client = open()
    sched.run(function()
      for _ = 1, 50 do assert(client:call("ListServices", {})) end
    end)
    local now = elapsed
    assert(call(client, { deadline = now, first_by = now + 1 }))
    assert.near(now + 0.1, elapsed, 1e-9)
    local _, problem = call(client, { deadline = now, first_by = now + 0.2 })
    assert.equal("DeadlineExceeded", problem.code)
    answers, asked = { BUSY }, {}
    _, problem = call(client, { deadline = elapsed, first_by = elapsed + 1 })
    assert.same({ "HTTP503", 1 }, { problem.code, #asked })
  end)

  it("lets no more calls through at a time than settings.api_concurrency", function()
    local inside, most = 0, 0
    answers = { function()
      inside = inside + 1
      most = math.max(most, inside)
      sched.sleep(0.005)
      inside = inside - 1
      return OK
    end }
    local client = open()
    sched.run(function()
      sched.all({ 1, 2, 3, 4, 5, 6 }, 6, function() return client:call("X", {}) end)
    end)
    assert.equal(2, most)
    assert.equal(6, #asked)
  end)

  it("counts requests by operation, and retries", function()
    answers = { BUSY, OK, OK }
    local client = open()
    call(client)
    sched.run(client.call, client, "GetService", { Id = "srv-1" })
    assert.same({ ListServices = 2, GetService = 1 }, client:counts())
    assert.equal(1, client.retries)
  end)

  it("reports missing credentials as the failure of the call", function()
    environment.AWS_SECRET_ACCESS_KEY = nil
    answers = { OK }
    local _, problem = call(open())
    assert.equal("ListServices: CredentialsError: AWS_SECRET_ACCESS_KEY: not set, though "
      .. "AWS_ACCESS_KEY_ID is", tostring(problem))
    assert.equal(0, #asked)
  end)
end)
