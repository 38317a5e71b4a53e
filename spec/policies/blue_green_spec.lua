-- The switch between colors, in the company of the other policies.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

describe("policies/blue_green.lua", function()
  it("sends all traffic to the active color, and says who said so", function()
    local plan = shop.plan(shop.snapshot({ weight = 90, ACTIVE_COLOR = "green" }, { weight = 10 }))
    assert.same({ blue = 0, green = 100 }, shop.shares(plan))
    assert.matches("blue_green: 10 → 100 (ACTIVE_COLOR of shop is green)",
      shop.why(plan, "green"), 1, true)
  end)

  it("lets the weights count again when the attribute is taken away", function()
    local plan = shop.plan(shop.snapshot({ weight = 90, ACTIVE_COLOR = "" }, { weight = 10 }))
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
  end)

  it("takes the first color's word where two disagree, and warns", function()
    local plan, warnings = shop.plan(shop.snapshot({ weight = 50, ACTIVE_COLOR = "blue" },
      { weight = 50, ACTIVE_COLOR = "green" }))
    assert.same({ blue = 100, green = 0 }, shop.shares(plan))
    assert.same({ "bad_attribute" }, build.codes(warnings))
    assert.equal("shop-green", warnings[1].service)
  end)

  it("does not send traffic to a color that cannot answer", function()
    local plan = shop.plan(shop.snapshot({ weight = 90, ACTIVE_COLOR = "green" },
      { weight = 10, endpoints = 2, unhealthy = 2 }))
    assert.same({ blue = 100 }, shop.shares(plan))
  end)

  it("leaves another service on the same path its share", function()
    local plan = shop.plan(shop.snapshot({ weight = 40, ACTIVE_COLOR = "green" }, { weight = 10 },
      { build.service("other", { SERVICE = "other", COLOR = "red", ["/shop"] = "50" }) }))
    assert.same({ blue = 0, green = 50, red = 50 }, shop.shares(plan))
  end)

  it("warns of a color that does not exist, where the attribute is", function()
    local made, warnings = shop.plan(shop.snapshot({ weight = 90 },
      { weight = 10, ACTIVE_COLOR = "Green" }))
    assert.same({ blue = 90, green = 10 }, shop.shares(made))
    assert.equal('mesh "example.local": service "shop-green": attribute "ACTIVE_COLOR": '
      .. '"Green" is no color of "shop"; it is not used', warnings[1].message)
  end)

  describe("with two services of the active color", function()
    local function weights(blue, first, second)
      blue.ACTIVE_COLOR, first.weight = "green", first.weight or 25
      local more = build.service("shop-green-2", { SERVICE = "shop", COLOR = "green",
        ["/shop"] = second.weight or "25" }, second.endpoints)
      local plan, warnings = shop.plan(shop.snapshot(blue, first, { more }))
      assert.same({}, build.codes(warnings))
      local by_cluster = {}
      for _, entry in ipairs(shop.routes(plan)[1].clusters) do
        by_cluster[entry.cluster:match("[^@]+")] = entry.weight
      end
      return by_cluster, plan
    end

    it("shares among them in proportion of their weights", function()
      assert.same({ ["shop-blue"] = 0, ["shop-green"] = 50, ["shop-green-2"] = 50 },
        (weights({ weight = 50 }, {}, {})))
      assert.same({ ["shop-blue"] = 0, ["shop-green"] = 20, ["shop-green-2"] = 80 },
        (weights({ weight = 50 }, { weight = 10 }, { weight = "40" })))
      assert.same({ ["shop-blue"] = 0, ["shop-green"] = 0, ["shop-green-2"] = 100 },
        (weights({ weight = 50 }, { weight = 0 }, { weight = "40" })))
    end)

    it("shares equally where they have no weight yet", function()
      assert.same({ ["shop-blue"] = 0, ["shop-green"] = 50, ["shop-green-2"] = 50 },
        (weights({ weight = 50 }, { weight = 0 }, { weight = "0" })))
    end)

    it("passes one by that cannot answer", function()
      local made, plan = weights({ weight = 50 }, { endpoints = 0 }, {})
      assert.same({ ["shop-blue"] = 0, ["shop-green"] = 0, ["shop-green-2"] = 100 }, made)
      assert.matches("blue_green: 25 → 100 (ACTIVE_COLOR of shop is green)",
        shop.why(plan, "green"), 1, true)
      assert.same({ ["shop-blue"] = 0, ["shop-green"] = 0, ["shop-green-2"] = 100 },
        (weights({ weight = 50 }, { weight = 25, endpoints = 0 }, { weight = "0" })))
    end)

    it("does not switch where none of them can answer", function()
      local made, plan = weights({ weight = 50 }, { endpoints = 0 }, { endpoints = 0 })
      assert.same({ ["shop-blue"] = 50 }, made)
      assert.matches('ACTIVE_COLOR of shop is "green", which has no usable endpoint',
        table.concat(shop.routes(plan)[1].why, "\n"), 1, true)
    end)
  end)
end)
