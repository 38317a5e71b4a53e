-- What is told of the step from one generation to the next.

local difference = require("nightjar.agent.difference")
local memory = require("nightjar.agent.memory")

local function plan(routes, clusters)
  local listener, list = { name = "l", routes = {} }, {}
  for path, shares in pairs(routes) do
    local route = { path = path, clusters = {} }
    for name, weight in pairs(shares) do
      route.clusters[#route.clusters + 1] = { cluster = name, weight = weight }
    end
    listener.routes[#listener.routes + 1] = route
  end
  for name, addresses in pairs(clusters or {}) do
    local cluster = { name = name, age = 9, endpoints = {}, linger = addresses.linger }
    for i, address in ipairs(addresses) do
      cluster.endpoints[i] = { address = address, port = 80, health = addresses.health }
    end
    list[#list + 1] = cluster
  end
  return { listeners = { listener }, clusters = list }
end

local function between(old, new, changed)
  return difference.between(old and memory.of(old), memory.of(new), changed or {})
end

describe("difference.between", function()
  it("says what the first generation brings", function()
    assert.same({ "+cluster a +1.1.1.1:80", "+listener l", "+route l /x +a=3" },
      between(nil, plan({ ["/x"] = { a = 3 } }, { a = { "1.1.1.1" } })))
  end)

  it("shows a weight as old→new, and which colors joined or left", function()
    assert.same({ "route l /x a 10→20 +b=1 -c" },
      between(plan { ["/x"] = { a = 10, c = 5 } }, plan { ["/x"] = { a = 20, b = 1 } }))
  end)

  it("says which policy changed a weight", function()
    local after = plan { ["/x"] = { a = 20 } }
    after.listeners[1].routes[1].clusters[1].why = { 'key "/x": 10', "canary_ramp: 10 → 20" }
    assert.same({ "route l /x a 10→20 why=canary_ramp" }, difference.between(
      memory.of(plan { ["/x"] = { a = 10 } }), memory.of(after), {}, after))
    -- What is new needs no reason beside the generation's cause.
    assert.same({ "+listener l", "+route l /x +a=20" },
      difference.between(nil, memory.of(after), {}, after))
  end)

  it("stops after twenty changes of a line, with a count of the rest", function()
    local addresses = {}
    for i = 1, 1000 do addresses[i] = ("10.0.%d.%d"):format(i // 250, i % 250) end
    local routes = { ["/x"] = { a = 1 } }
    local lines = between(plan(routes, { a = {} }), plan(routes, { a = addresses }))
    assert.equal(1, #lines)
    assert.matches("^cluster a %+10%.0%.0%.100:80 .* and 980 more$", lines[1])
    assert.is_true(#lines[1] < 500)
  end)

  it("tells routes of one path apart by what a request must carry", function()
    local function made(weight)
      local one = plan { ["/x"] = { a = 1 } }
      table.insert(one.listeners[1].routes, 1, { path = "/x",
        match = { { header = "x-beta", values = { "yes" } } },
        clusters = { { cluster = "b", weight = weight } } })
      return one
    end
    assert.same({ "route l /x when x-beta is yes b 1→2" }, between(made(1), made(2)))
    assert.same({ "-route l /x when x-beta is yes" },
      between(made(1), plan { ["/x"] = { a = 1 } }))
  end)

  it("shows what else a route says", function()
    local function made(fields)
      local one = plan { ["/x"] = { a = 1 } }
      for name, value in pairs(fields) do one.listeners[1].routes[1][name] = value end
      return one
    end
    assert.same({ "route l /x +hash=x-user, cookie c +idle_timeout=60 +mirror b=0.5% "
      .. "+retries=2 on 5xx,reset within 0.25 s each +timeout=1.5" }, between(made {}, made {
        hash = { { header = "x-user" }, { cookie = "c", ttl = 0 } }, idle_timeout = 60,
        mirrors = { { cluster = "b", percent = 0.5 } }, timeout = 1.5,
        retries = { on = { "5xx", "reset" }, count = 2, per_try_timeout = 0.25 } }))
    assert.same({ "route l /x timeout 1→2" }, between(made { timeout = 1 }, made { timeout = 2 }))
    assert.same({ "route l /x +cookie of a=color=a" }, between(made {}, made { clusters = {
      { cluster = "a", weight = 1, cookie = { name = "color", value = "a", ttl = 0 } } } }))
  end)

  it("shows an endpoint that changed its priority", function()
    local routes = { ["/x"] = { a = 1 } }
    local moved = plan(routes, { a = { "1.1.1.1" } })
    moved.clusters[1].endpoints[1].priority = 1
    assert.same({ "cluster a -1.1.1.1:80 +1.1.1.1:80 at priority 1" },
      between(plan(routes, { a = { "1.1.1.1" } }), moved))
  end)

  it("reads what an older agent kept", function()
    local older = { listeners = { "l" }, routes = { { listener = "l", path = "/x",
      clusters = { "a" }, weights = { 10 } } }, clusters = {} }
    assert.same({ "route l /x a 10→20" },
      difference.between(older, memory.of(plan { ["/x"] = { a = 20 } }), {}))
  end)

  it("shows endpoints that came and went", function()
    local routes = { ["/x"] = { a = 1 } }
    assert.same({ "cluster a -1.1.1.1:80 +2.2.2.2:80" },
      between(plan(routes, { a = { "1.1.1.1" } }), plan(routes, { a = { "2.2.2.2" } })))
  end)

  it("counts an endpoint without traffic as none", function()
    local routes = { ["/x"] = { a = 1 } }
    assert.same({ "cluster a -1.1.1.1:80" }, between(plan(routes, { a = { "1.1.1.1" } }),
      plan(routes, { a = { "1.1.1.1", health = "unhealthy" } })))
  end)

  it("shows routes that are gone", function()
    assert.same({ "-route l /y" }, between(plan { ["/x"] = { a = 1 }, ["/y"] = { a = 1 } },
      plan { ["/x"] = { a = 1 } }))
  end)

  it("tells of a cluster that lingered and has left", function()
    local routes = { ["/x"] = { a = 1 } }
    assert.same({ "cluster b has left" },
      between(plan(routes, { b = { "1.1.1.1", linger = true } }), plan(routes)))
  end)

  it("names the files where the plan is equal", function()
    local same = plan { ["/x"] = { a = 1 } }
    assert.same({ "files cds.json lds.json" }, between(same, same, { "cds.json", "lds.json" }))
    assert.same({}, between(same, same))
  end)

  it("stops after twenty lines, with a count of the rest", function()
    local routes = {}
    for i = 1, 30 do routes["/" .. i] = { a = 1 } end
    local lines = between(plan {}, plan(routes))
    assert.equal(21, #lines)
    assert.equal("and 10 more", lines[21])
  end)
end)

describe("difference.cause", function()
  local inputs = { mesh = "1", policies = "1", templates = "1", settings = "1" }

  it("names the inputs that differ", function()
    assert.equal("first", difference.cause(nil, inputs))
    assert.equal("mesh", difference.cause({ inputs = { mesh = "0", policies = "1",
      templates = "1", settings = "1" } }, inputs))
    assert.equal("policies templates", difference.cause({ inputs = { mesh = "1", policies = "0",
      templates = "0", settings = "1" } }, inputs))
  end)

  it("is time, or lingering, when none does", function()
    assert.equal("time", difference.cause({ inputs = inputs, lingering = {} }, inputs))
    assert.equal("linger", difference.cause({ inputs = inputs, lingering = { "a" } }, inputs))
  end)
end)
