-- Stickiness: what clients stay by, and that the total which keeps them there does not change.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function route(blue, green, settings)
  local plan, warnings = shop.plan(shop.snapshot(blue, green), { settings = { sticky = settings } })
  return shop.routes(plan)[1], warnings
end

describe("policies/sticky.lua", function()
  it("leaves the weights as they are", function()
    local plan = shop.plan(shop.snapshot({ weight = 2, STICKY = "cookie" }, { weight = 1 }))
    assert.same({ blue = 2, green = 1 }, build.weights(plan, "private-8080", "/shop"))
  end)

  it("works on the variants of a path that several colors share", function()
    local plan = shop.plan(shop.snapshot({ weight = 90, STICKY = "cookie", HEADER_ROUTE = "x-a" },
      { weight = 10 }))
    local routes = shop.routes(plan)
    assert.is_nil(routes[1].hash)
    assert.same({ { cookie = "nightjar-sticky", ttl = 0 } }, routes[2].hash)
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

  it("follows the first of two services on one path", function()
    local other = build.service("a-one", { SERVICE = "a", ["/shop"] = "1",
      STICKY = "header:x-a" })
    local made = shop.plan(shop.snapshot({ weight = 1, STICKY = "header:x-b" }, { weight = 1 },
      { other }))
    assert.same({ { header = "x-a" } }, shop.routes(made)[1].hash)
  end)
end)
