-- Gates, in the company of ramps.

local shop = require("spec.support.shop")

local START = "2023-11-14T22:00:00Z"

describe("policies/health_gate.lua", function()
  it("holds a ramp until enough endpoints are healthy, then the ramp is where the clock says",
    function()
      local green = { weight = 10, endpoints = 4, unhealthy = 2, HEALTH_GATE = "3",
        RAMP_START = START }
      local plan = shop.plan(shop.snapshot({ weight = 90 }, green), { now = 1699999200 + 1800 })
      assert.same({ blue = 100, green = 0 }, shop.shares(plan))
      assert.matches("held: 2 of 4 endpoints are healthy, 3 are wanted", shop.why(plan, "green"))
      green.unhealthy = 1
      plan = shop.plan(shop.snapshot({ weight = 90 }, green), { now = 1699999200 + 1800 })
      assert.same({ blue = 50, green = 50 }, shop.shares(plan))
    end)

  it("keeps the color at the held share while the gate is closed", function()
    local plan = shop.plan(shop.snapshot({ weight = 50 }, { weight = 50, endpoints = 1,
      HEALTH_GATE = "2" }), { settings = { health_gate = { hold = 1 } } })
    assert.same({ blue = 99, green = 1 }, shop.shares(plan))
  end)

  it("counts endpoints that nobody checks as healthy", function()
    local snapshot = shop.snapshot({ weight = 50 }, { weight = 50, endpoints = 2,
      HEALTH_GATE = "2" })
    for _, instance in ipairs(snapshot.meshes[1].services[2].instances) do
      instance.health = "UNKNOWN"
    end
    assert.same({ blue = 50, green = 50 }, shop.shares(shop.plan(snapshot)))
  end)

  it("does not hold the only color that has a weight", function()
    local plan = shop.plan(shop.snapshot({ weight = 0 }, { weight = 10, HEALTH_GATE = "5" }))
    assert.same({ blue = 0, green = 100 }, shop.shares(plan))
    assert.matches("not held", shop.why(plan, "green"))
  end)

  it("holds nobody back where nobody else can answer", function()
    local made = shop.plan(shop.snapshot({ weight = 50, endpoints = 0 },
      { weight = 50, endpoints = 3, unhealthy = 1, HEALTH_GATE = "100%" }))
    assert.same({ green = 100 }, shop.shares(made))
    assert.matches("2 of 3 endpoints are healthy, 3 are wanted; not held: no color",
      shop.why(made, "green"), 1, true)
  end)

  for name, value in pairs({ RAMP_START = "1", ACTIVE_COLOR = "green" }) do
    it("holds a color that has everything by " .. name, function()
      local made = shop.plan(shop.snapshot({ weight = 90 }, { weight = 10, endpoints = 2,
        unhealthy = 1, HEALTH_GATE = "100%", [name] = value }))
      assert.same({ blue = 100, green = 0 }, shop.shares(made))
      assert.matches("held: 1 of 2 endpoints are healthy, 2 are wanted", shop.why(made, "green"), 1,
        true)
    end)
  end

  it("gives nothing back to a color that is switched off, or cannot answer", function()
    for _, blue in ipairs({ { weight = 0 }, { weight = 90, endpoints = 0 } }) do
      local made = shop.plan(shop.snapshot(blue, { weight = 10, endpoints = 2, unhealthy = 1,
        HEALTH_GATE = "100%", RAMP_START = "1" }))
      assert.equal(100, shop.shares(made).green)
    end
  end)
end)
