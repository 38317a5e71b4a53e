-- Which failures are tried again, how soon, and how often.

local failure = require "nightjar.agent.aws.failure"
local retry = require "nightjar.agent.aws.retry"

local function class(fields)
  fields.operation, fields.code = "X", fields.code or "Other"
  return retry.class(failure.new(fields))
end

describe("retry.class", function()
  it("knows throttling by status and by name", function()
    assert.equal("throttle", class { status = 429 })
    for _, code in ipairs { "Throttling", "RequestLimitExceeded", "SlowDown",
      "TooManyRequestsException", "PriorRequestNotComplete" } do
      assert.equal("throttle", class { status = 400, code = code }, code)
    end
    assert.equal("throttle", class { status = 503, code = "SlowDown" })
  end)

  it("calls broken connections, broken answers and server errors transient", function()
    for _, status in ipairs { 500, 502, 503, 504 } do
      assert.equal("transient", class { status = status, code = "HTTP" .. status })
    end
    assert.equal("transient", class { code = "ConnectionError", transport = "timeout" })
    assert.equal("transient", class { status = 200, code = "UnreadableResponse" })
    assert.equal("transient", class { status = 400, code = "RequestTimeout" })
  end)

  it("does not repeat what cannot get better", function()
    assert.equal("final", class { status = 400, code = "InvalidInput" })
    assert.equal("final", class { status = 501 })
    assert.equal("final", class { code = "ConnectionError", transport = "tls" })
  end)

  it("tells expired credentials and clocks apart from the rest", function()
    assert.equal("expired", class { status = 400, code = "ExpiredTokenException" })
    assert.equal("skew", class { status = 403, code = "SignatureDoesNotMatch" })
  end)
end)

describe("retry.delay", function()
  it("doubles from 50 ms, or from a second after throttling, up to 20 s", function()
    assert.equal(0.05, retry.delay("transient", 0, 1))
    assert.equal(0.2, retry.delay("transient", 2, 1))
    assert.equal(1, retry.delay("throttle", 0, 1))
    assert.equal(4, retry.delay("throttle", 2, 1))
    assert.equal(20, retry.delay("throttle", 9, 1))
  end)

  it("is spread over the whole span, so that agents do not come back together", function()
    assert.equal(0, retry.delay("throttle", 3, 0))
    assert.equal(2, retry.delay("throttle", 2, 0.5))
  end)

  it("is raised by x-amz-retry-after, by at most five seconds", function()
    assert.equal(1.5, retry.delay("transient", 0, 1, "1500"))
    assert.equal(5.05, retry.delay("transient", 0, 1, "60000"))
    assert.equal(1, retry.delay("throttle", 0, 1, "10"))
    assert.equal(1, retry.delay("throttle", 0, 1, "soon"))
  end)
end)

describe("the retry quota", function()
  it("ends after 35 retries of an outage, or 100 of throttling", function()
    for kind, most in pairs { transient = 35, throttle = 100 } do
      local quota, count = retry.quota(), 0
      while quota:take(kind) do count = count + 1 end
      assert.equal(most, count)
    end
  end)

  it("gets a successful retry's cost back, one token for an untroubled success", function()
    local quota = retry.quota()
    local cost = quota:take("transient")
    assert.equal(486, quota.tokens)
    quota:give(cost)
    assert.equal(500, quota.tokens)
    quota:take("throttle")
    quota:give(nil)
    assert.equal(496, quota.tokens)
  end)

  it("never grows beyond its size", function()
    local quota = retry.quota()
    quota:give(nil)
    assert.equal(500, quota.tokens)
  end)
end)
