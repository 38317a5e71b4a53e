-- The own zone first: where it is known, big enough and asked for.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function priorities(options, color)
  local instances = { build.instance(1, { AVAILABILITY_ZONE = "a" }),
    build.instance(2, { AVAILABILITY_ZONE = "b" }) }
  local blue = color or { ZONE_AWARE = "yes" }
  blue.weight, blue.instances = 90, instances
  local plan = shop.plan(shop.snapshot(blue, { weight = 10 }), options)
  local list = {}
  for i, endpoint in ipairs(shop.cluster(plan, "blue").endpoints) do
    list[i] = endpoint.priority or 0
  end
  return list, shop.why(plan, "blue")
end

describe("policies/zone_aware.lua", function()
  it("prefers the zone that the container is in", function()
    local list, why = priorities({ zone = "b" })
    assert.same({ 1, 0 }, list)
    assert.matches("zone b first: 1 endpoint", why, 1, true)
  end)

  it("prefers nothing where the zone is not known, and says so", function()
    local list, why = priorities({})
    assert.same({ 0, 0 }, list)
    assert.matches("AVAILABILITY_ZONE is not known", why, 1, true)
  end)

  it("does not send a zone's traffic to too few endpoints", function()
    local list, why = priorities({ zone = "b", settings = { zone_aware = { min_endpoints = 2 } } })
    assert.same({ 0, 0 }, list)
    assert.matches("not preferred: 1 of 2", why, 1, true)
  end)

  it("comes after failover: the own zone of each step first", function()
    local list = priorities({ zone = "b" }, { ZONE_AWARE = "yes", FAILOVER = "green" })
    -- Green's endpoint first by its id; it is in neither zone.
    assert.same({ 3, 1, 0 }, list)
  end)

  it("lets a color stand back where the settings ask all", function()
    local settings = { zone_aware = { all = true } }
    assert.same({ 1, 0 }, (priorities({ zone = "b", settings = settings }, {})))
    assert.same({ 0, 0 }, (priorities({ zone = "b", settings = settings }, { ZONE_AWARE = "no" })))
  end)
end)
