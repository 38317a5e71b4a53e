-- Caps, in the company of ramps and of colors without endpoints.

local shop = require("spec.support.shop")

describe("policies/capacity_cap.lua", function()
  it("lets a ramp go no further than its endpoints carry", function()
    local green = { weight = 10, endpoints = 1, CAPACITY_FACTOR = "1.5",
      RAMP_START = "2023-11-14T22:00:00Z" }
    local plan = shop.plan(shop.snapshot({ weight = 90, endpoints = 4 }, green),
      { now = 1699999200 + 1800 })
    assert.same({ blue = 70, green = 30 }, shop.shares(plan))
    assert.matches("capped: 1 of 5 healthy endpoints × 1.5", shop.why(plan, "green"))
  end)

  it("follows the endpoints, whatever the weights are", function()
    local shares = {}
    for endpoints = 1, 4 do
      local plan = shop.plan(shop.snapshot({ weight = 0, endpoints = 4 },
        { weight = 100, endpoints = endpoints, CAPACITY_FACTOR = "1" }))
      shares[endpoints] = shop.shares(plan).green
    end
    -- Nobody has a weight but green: there is no one to take the rest.
    assert.same({ 100, 100, 100, 100 }, shares)
  end)

  it("caps every color that the settings cap", function()
    local plan = shop.plan(shop.snapshot({ weight = 95, endpoints = 1 },
      { weight = 5, endpoints = 3 }), { settings = { capacity_cap = { factor = 2 } } })
    assert.same({ blue = 50, green = 50 }, shop.shares(plan))
  end)

  it("does not divide by the endpoints of nobody", function()
    local plan, warnings = shop.plan(shop.snapshot({ weight = 50, endpoints = 0 },
      { weight = 50, endpoints = 0, CAPACITY_FACTOR = "2" }))
    assert.same({ blue = 50, green = 50 }, shop.shares(plan))
    assert.equal("no_endpoints", warnings[1].code)
  end)
end)
