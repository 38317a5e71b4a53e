-- Who may see a path, from where.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function seen(attributes, options)
  options = options or {}
  attributes["/shop"], attributes["/shop/admin"] = "1", "1"
  local meshes = { build.namespace("NAMESPACE_0", "other.local", 9000,
    { build.service("shop", attributes) }) }
  local member
  if options.viewer then
    table.insert(meshes, 1, build.namespace("own", options.viewer, 8080,
      { build.service("me", { ["/me"] = "1" }) }))
    member = "me"
  end
  local plan = shop.plan(build.snapshot(meshes, member), { settings = options.settings })
  return build.paths(plan, "public-9000"), plan
end

describe("policies/access_list.lua", function()
  it("shows a service to the meshes that it names", function()
    assert.same({ "/shop/admin", "/shop" }, seen({ ACCESS = "a.local, b.local" },
      { viewer = "b.local" }))
    assert.same({}, seen({ ACCESS = "a.local" }, { viewer = "c.local" }))
  end)

  it("keeps the listener, and says why it is empty", function()
    local _, plan = seen({ ACCESS = "a.local" }, { viewer = "c.local" })
    assert.equal("public-9000", plan.listeners[2].name)
    assert.matches("ACCESS of shop@other.local does not name c.local",
      plan.listeners[2].removed[1].why[2], 1, true)
  end)

  it("can be narrower or wider for one path", function()
    assert.same({ "/shop" }, seen({ ["ACCESS:/shop/admin"] = "none" }, { viewer = "b.local" }))
    assert.same({ "/shop" }, seen({ ACCESS = "none", ["ACCESS:/shop/"] = "*" },
      { viewer = "b.local" }))
  end)

  it("calls a gateway by that name", function()
    assert.same({ "/shop/admin", "/shop" }, seen({ ACCESS = "gateway" }))
    assert.same({}, seen({ ACCESS = "b.local" }))
  end)

  it("closes all that say nothing, where the settings say so", function()
    local settings = { access_list = { default = { "none" } } }
    assert.same({}, seen({}, { settings = settings, viewer = "b.local" }))
    assert.same({ "/shop/admin", "/shop" }, seen({ ACCESS = "*" },
      { settings = settings, viewer = "b.local" }))
  end)

  it("closes a path to copies of requests too", function()
    local services = shop.snapshot({ weight = 100 },
      { weight = 0, MIRROR = "50", ACCESS = "none" }).meshes[1].services
    local made = shop.plan(build.snapshot({ build.namespace("NAMESPACE_0", "other.local", 9000,
      services) }))
    assert.is_nil(shop.routes(made)[1].mirrors)
    assert.is_nil(build.cluster(made, "shop-green@other.local"))
  end)
end)
