-- Mirrors: who gets copies, and who may.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

describe("policies/mirror.lua", function()
  it("copies requests that are shared, and none to a color that gets them all", function()
    local routes = shop.routes(shop.plan(shop.snapshot({ weight = 100 },
      { weight = 0, MIRROR = "12.5%", HEADER_ROUTE = "x-beta" })))
    assert.is_nil(routes[1].mirrors)
    assert.same({ { cluster = "shop-green@example.local", percent = 12.5 } }, routes[2].mirrors)
  end)

  it("keeps the cluster in the plan that only gets copies", function()
    local plan = shop.plan(shop.snapshot({ weight = 100 }, { weight = 0, MIRROR = "1" }))
    assert.is_table(shop.cluster(plan, "green"))
  end)

  it("sends nothing to a color whose path is not seen there", function()
    local services = shop.snapshot({ weight = 1 }, { weight = 0, MIRROR = "50",
      path = "?/shop" }).meshes[1].services
    local plan = shop.plan(build.snapshot({ build.namespace("NAMESPACE_0", "other.local", 9000,
      services) }))
    assert.is_nil(shop.routes(plan)[1].mirrors)
  end)

  for _, value in ipairs({ "0", "0.00001" }) do
    it("copies nothing at " .. value .. " percent", function()
      local plan, warnings = shop.plan(shop.snapshot({ weight = 1 },
        { weight = 0, MIRROR = value }))
      assert.is_nil(shop.routes(plan)[1].mirrors)
      assert.same({}, warnings)
    end)
  end

  it("copies requests of those whose cookie keeps them on another color", function()
    local routes = shop.routes(shop.plan(shop.snapshot({ weight = 100, COLOR_COOKIE = "yes" },
      { weight = 1, MIRROR = "50" })))
    local copied = {}
    for i, route in ipairs(routes) do
      copied[i] = route.mirrors and route.mirrors[1].cluster or ""
    end
    assert.same({ "shop-green@example.local", "", "shop-green@example.local" }, copied)
  end)

  it("leaves mirrors of a policy before it", function()
    local mirror = [[
      for _, route in ipairs(mesh.listeners[1].routes) do
        route.mirrors = { { cluster = "shop-green@example.local", percent = 3 } }
      end]]
    local policies = build.shipped_policies({ "mine", "mirror", "weights" })
    table.insert(policies, { name = "mine.lua", text = build.policy(mirror) })
    local plan = build.plan(shop.snapshot({ weight = 1, MIRROR = "7" }, { weight = 1 }),
      { policies = policies })
    local percents = {}
    for i, item in ipairs(plan.listeners[1].routes[1].mirrors) do percents[i] = item.percent end
    assert.same({ 3, 7 }, percents)
  end)
end)
