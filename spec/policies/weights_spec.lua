-- The policy that shares a route among the colors that can answer, and takes away what cannot.

local build = require("spec.support.mesh")
local route_label = require("nightjar.route_label")
local shop = require("spec.support.shop")

local function colors(weights, endpoints)
  local services = {}
  for i, color in ipairs({ "blue", "green", "red" }) do
    services[i] = build.service("a-" .. color, { SERVICE = "a", COLOR = color,
      ["/a"] = tostring(weights[i]) }, endpoints[i])
  end
  return build.own(services)
end

describe("policies/weights.lua", function()
  it("lets three colors share as two, in the same ratio", function()
    local plan = build.plan(colors({ 60, 30, 10 }, { 1, 0, 1 }))
    assert.same({ blue = 60, red = 10 }, build.weights(plan, "private-8080", "/a"))
    local why = build.route(plan, "private-8080", "/a").clusters[2].why
    assert.equal("weights: its share goes from 10 of 100 to 10 of 70, as color green has no "
      .. "usable endpoint", why[2])
  end)

  it("names every color that left", function()
    local plan = build.plan(colors({ 60, 30, 10 }, { 0, 0, 1 }))
    assert.matches("as colors blue, green have no usable endpoint",
      build.route(plan, "private-8080", "/a").clusters[1].why[2])
  end)

  it("drops a route of zeros even where no color has endpoints", function()
    local _, made = build.plan(colors({ 0, 0, 0 }, { 0, 0, 0 }))
    assert.same({ "all_weights_zero" }, build.codes(made.warnings))
  end)

  it("says which route of a path it means", function()
    local made, warnings = shop.plan(shop.snapshot({ weight = 90 }, { weight = 0, endpoints = 0,
      HEADER_ROUTE = "x-beta=1 & cookie:b=2|3|4|5|6, x-on" }))
    local said = {}
    for i, route in ipairs(shop.routes(made)) do
      said[i] = route.match and ('listener private-8080: route "%s" of shop answers 503: no color '
        .. "with a weight has a usable endpoint"):format(route_label.of(route.path, route.match))
    end
    assert.same({ said[1], said[2] }, { warnings[1].message, warnings[2].message })
    assert.matches('route "/shop when x-beta is 1 and cookie b is 2, 3, 4 or 2 more" of shop',
      warnings[1].message, 1, true)
    assert.equal(2, #warnings)
  end)

  it("names none of the conditions where it means the path's own route", function()
    local _, warnings = shop.plan(shop.snapshot({ weight = 90, endpoints = 0 },
      { weight = 0, HEADER_ROUTE = "x-beta" }))
    assert.matches("route /shop of shop answers 503", warnings[1].message, 1, true)
  end)

  it("bears conditions as long as they come", function()
    local claims = {}
    for i = 1, 7 do claims[i] = ("x-%d=%s"):format(i, ("v"):rep(1000)) end
    local _, warnings = shop.plan(shop.snapshot({ weight = 90 }, { weight = 0, endpoints = 0,
      HEADER_ROUTE = table.concat(claims, "&") }))
    assert.equal("no_endpoints", warnings[1].code)
    assert.is_true(#warnings[1].message < 1000)
  end)

  it("bears names as long and as odd as they come", function()
    local long = ("ü"):rep(127)
    local services = {}
    for i = 1, 5 do
      services[i] = build.service(("s%d"):format(i) .. ("x"):rep(1000), { SERVICE = long .. i,
        COLOR = long .. i, ["/" .. ("p"):rep(1000)] = "1" }, i == 1 and 1 or 0)
    end
    local plan = build.plan(build.own(services))
    assert.equal(1, #plan.listeners[1].routes[1].clusters)
    for _, service in ipairs(services) do service.instances = {} end
    local _, made = build.plan(build.own(services))
    assert.equal("no_endpoints", made.warnings[#made.warnings].code)
  end)
end)
