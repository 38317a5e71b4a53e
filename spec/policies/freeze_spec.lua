-- Stopping the line, over several passes: what each leaves in force is what the next holds.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

-- Goes through passes, each { blue, green, more? }; returns the plan of the last.
local function passes(...)
  local plan, previous
  for _, pass in ipairs({ ... }) do
    plan = shop.plan(shop.snapshot(pass[1], pass[2], pass.more), { previous = previous,
      now = pass.now })
    previous = shop.in_force(plan)
  end
  return plan
end

local function control()
  return { build.service("control", { FREEZE = "yes" }, 0) }
end

describe("policies/freeze.lua", function()
  it("holds weights that are changed meanwhile, for as long as it stands", function()
    local plan = passes({ { weight = 90 }, { weight = 10 } },
      { { weight = 0, FREEZE = "yes" }, { weight = 100 } },
      { { weight = 50, FREEZE = "yes" }, { weight = 50 } })
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
    assert.matches("the mesh is frozen %(FREEZE of .+%)",
      table.concat(shop.routes(plan)[1].why, "\n"))
    assert.matches("freeze: 50 → 90", shop.why(plan, "blue"))
  end)

  it("goes on when it is lifted", function()
    local plan = passes({ { weight = 90 }, { weight = 10 } },
      { { weight = 0, FREEZE = "yes" }, { weight = 100 } }, { { weight = 0 }, { weight = 100 } })
    assert.same({ blue = 0, green = 100 }, shop.shares(plan))
  end)

  it("holds a ramp where it stands", function()
    local start = "2023-11-14T22:00:00Z"
    local plan = passes(
      { { weight = 90 }, { weight = 10, RAMP_START = start }, now = 1699999200 + 900 },
      { { weight = 90, FREEZE = "on" }, { weight = 10, RAMP_START = start },
        now = 1699999200 + 3000 })
    assert.same({ blue = 75, green = 25 }, shop.shares(plan))
  end)

  it("lets endpoints move", function()
    local plan = passes({ { weight = 90 }, { weight = 10 } },
      { { weight = 90, endpoints = 3, FREEZE = "yes" }, { weight = 10 } })
    assert.equal(3, #shop.endpoints(plan, "blue"))
  end)

  it("gives a color back its weight that had no endpoints for a while", function()
    local plan = passes({ { weight = 90 }, { weight = 10 } },
      { { weight = 90, FREEZE = "yes" }, { weight = 10, endpoints = 0 } },
      { { weight = 90, FREEZE = "yes" }, { weight = 10, endpoints = 0 } })
    assert.same({ blue = 100 }, shop.shares(plan))
    plan = passes({ { weight = 90 }, { weight = 10 } },
      { { weight = 90, FREEZE = "yes" }, { weight = 10, endpoints = 0 } },
      { { weight = 90, FREEZE = "yes" }, { weight = 10, endpoints = 0 } },
      { { weight = 90, FREEZE = "yes" }, { weight = 10 } })
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
  end)

  it("does not keep open what is closed meanwhile", function()
    local function snapshot(access, frozen)
      return build.snapshot({ build.namespace("NAMESPACE_0", "other.local", 9000,
        { build.service("api", { ["/api"] = "5", ACCESS = access, FREEZE = frozen }) }) })
    end
    local before = shop.in_force((shop.plan(snapshot("*"))))
    local plan = shop.plan(snapshot("none", "yes"), { previous = before })
    assert.same({}, build.paths(plan, "public-9000"))
  end)

  it("is set by any service of the mesh, one that serves nothing too", function()
    local plan = passes({ { weight = 90 }, { weight = 10 } },
      { { weight = 0 }, { weight = 100 }, more = control() })
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
  end)

  it("adds no route and takes none away", function()
    local plan = passes({ { weight = 90 }, { weight = 10 } },
      { { weight = 90, ["/new"] = "1", path = "/other", FREEZE = "yes" },
        { weight = 10, path = "/other" } })
    assert.same({ "/shop" }, build.paths(plan, "private-8080"))
    assert.matches("the mesh is frozen: no route is added",
      table.concat(plan.listeners[1].removed[1].why, "\n"))
  end)

  it("does not pile up mirrors, cookies or timeouts from pass to pass", function()
    local function pass()
      return { { weight = 90, FREEZE = "yes", COLOR_COOKIE = "yes", STICKY = "cookie" },
        { weight = 10, MIRROR = "5", TIMEOUT = "3s" } }
    end
    local once, often = passes(pass(), pass()), passes(pass(), pass(), pass(), pass())
    assert.same(#once.listeners[1].routes, #often.listeners[1].routes)
    for i, route in ipairs(once.listeners[1].routes) do
      local other = often.listeners[1].routes[i]
      assert.same({ route.mirrors, route.timeout, route.hash, route.match },
        { other.mirrors, other.timeout, other.hash, other.match })
      assert.equal(#route.clusters, #other.clusters)
    end
  end)

  it("freezes one mesh and not another", function()
    local function snapshot(weight, frozen)
      local own = { build.service("web", { ["/web"] = weight }) }
      local other = { build.service("api", { ["/api"] = weight, FREEZE = frozen }) }
      return build.snapshot({ build.namespace("own", "example.local", 8080, own),
        build.namespace("NAMESPACE_0", "other.local", 9000, other) })
    end
    local before = shop.in_force((shop.plan(snapshot("5"))))
    local plan = shop.plan(snapshot("7", "yes"), { previous = before })
    assert.same({ default = 7 }, build.weights(plan, "private-8080", "/web"))
    assert.same({ default = 5 }, build.weights(plan, "public-9000", "/api"))
  end)

  it("freezes everything by the settings", function()
    local before = shop.in_force((shop.plan(shop.snapshot({ weight = 90 }, { weight = 10 }))))
    local plan = shop.plan(shop.snapshot({ weight = 1 }, { weight = 1 }),
      { previous = before, settings = { freeze = { all = true } } })
    assert.same({ blue = 90, green = 10 }, shop.shares(plan))
  end)

  it("takes the mesh's word where whoever had the weight is gone", function()
    local first = shop.plan(shop.snapshot({ weight = 100 }, { weight = 0 }))
    local snapshot = shop.snapshot({ weight = 100 }, { weight = 100, FREEZE = "yes" })
    table.remove(snapshot.meshes[1].services, 1)
    local second = shop.plan(snapshot, { previous = shop.in_force(first) })
    assert.same({ green = 100 }, shop.shares(second))
  end)
end)
