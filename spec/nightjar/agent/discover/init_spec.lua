-- What discovery says before its first pass.
local cli = require "spec.support.cli"
local discover = require "nightjar.agent.discover"

local function cloud(environment)
  return { discovery = "cloudmap", service_member = "srv-1", environment = environment }
end

describe("discover.check", function()
  it("has nothing against a mesh file, nor against a region and an endpoint", function()
    assert.is_true(discover.check { discovery = "file", environment = {} })
    assert.is_true(discover.check(cloud { AWS_REGION = "eu-west-1", HOME = "/nonexistent" }))
  end)

  it("names what no later pass would mend", function()
    local function why(environment)
      environment.HOME = "/nonexistent"
      local ok, err = discover.check(cloud(environment))
      assert.is_nil(ok)
      return err
    end
    assert.matches("^discovery: no AWS region: set AWS_REGION", why {})
    assert.matches("AWS_REGION: expected the name of an AWS region", why { AWS_REGION = "a b" })
    assert.matches("AWS_ENDPOINT_URL: expected a URL",
      why { AWS_REGION = "eu-west-1", AWS_ENDPOINT_URL = "ftp://h" })
  end)
end)

describe("an agent", function()
  it("passes each REFRESH_TIME, and a tenth sooner in a fleet", function()
    local function every(refresh_time, store, discovery)
      return discover.every { discovery = discovery or "cloudmap", refresh_time = refresh_time,
        snapshot_store = store }
    end
    assert.equal(30, every(30))
    assert.equal(27, every(30, "s3://bucket"))
    assert.equal(1.8, every(2, "s3://bucket"))
    assert.equal(30, every(30, "s3://bucket", "file")) -- which takes part in none
  end)
end)

describe("an agent without a region", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  for _, command in ipairs { "run", "once" } do
    it("is wrong use of `nightjar " .. command .. "`, told at once", function()
      local got = cli.run { command, "--service-member", "srv-1", "--tmp-dir", folder,
        environment = { HOME = folder } }
      assert.equal(2, got.status)
      assert.matches("nightjar: discovery: no AWS region: set AWS_REGION", got.stderr, 1, true)
    end)
  end
end)
