-- What is kept of an accepted plan.

local json = require("host.json")
local memory = require("nightjar.agent.memory")

local function plan()
  local entry = { cluster = "a", service = "s", color = "blue", weight = 1, audience = "public",
    cookie = { name = "color", value = "blue", ttl = 9 }, why = { "because" } }
  local route = { path = "/x", match = { { header = "x-beta" } }, service = "s",
    audience = "public", clusters = { entry }, mirrors = { { cluster = "b", percent = 5 } },
    timeout = 3, why = { "because" } }
  return {
    listeners = { { name = "l", mesh = "m", port = 80, audience = "private", routes = { route },
      removed = { { path = "/y", cluster = "c", because = "no_endpoints", why = { "gone" } } } } },
    clusters = { { name = "a", age = 3, endpoints = {} }, { name = "b", endpoints = {} },
      { name = "c", endpoints = {}, linger = true } },
  }
end

describe("memory", function()
  it("keeps whole listeners, without reasons", function()
    local kept = json.decode(json.encode(memory.of(plan())))
    assert.same({ { name = "l", mesh = "m", port = 80, audience = "private",
      routes = { { path = "/x", match = { { header = "x-beta" } }, service = "s",
        audience = "public", timeout = 3, mirrors = { { cluster = "b", percent = 5 } },
        clusters = { { cluster = "a", service = "s", color = "blue", weight = 1,
          audience = "public", cookie = { name = "color", value = "blue", ttl = 9 } } } } },
      removed = { { path = "/y", cluster = "c", because = "no_endpoints" } } } },
      kept.plan_listeners)
  end)

  it("keeps the clusters that routes name, as a choice or as a mirror", function()
    local kept, names = memory.of(plan()), {}
    for i, cluster in ipairs(kept.clusters) do names[i] = cluster.name end
    assert.same({ "a", "b" }, names)
    assert.equal(0, kept.clusters[1].age)
    assert.same({ "c" }, json.decode(json.encode(kept.lingering)))
  end)

  it("is what nightjar-plan gets as in force, from an older agent as well", function()
    local kept = memory.of(plan())
    assert.same({ clusters = kept.clusters, listeners = kept.plan_listeners },
      memory.previous(kept))
    assert.same({ routes = {} }, memory.previous { generation = "g", routes = {} })
    assert.is_nil(memory.previous(nil))
  end)

  it("visits the routes of what an older agent kept", function()
    local seen = {}
    memory.each_route({ routes = { { listener = "l", path = "/x", clusters = { "a" },
      weights = { 7 } } } }, function(listener, route) seen[#seen + 1] = { listener, route } end)
    assert.same({ { "l", { path = "/x", clusters = { { cluster = "a", weight = 7 } } } } }, seen)
    memory.each_route(nil, function() error("there is none") end)
  end)
end)
