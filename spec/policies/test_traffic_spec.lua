-- Test traffic: who gets it, and what it never does.

local shop = require("spec.support.shop")

local HEADER = "x-amzn-ecs-blue-green-test"

describe("policies/test_traffic.lua", function()
  it("sends the header to a color that has no weight yet", function()
    local routes = shop.routes(shop.plan(shop.snapshot({ weight = 100 },
      { weight = 0, TEST_TRAFFIC = "yes" })))
    assert.same({ { header = HEADER } }, routes[1].match)
    assert.equal("green", routes[1].clusters[1].color)
    assert.is_nil(routes[2].match)
  end)

  it("never takes the old color for the new one: without endpoints it answers 503", function()
    local plan, warnings = shop.plan(shop.snapshot({ weight = 100 },
      { weight = 0, endpoints = 0, TEST_TRAFFIC = "yes" }))
    assert.equal("green", shop.routes(plan)[1].clusters[1].color)
    assert.equal("no_endpoints", warnings[1].code)
  end)

  it("lets a color stand back that the settings would test", function()
    local routes = shop.routes(shop.plan(shop.snapshot({ weight = 100 },
      { weight = 0, TEST_TRAFFIC = "no" }), { settings = { test_traffic = { color = "green" } } }))
    assert.equal(1, #routes)
  end)

  it("comes before what headers and tenants ask for", function()
    local routes = shop.routes(shop.plan(shop.snapshot({ weight = 100, HEADER_ROUTE = "x-beta" },
      { weight = 0, TENANTS = "acme", TEST_TRAFFIC = "yes" })))
    assert.same({ HEADER, "x-beta", "x-tenant" }, { routes[1].match[1].header,
      routes[2].match[1].header, routes[3].match[1].header })
    assert.equal(4, #routes)
  end)

  it("refuses a header that is none", function()
    local ok, err = pcall(shop.plan, shop.snapshot({ weight = 1 }, { weight = 1 }),
      { settings = { test_traffic = { header = "no header" } } })
    assert.is_false(ok)
    assert.matches("policy test_traffic: policies/test_traffic.lua:%d+: settings: header: expected "
      .. "the name of a header", err)
  end)

  it("warns of a second color that is tested, which gets nothing", function()
    local made, warnings = shop.plan(shop.snapshot({ weight = 1, TEST_TRAFFIC = "yes" },
      { weight = 1, TEST_TRAFFIC = "yes" }))
    assert.equal("blue", shop.routes(made)[1].clusters[1].color)
    assert.equal("shop-green", warnings[1].service)
    assert.equal("TEST_TRAFFIC", warnings[1].attribute)
  end)

  it("leaves out a color with more paths than the values of the header leave room for", function()
    local values, green = {}, { weight = 1, path = "/p1", TEST_TRAFFIC = "yes" }
    for i = 1, 60 do values[i] = ("t"):rep(46) .. i end
    for i = 2, 17 do green["/p" .. i] = "1" end
    local made, warnings = shop.plan(shop.snapshot({ weight = 1, TEST_TRAFFIC = "yes" }, green),
      { settings = { test_traffic = { header_values = values } } })
    assert.equal('mesh "example.local": service "shop-green": attribute "TEST_TRAFFIC": expected '
      .. "at most 1000 of Envoy's routes, got 1020: 60 on each of 17 paths; it is not used",
      warnings[1].message)
    assert.equal(1, #warnings)
    assert.equal(18 + 1, #made.listeners[1].routes, "blue is tested")
  end)
end)
