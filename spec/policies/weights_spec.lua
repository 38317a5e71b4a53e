-- The policy that shares a route among the colors that can answer, and takes away what cannot.

local build = require("spec.support.mesh")

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
