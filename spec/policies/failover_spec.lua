-- Failover: whose endpoints come in which order, and what is never lent.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function priorities(plan, color)
  local list = {}
  for _, endpoint in ipairs(shop.cluster(plan, color).endpoints) do
    list[endpoint.id] = endpoint.priority or 0
  end
  return list
end

describe("policies/failover.lua", function()
  it("puts another color behind the own one", function()
    local plan = shop.plan(shop.snapshot({ weight = 90, FAILOVER = "green" }, { weight = 10 }))
    assert.same({ ["task-101"] = 0, ["shop-green@example.local/task-201"] = 1 },
      priorities(plan, "blue"))
    assert.same({ ["task-201"] = 0 }, priorities(plan, "green"))
  end)

  it("lends a color's own endpoints only, where two stand in for each other", function()
    local plan = shop.plan(shop.snapshot({ weight = 90, FAILOVER = "green" },
      { weight = 10, FAILOVER = "blue" }))
    assert.equal(2, #shop.endpoints(plan, "blue"))
    assert.equal(2, #shop.endpoints(plan, "green"))
  end)

  it("keeps the share of a color without endpoints that another stands in for", function()
    local plan, warnings = shop.plan(shop.snapshot({ weight = 90, endpoints = 0,
      FAILOVER = "green" }, { weight = 10 }))
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
    assert.same({}, warnings)
  end)

  it("does not lend endpoints that speak another HTTP version", function()
    local plan, warnings = shop.plan(shop.snapshot({ weight = 90, FAILOVER = "green" },
      { weight = 10, HTTP2 = "yes" }))
    assert.equal(1, #shop.endpoints(plan, "blue"))
    assert.matches("speaks another HTTP version", warnings[1].message, 1, true)
  end)

  it("goes to another mesh that is shown here, the same color first", function()
    local own = shop.snapshot({ weight = 90, FAILOVER = "mesh:dr.local" }, { weight = 10 })
    local dr = shop.snapshot({ weight = 90 }, { weight = 10 }).meshes[1].services
    local plan = shop.plan(build.snapshot({ own.meshes[1],
      build.namespace("NAMESPACE_0", "dr.local", 9000, dr) }))
    assert.same({ ["task-101"] = 0, ["shop-blue@dr.local/task-101"] = 1 }, priorities(plan, "blue"))
  end)

  it("does not go where a mesh keeps a service private", function()
    local own = shop.snapshot({ weight = 90, FAILOVER = "mesh:dr.local" }, { weight = 10 })
    local dr = shop.snapshot({ weight = 90, path = "?/shop" }, { weight = 10, path = "?/shop" })
    local plan, warnings = shop.plan(build.snapshot({ own.meshes[1],
      build.namespace("NAMESPACE_0", "dr.local", 9000, dr.meshes[1].services) }))
    assert.same({ ["task-101"] = 0 }, priorities(plan, "blue"))
    assert.equal("bad_attribute", warnings[1].code)
  end)

  it("orders the zones that are listed", function()
    local instances = { build.instance(1, { AVAILABILITY_ZONE = "a" }),
      build.instance(2, { AVAILABILITY_ZONE = "b" }),
      build.instance(3, { AVAILABILITY_ZONE = "" }) }
    local plan = shop.plan(shop.snapshot({ weight = 90, instances = instances,
      FAILOVER = "zone:b, zone:a" }, { weight = 10 }))
    assert.same({ ["task-01"] = 1, ["task-02"] = 0, ["task-03"] = 2 }, priorities(plan, "blue"))
  end)
end)
