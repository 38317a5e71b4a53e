-- Points in time as AWS and HTTP write them.

local timestamp = require "nightjar.agent.aws.timestamp"

describe("timestamp", function()
  it("reads instants with fractions and zones", function()
    for text, unix in pairs {
      ["1970-01-01T00:00:00Z"] = 0,
      ["2000-02-29T12:34:56Z"] = 951827696,
      ["2026-11-24T03:41:10.123456Z"] = 1795491670,
      ["2026-11-24T04:41:10+01:00"] = 1795491670,
      ["2026-11-23T22:11:10-0530"] = 1795491670,
      ["2100-03-01T00:00:00Z"] = 4107542400,
    } do
      assert.equal(unix, timestamp.parse(text), text)
    end
  end)

  it("reads the Date header of HTTP", function()
    assert.equal(1795491670, timestamp.parse_http("Tue, 24 Nov 2026 03:41:10 GMT"))
  end)

  it("answers nil to what is no instant", function()
    for _, text in ipairs { "", "tomorrow", "2026-13-01T00:00:00Z", "2026-01-01",
      "2026-01-01T25:00:00Z", "2026-01-01T00:00:00 CET" } do
      assert.is_nil(timestamp.parse(text), text)
      assert.is_nil(timestamp.parse_http(text), text)
    end
    assert.is_nil(timestamp.parse(nil))
    assert.is_nil(timestamp.parse_http(12))
  end)

  it("writes what it reads", function()
    assert.equal("2026-11-24T03:41:10Z", timestamp.format(1795491670.9))
  end)
end)
