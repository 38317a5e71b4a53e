-- Tenants: one color for many of them, none for two.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

describe("policies/tenant_route.lua", function()
  it("sends listed tenants to their color and everybody else by weight", function()
    local plan = shop.plan(shop.snapshot({ weight = 100 }, { weight = 0, TENANTS = "acme globex" }))
    local routes = shop.routes(plan)
    assert.same({ { header = "x-tenant", values = { "acme", "globex" } } }, routes[1].match)
    assert.equal("green", routes[1].clusters[1].color)
    assert.same({ blue = 100, green = 0 }, shop.shares(plan))
  end)

  it("bears a thousand tenants", function()
    local names = {}
    for i = 1, 100 do names[i] = ("t%d"):format(i) end
    local plan = shop.plan(shop.snapshot({ weight = 100 },
      { weight = 0, TENANTS = table.concat(names, ",") }))
    assert.equal(100, #shop.routes(plan)[1].match[1].values)
  end)

  it("knows a tenant by header or by cookie, as the settings say", function()
    local routes = shop.routes(shop.plan(shop.snapshot({ weight = 100 },
      { weight = 0, TENANTS = "acme" }),
      { settings = { tenant_route = { header = "X-Org", cookie = "org" } } }))
    assert.same({ { { header = "x-org", values = { "acme" } } },
      { { cookie = "org", values = { "acme" } } } }, { routes[1].match, routes[2].match })
  end)

  it("warns of a tenant that two colors list, and gives it to the first", function()
    local plan, warnings = shop.plan(shop.snapshot({ weight = 100, TENANTS = "acme" },
      { weight = 0, TENANTS = "acme, globex" }))
    assert.same({ "bad_attribute" }, build.codes(warnings))
    assert.equal("blue", shop.routes(plan)[1].clusters[1].color)
    assert.same({ "globex" }, shop.routes(plan)[2].match[1].values)
  end)

  it("skips what cannot stand in a header, and names it", function()
    local plan, warnings = shop.plan(shop.snapshot({ weight = 100 },
      { weight = 0, TENANTS = "acme, glo\7bex, zürich" }))
    assert.same({ "acme" }, shop.routes(plan)[1].match[1].values)
    assert.equal("bad_attribute", warnings[1].code)
  end)

  it("leaves out a list that makes more of Envoy's routes than a plan bears", function()
    local names, green = {}, { weight = 1, path = "/p1" }
    for i = 1, 60 do names[i] = ("t"):rep(46) .. i end
    for i = 2, 17 do green["/p" .. i] = "1" end
    green.TENANTS = table.concat(names, ",")
    local plan, warnings = shop.plan(shop.snapshot({ weight = 100, TENANTS = "acme" }, green))
    assert.equal('mesh "example.local": service "shop-green": attribute "TENANTS": expected at '
      .. "most 1000 of Envoy's routes, got 1020: 60 on each of 17 paths; it is not used",
      warnings[1].message)
    assert.equal(1, #warnings)
    assert.equal(18 + 1, #plan.listeners[1].routes, "blue's tenants have theirs")
  end)
end)
