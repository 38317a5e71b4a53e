-- A floor under a color, over several passes.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

-- Goes through passes, each { endpoints, unhealthy, at }; returns the last plan and its warnings.
local function passes(list, green, settings)
  local plan, warnings, previous
  for _, pass in ipairs(list) do
    local color = { weight = 10, endpoints = pass[1], unhealthy = pass[2] }
    for key, value in pairs(green) do color[key] = value end
    plan, warnings = shop.plan(shop.snapshot({ weight = 90 }, color),
      { previous = previous, now = build.NOW + (pass[3] or 0), settings = settings })
    previous = shop.in_force(plan)
  end
  return plan, warnings
end

describe("policies/refuse_empty.lua", function()
  it("keeps the endpoints of a color that vanish all at once, and its share", function()
    local plan, warnings = passes({ { 3 }, { 0 } }, { MIN_ENDPOINTS = "1" })
    assert.equal(3, #shop.endpoints(plan, "green"))
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
    assert.equal("endpoints_kept", warnings[1].code)
    assert.matches("0 endpoints are left, 1 are wanted at least; 3 previous ones stay",
      warnings[1].message, 1, true)
  end)

  it("keeps them from pass to pass, and no longer than the settings say", function()
    local settings = { refuse_empty = { seconds = 100 } }
    local list = { { 3 }, { 0, 0, 10 }, { 0, 0, 60 }, { 0, 0, 109 } }
    assert.equal(3, #shop.endpoints(passes(list, { MIN_ENDPOINTS = "1" }, settings), "green"))
    list[5] = { 0, 0, 110 }
    assert.same({ blue = 100 }, shop.shares((passes(list, { MIN_ENDPOINTS = "1" }, settings))))
    list[6] = { 0, 0, 120 }
    assert.is_nil(shop.cluster(passes(list, { MIN_ENDPOINTS = "1" }, settings), "green"))
  end)

  it("lets them go when enough are there again", function()
    local plan = passes({ { 4 }, { 1 }, { 2 } }, { MIN_ENDPOINTS = "50%" })
    assert.equal(2, #shop.endpoints(plan, "green"))
  end)

  it("does not stand in the way of an ordinary scale-in", function()
    local plan, warnings = passes({ { 4 }, { 3 }, { 2 }, { 1 } }, { MIN_ENDPOINTS = "50%" })
    assert.equal(1, #shop.endpoints(plan, "green"))
    assert.same({}, warnings)
  end)

  it("does not believe health checks that fail all together", function()
    local plan = passes({ { 3 }, { 3, 3 } }, { MIN_ENDPOINTS = "1" })
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
    for _, endpoint in ipairs(shop.cluster(plan, "green").endpoints) do
      assert.equal("healthy", endpoint.health)
    end
  end)

  it("has nothing to keep at the first start", function()
    local plan = passes({ { 0 } }, { MIN_ENDPOINTS = "2" })
    assert.same({ blue = 100 }, shop.shares(plan))
  end)

  it("does not take what failover lent for the color's own", function()
    local plan = passes({ { 1 }, { 0 } }, { MIN_ENDPOINTS = "5", FAILOVER = "blue" })
    local own = 0
    for _, endpoint in ipairs(shop.cluster(plan, "green").endpoints) do
      if not endpoint.lent_by then own = own + 1 end
    end
    assert.equal(1, own)
  end)

  it("keeps no address that is another color's by now", function()
    local first = shop.plan(shop.snapshot({ weight = 50, MIN_ENDPOINTS = "1",
      instances = { build.instance(1) } }, { weight = 50, instances = { build.instance(2) } }))
    local again = build.instance(3, { AWS_INSTANCE_IPV4 = "10.0.0.1" })
    local second = shop.plan(shop.snapshot({ weight = 50, MIN_ENDPOINTS = "1", instances = {} },
      { weight = 50, instances = { build.instance(2), again } }),
      { previous = shop.in_force(first) })
    assert.same({ green = 100 }, shop.shares(second))
  end)
end)
