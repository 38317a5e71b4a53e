-- Stickiness: what clients stay by, and that the total which keeps them there does not change.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function route(blue, green, settings)
  local plan, warnings = shop.plan(shop.snapshot(blue, green), { settings = { sticky = settings } })
  return shop.routes(plan)[1], warnings
end

local function total(one)
  local sum = 0
  for _, entry in ipairs(one.clusters) do sum = sum + entry.weight end
  return sum
end

describe("policies/sticky.lua", function()
  it("keeps one total through every change of weights, so that few clients move", function()
    for _, weights in ipairs({ { 90, 10 }, { 50, 50 }, { 1, 2 }, { 65535, 1 }, { 0, 7 } }) do
      assert.equal(10000, total(route({ weight = weights[1], STICKY = "cookie" },
        { weight = weights[2] })))
    end
  end)

  it("keeps it when a color loses its endpoints", function()
    local plan = shop.plan(shop.snapshot({ weight = 90, STICKY = "cookie" }, { weight = 10 },
      { build.service("red", { SERVICE = "shop", COLOR = "red", ["/shop"] = "50" }, 0) }))
    assert.equal(10000, total(shop.routes(plan)[1]))
  end)

  it("does not touch a path of one color", function()
    local plan = shop.plan(build.own({ build.service("web",
      { ["/shop"] = "7", STICKY = "cookie" }) }))
    assert.is_nil(shop.routes(plan)[1].hash)
  end)

  it("lets a service's own word win over the settings", function()
    local one = route({ weight = 1, STICKY = "header:x-user" }, { weight = 1 }, { by = "cookie" })
    assert.same({ { header = "x-user" } }, one.hash)
    one = route({ weight = 1 }, { weight = 1 }, { by = "cookie", cookie = "c", ttl = 60 })
    assert.same({ { cookie = "c", ttl = 60 } }, one.hash)
  end)

  for _, value in ipairs({ "ip", "header", "header:", "header:a b", "cookie:a b", "cookie:a:soon",
    "cookie:a:1h:x", "cookie:a:9999d" }) do
    it("warns of " .. value .. " and goes on without it", function()
      local one, warnings = route({ weight = 90, STICKY = value }, { weight = 10 })
      assert.is_nil(one.hash)
      assert.same({ "bad_attribute" }, build.codes(warnings))
    end)
  end
end)
