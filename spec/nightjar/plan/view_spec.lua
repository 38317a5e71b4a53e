-- The templates' input, made from a plan.

local build = require("spec.support.mesh")
local json = require("host.json")

local function view(snapshot, settings)
  local made = assert(build.run(snapshot, { settings = settings or { envoy_admin_port = 9901,
    config_dir = "/run/envoy", ping_path = "/up", service_member = "srv-1", policies = {} } }))
  return made.view
end

describe("the view", function()
  it("has every name that templates of the older tool use", function()
    local made = view(build.own({
      build.service("a-blue", { SERVICE = "a", COLOR = "blue", ["/a"] = "90" }, 1),
      build.service("a-green", { SERVICE = "a", COLOR = "green", ["/a"] = "10" }, 1) }))
    assert.equal("example.local", made.network_name)
    assert.equal("srv-1", made.service_member)
    assert.same({ true, 9901 }, { made.has_admin_port, made.admin_port })
    local listener = made.listeners[1]
    assert.same({ true, 8080 }, { listener.has_mesh_port, listener.mesh_port })
    local route = listener.routes[1]
    assert.same({ "/a", false, true, 100 }, { route.route_path, route.has_one_cluster,
      route.has_many_clusters, route.total_cluster_weight })
    assert.same({ "a-blue@example.local", 90 }, { route.clusters[1].cluster_name,
      route.clusters[1].route_weight })
    assert.is_true(made.has_clusters)
    local cluster = made.clusters[1]
    assert.same({ "a-blue@example.local", false }, { cluster.name, cluster.uses_http2 })
    assert.same({ "10.0.0.1", 8080 }, { cluster.endpoints[1].ipv4, cluster.endpoints[1].port })
  end)

  it("keeps empty lists as lists", function()
    local text = assert(json.encode(view(build.own({}))))
    assert.matches('"routes":%[%]', text)
    assert.matches('"clusters":%[%]', text)
    assert.matches('"has_clusters":false', text)
    assert.matches('"listeners":%[%]', assert(json.encode(view(build.snapshot({ { } })))))
  end)

  it("says when there is no admin port", function()
    local made = view(build.own({}), { policies = {} })
    assert.is_false(made.has_admin_port)
    assert.equal("/ping", made.ping_path)
  end)

  -- Envoy takes no node without an id and a cluster, which older templates make of these two.
  it("names the own service and mesh whatever the settings leave open", function()
    local named = build.own({ build.service("web-blue", { ["/a"] = "1" }, 1) })
    named.member = { mesh = "example.local", service = "web-blue" }
    assert.equal("web-blue", view(named, { policies = {} }).service_member)
    local empty = view(build.snapshot({}), { policies = {} })
    assert.same({ "-gateway-", "-gateway-" }, { empty.service_member, empty.network_name })
  end)

  it("of a gateway is named after its first mesh", function()
    local made = view(build.snapshot({ build.namespace("NAMESPACE_0", "n", 9000, {}) }))
    assert.equal("n", made.network_name)
    assert.is_true(made.is_gateway)
    assert.is_false(made.listeners[1].is_private)
  end)
end)
