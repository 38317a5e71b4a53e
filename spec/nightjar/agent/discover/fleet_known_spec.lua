-- What an agent knows that begins to lead, of its own data and the fleet's.

local known = require "nightjar.agent.discover.fleet_known"

describe("what an agent knows that begins to lead", function()
  local function service(name, since, fields)
    local one = { id = "srv-" .. name, name = name, attributes = { ["/"] = "1" },
      since = { ["/"] = since }, instances = {} }
    for key, value in pairs(fields or {}) do one[key] = value end
    return one
  end

  local function unread(name) return { id = "srv-" .. name, name = name, error = "no" } end

  -- Of each service, by its name, what is told of it.
  local function told(services)
    local result = {}
    for _, one in ipairs(services) do
      assert.is_nil(result[one.name])
      result[one.name] = one.attributes and ("%s %d %d"):format(one.id, one.since["/"],
        one.read_at) or one.error
    end
    return result
  end

  it("is what the newer data say, with the earlier time of what was so before", function()
    local own = { read_at = 50, services = { service("a", 10, { read_at = 50 }) } }
    assert.same({ a = "srv-a 10 60" }, told(known.of(own, { service("a", 20) }, 60)))
    assert.same({ a = "srv-a 10 50" }, told(known.of(own, { service("a", 20) }, 40)))
    assert.same({ a = "srv-a 20 60" }, told(known.of(nil, { service("a", 20) }, 60)))
    assert.same({ a = "srv-a 10 50" }, told(known.of(own, nil, 0)))
    assert.same({}, known.of(nil, nil, 0))
    assert.same({}, known.of({ read_at = 0, services = {} }, nil, 0))
  end)

  for what, read_at in pairs { ["its own"] = 70, ["the fleet's"] = 50 } do
    it("has also what the older ones alone have, where the newer are " .. what, function()
      local own = { read_at = read_at, services = { service("a", 10, { read_at = read_at }) } }
      assert.same({ a = "srv-a 10 " .. read_at, b = "srv-b 20 60" },
        told(known.of(own, { service("b", 20) }, 60)))
    end)
  end

  it("has the data of what only one could read, and that the rest is there", function()
    local own = { read_at = 50, services = { service("a", 10, { read_at = 50 }) } }
    assert.same({ a = "srv-a 10 50", b = "no" },
      told(known.of(own, { unread "a", unread "b" }, 60)))
    assert.same({ a = "srv-a 10 50" }, told(known.of(own, { unread "a" }, 40)))
  end)

  it("has the newer one of a service that was made anew", function()
    local own = { read_at = 50, services = { service("a", 10, { id = "srv-old" }) } }
    assert.same({ a = "srv-a 20 60" }, told(known.of(own, { service("a", 20) }, 60)))
  end)

  it("leaves the record as it is", function()
    local shared = { service("a", 20), service("b", 20) }
    known.of({ read_at = 50, services = { service("a", 10) } }, shared, 60)
    assert.same({ service("a", 20), service("b", 20) }, shared)
  end)

  it("is more than the fleet has where the agent has read what the record lacks", function()
    local own = { read_at = 50, services = { service("a", 10), service("b", 10) } }
    assert.is_true(known.exceeds(own, { service("a", 20) }))
    assert.is_false(known.exceeds(own, { service("a", 20), service("b", 20, { id = "srv-2" }) }))
    own.services[2].stale = true
    assert.is_false(known.exceeds(own, { service("a", 20) }))
  end)
end)
