-- Damping, over several passes of a color whose tasks flap.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

-- Goes through passes, each { at = seconds, task = fields … }; returns the ids of the last plan.
local function passes(...)
  local plan, previous
  for _, pass in ipairs({ ... }) do
    local instances = {}
    for number, fields in ipairs(pass) do
      if fields then
        fields.since = build.NOW + (fields.since or -1000)
        fields.health_since = build.NOW + (fields.health_since or -1000)
        instances[#instances + 1] = build.instance(number, fields)
      end
    end
    plan = shop.plan(shop.snapshot({ weight = 90 },
      { weight = 10, instances = instances, DAMPING = "30s" }),
      { previous = previous, now = build.NOW + pass.at })
    previous = shop.in_force(plan)
  end
  return shop.endpoints(plan, "green"), plan
end

describe("policies/flap_damping.lua", function()
  it("does not notice a task that is gone for a moment", function()
    local ids, plan = passes({ at = 0, {}, {} }, { at = 10, {}, false }, { at = 20, {}, {} })
    assert.same({ "task-01", "task-02" }, ids)
    assert.is_nil(shop.cluster(plan, "green").endpoints[2].gone_since)
  end)

  it("lets it go when it stays away, counted from the first pass without it", function()
    local list = { { at = 0, {}, {} }, { at = 10, {}, false }, { at = 39, {}, false } }
    assert.same({ "task-01", "task-02" }, passes(table.unpack(list)))
    list = { { at = 0, {}, {} }, { at = 10, {}, false }, { at = 25, {}, false },
      { at = 40, {}, false } }
    assert.same({ "task-01" }, passes(table.unpack(list)))
  end)

  it("takes a new task in when it has lasted", function()
    assert.same({ "task-01" }, passes({ at = 0, {} }, { at = 20, {}, { since = 0 } }))
    assert.same({ "task-01", "task-02" }, passes({ at = 0, {} }, { at = 30, {}, { since = 0 } }))
  end)

  it("takes everything as it is at the start", function()
    assert.same({ "task-01", "task-02" }, passes({ at = 0, { since = 0 }, { since = 0 } }))
  end)

  it("keeps a color's share while its health flaps", function()
    local _, plan = passes({ at = 0, {} }, { at = 10, { health = "UNHEALTHY", health_since = 5 } })
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
    _, plan = passes({ at = 0, {} }, { at = 10, { health = "UNHEALTHY", health_since = 5 } },
      { at = 40, { health = "UNHEALTHY", health_since = 5 } })
    assert.same({ blue = 100 }, shop.shares(plan))
  end)

  it("takes a recovered one back at once where it is the last hope", function()
    local _, plan = passes({ at = 0, {} }, { at = 50, { health = "UNHEALTHY", health_since = 5 } },
      { at = 60, { health = "HEALTHY", health_since = 58 } })
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
  end)

  it("does not keep a task whose address a new one has", function()
    local first = shop.plan(shop.snapshot({ weight = 1, DAMPING = "1h",
      instances = { build.instance(1), build.instance(2) } }, { weight = 1 }))
    local again = build.instance(3, { AWS_INSTANCE_IPV4 = "10.0.0.1" })
    local second = shop.plan(shop.snapshot({ weight = 1, DAMPING = "1h",
      instances = { build.instance(2), again } }, { weight = 1 }),
      { previous = shop.in_force(first) })
    assert.same({ "task-02" }, shop.endpoints(second, "blue"))
  end)
end)
