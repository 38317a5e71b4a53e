-- The defects of the older tool (the list in the project's notes on behaviour)
-- that the plan could bring back. Each has a spec that would catch it.

local build = require("spec.support.mesh")
local json = require("host.json")
local mesh_shape = require("nightjar.plan.mesh_shape")

local service, instance = build.service, build.instance

local function blue_green(blue, green, more)
  return build.own({
    service("shop-blue", { SERVICE = "shop", COLOR = "blue", ["/shop"] = blue }, 2),
    service("shop-green", { SERVICE = "shop", COLOR = "green", ["/shop"] = green }, more or 2),
  })
end

local function colors(color, attributes, instances)
  attributes.SERVICE, attributes.COLOR = "shop", color
  return service("shop-" .. color, attributes, instances)
end

describe("defect 1: a failed read", function()
  it("changes no endpoint set and no ratio while last good data is there", function()
    local snapshot = blue_green("90", "10")
    local fresh = build.plan(snapshot)
    local green = snapshot.meshes[1].services[2]
    green.stale, green.error, green.read_at = true, "timed out", build.NOW - 300
    local stale = build.plan(snapshot)
    assert.same({ blue = 90, green = 10 }, build.weights(stale, "private-8080", "/shop"))
    local cluster = build.cluster(stale, "shop-green@example.local")
    assert.same(build.cluster(fresh, "shop-green@example.local").endpoints, cluster.endpoints)
    assert.is_true(cluster.stale)
    assert.equal(300, cluster.age)
  end)

  it("gives an age of 0 when the clock was set back", function()
    local plan = build.plan(blue_green("90", "10"), { now = build.NOW - 1000 })
    assert.equal(0, plan.clusters[1].age)
  end)
end)

describe("defect 2: a color with weight and no endpoints", function()
  it("gives its share to the colors that have some", function()
    local plan, made = build.plan(blue_green("90", "10", {}))
    assert.same({ blue = 90 }, build.weights(plan, "private-8080", "/shop"))
    assert.same({}, made.warnings)
    assert.equal("shop-green@example.local", plan.listeners[1].removed[1].cluster)
    assert.equal(90, made.view.listeners[1].routes[1].total_cluster_weight)
  end)

  it("stays, with a warning, where no color has any: Envoy answers 503", function()
    local snapshot = build.own({ colors("blue", { ["/shop"] = "90" }, 0),
      colors("green", { ["/shop"] = "10" }, 0) })
    local plan, made = build.plan(snapshot)
    assert.same({ blue = 90, green = 10 }, build.weights(plan, "private-8080", "/shop"))
    assert.same({ "no_endpoints" }, build.codes(made.warnings))
    assert.matches("/shop", made.warnings[1].message)
    assert.equal("weights", made.warnings[1].policy)
  end)

  it("with weight 0 stays with 0, endpoints or not", function()
    local plan = build.plan(build.own({ colors("blue", { ["/shop"] = "100" }, 1),
      colors("green", { ["/shop"] = "0" }, 0) }))
    assert.same({ blue = 100, green = 0 }, build.weights(plan, "private-8080", "/shop"))
  end)
end)

describe("defect 3: listeners", function()
  it("are one for each mesh, whatever the number of services", function()
    local plan = build.plan(blue_green("90", "10"))
    assert.equal(1, #plan.listeners)
  end)

  it("on one port are an error that names both", function()
    local snapshot = build.snapshot({ build.namespace("own", "a", 8080, {}),
      build.namespace("NAMESPACE_3", "b", 8080, {}) })
    local made, err = build.run(snapshot)
    assert.is_nil(made)
    assert.equal('port 8080 is wanted by own (mesh "a") and by NAMESPACE_3 (mesh "b")',
      err.message)
    assert.equal("model", err.stage)
  end)

  it("of one mesh may be two, private and public, and share its clusters", function()
    local services = { colors("blue", { ["/shop"] = "1", ["?/in"] = "1" }) }
    local plan = build.plan(build.snapshot({ build.namespace("own", "m", 8080, services),
      build.namespace("NAMESPACE_0", "m", 9000, services) }))
    assert.same({ "/shop", "/in" }, build.paths(plan, "private-8080"))
    assert.same({ "/shop" }, build.paths(plan, "public-9000"))
    assert.equal(1, #plan.clusters)
  end)

  it("exist without routes and services too", function()
    local plan = build.plan(build.snapshot({ build.namespace("own", "a", 8080, {}),
      build.namespace("NAMESPACE_0", "b", 9000, {}, { stale = true, error = "no access" }) }))
    assert.same({ "private-8080", "public-9000" },
      { plan.listeners[1].name, plan.listeners[2].name })
  end)
end)

describe("defect 4: the own service", function()
  local services = {
    service("cart", { ["/cart"] = "1", ["/"] = "1" }),
    service("web-blue", { SERVICE = "web", COLOR = "blue", ["/web"] = "90", ["/"] = "5" }),
    service("web-green", { SERVICE = "web", COLOR = "green", ["/web"] = "10" }),
  }

  it("is on the private listener in none of its colors", function()
    local plan = build.plan(build.own(services, "web-blue"))
    assert.same({ "/cart", "/" }, build.paths(plan, "private-8080"))
    assert.same({ default = 1 }, build.weights(plan, "private-8080", "/"))
    assert.equal("cart", build.route(plan, "private-8080", "/").service)
    assert.equal("web", plan.member.service)
    assert.is_nil(build.cluster(plan, "web-blue@example.local"))
  end)

  it("is on a public listener of its own mesh", function()
    local plan = build.plan(build.snapshot({ build.namespace("own", "m", 8080, services),
      build.namespace("NAMESPACE_0", "m", 9000, services) }, "web-green"))
    assert.same({ blue = 90, green = 10 }, build.weights(plan, "public-9000", "/web"))
  end)

  it("of the same name in another mesh is another service", function()
    local plan = build.plan(build.snapshot({ build.namespace("own", "m", 8080, services),
      build.namespace("NAMESPACE_0", "n", 9000, services) }, "web-blue"))
    assert.same({ blue = 90, green = 10 }, build.weights(plan, "public-9000", "/web"))
  end)

  it("that is not in its mesh is a warning, and all else goes on", function()
    local plan, made = build.plan(build.own(services, "gone"))
    assert.same({ "/cart", "/web", "/" }, build.paths(plan, "private-8080"))
    assert.is_true(#made.warnings > 0)
    assert.matches("gone", made.warnings[#made.warnings].message)
  end)
end)

describe("defect 5: audiences", function()
  local services = { service("a", { ["/open"] = "1", ["?/closed"] = "1", ["[private]/both"] = "7",
    ["[public]/both"] = "3", ["?*"] = "1" }) }

  it("show private and public paths inside the mesh", function()
    local plan = build.plan(build.own(services))
    assert.same({ "/closed", "/both", "/open", "/" }, build.paths(plan, "private-8080"))
    assert.same({ default = 7 }, build.weights(plan, "private-8080", "/both"))
  end)

  it("leak no private path to another mesh or through a gateway", function()
    local plan = build.plan(build.snapshot({ build.namespace("NAMESPACE_0", "n", 9000, services) }))
    assert.same({ "/both", "/open" }, build.paths(plan, "public-9000"))
    assert.same({ default = 3 }, build.weights(plan, "public-9000", "/both"))
    assert.is_nil(plan.member)
  end)

  it("fail closed when the policy that parts them is left out", function()
    local snapshot = build.snapshot({ build.namespace("NAMESPACE_0", "n", 9000, services) })
    local policies = build.shipped_policies({ "own_service", "weights" })
    local made, err = build.run(snapshot, { policies = policies })
    assert.is_nil(made)
    assert.matches('is private and public%-9000 is a public listener; does policies/init.lua '
      .. 'name "audience"', err.message)
  end)
end)

describe("defect 6: cluster names", function()
  local function names(...)
    local plan, list = build.plan(build.snapshot({ ... })), {}
    for i, cluster in ipairs(plan.clusters) do list[i] = cluster.name end
    return list
  end

  it("are those of service and mesh", function()
    assert.same({ "svc-a-b@m" }, names(build.namespace("own", "m", 1,
      { service("svc-a-b", { ["/"] = "1" }) })))
  end)

  it("differ for the same name in two meshes", function()
    local services = { service("a", { ["/"] = "1" }) }
    assert.same({ "a@m", "a@n" }, names(build.namespace("own", "m", 1, services),
      build.namespace("NAMESPACE_0", "n", 2, services)))
    assert.same({ "a@ns-1", "a@ns-2" }, names(build.namespace("own", "m", 1, services,
      { id = "ns-1" }), build.namespace("NAMESPACE_0", "m", 2, services, { id = "ns-2" })))
  end)

  it("differ when names hold what parts them, or are ids of others", function()
    local services = function(name) return { service(name, { ["/"] = "1" }) } end
    assert.same({ "a%40b@c", "a@b%40c" }, names(build.namespace("own", "c", 1, services("a@b")),
      build.namespace("NAMESPACE_0", "b@c", 2, services("a"))))
    assert.equal(4, #names(build.namespace("own", "m", 1, services("a"), { id = "1" }),
      build.namespace("NAMESPACE_0", "m", 2, services("a"), { id = "2" }),
      build.namespace("NAMESPACE_1", "1", 3, services("a"), { id = "3" }),
      build.namespace("NAMESPACE_2", "2", 4, services("a"), { id = "4" })))
  end)
end)

describe("defect 7: one bad thing", function()
  it("is skipped and named, and all else goes on", function()
    local snapshot = blue_green("90", "10")
    local services = snapshot.meshes[1].services
    services[1].attributes["/a?b"] = "1"
    services[1].attributes["[other]/x"] = "1"
    services[1].attributes["/list"] = {}
    services[2].instances[2].attributes.AWS_INSTANCE_PORT = "http"
    services[3] = "no service"
    services[4] = service("odd", { SERVICE = "x\ny", COLOR = ("c"):rep(300), HTTP2 = "maybe",
      ["/odd"] = "1" })
    services[5] = service("odd", { ["/odd"] = "1" })
    table.insert(snapshot.meshes, { ref = "NAMESPACE_1", name = "no port" })
    table.insert(snapshot.meshes, 17)
    local plan, made = build.plan(snapshot)
    assert.same({ blue = 90, green = 10 }, build.weights(plan, "private-8080", "/shop"))
    assert.equal("odd", build.route(plan, "private-8080", "/odd").service)
    assert.same({ "bad_mesh", "bad_mesh", "bad_service", "duplicate_service", "bad_name",
      "bad_name", "bad_http2", "bad_value", "bad_key", "bad_key", "bad_port" },
      (function(codes)
        local order = { bad_mesh = 1, bad_service = 2, duplicate_service = 3, bad_name = 4,
          bad_http2 = 5, bad_value = 6, bad_key = 7, bad_port = 8 }
        table.sort(codes, function(a, b) return order[a] < order[b] end)
        return codes
      end)(build.codes(made.warnings)))
    for _, warning in ipairs(made.warnings) do
      if warning.code == "bad_key" then
        assert.equal("shop-blue", warning.service)
        assert.matches("attribute", warning.message)
        assert.is_string(warning.attribute)
      elseif warning.code == "bad_port" then
        assert.matches('service "shop%-green": instance "task%-02": attribute '
          .. '"AWS_INSTANCE_PORT": "http" is not an integer', warning.message)
      end
    end
  end)

  it("names two keys that mean the same, and the first in byte order counts", function()
    local plan, made = build.plan(build.own({ service("a", { ["/x"] = "5", ["/x/"] = "6",
      ["[public]/x"] = "7" }) }))
    assert.same({ default = 5 }, build.weights(plan, "private-8080", "/x"))
    assert.same({ "duplicate_key", "duplicate_key" }, build.codes(made.warnings))
    assert.matches('means the same as "/x"', made.warnings[1].message)
  end)
end)

describe("defect 8: weights", function()
  it("that are all 0 leave the route unpublished, with a warning", function()
    local plan, made = build.plan(blue_green("0", "0"))
    assert.is_nil(build.route(plan, "private-8080", "/shop"))
    assert.same({}, plan.clusters)
    assert.same({ "all_weights_zero" }, build.codes(made.warnings))
    assert.equal(2, #plan.listeners[1].removed)
  end)

  for _, bad in ipairs({ "-1", "65536", "1.5", "ten", "" }) do
    it(("that read %q count as 1, with a warning"):format(bad), function()
      local plan, made = build.plan(blue_green("90", bad))
      assert.same({ blue = 90, green = 1 }, build.weights(plan, "private-8080", "/shop"))
      assert.same({ "bad_weight" }, build.codes(made.warnings))
      assert.equal("/shop", made.warnings[1].attribute)
      assert.equal("shop-green", made.warnings[1].service)
    end)
  end

  it("that a policy made all 0 leave the route unpublished too", function()
    local plan, made = build.plan(blue_green("90", "10"), { policies = build.policies({
      zero = build.policy("for _, e in ipairs(mesh.listeners[1].routes[1].clusters) do "
        .. "e.weight = 0 end") }) })
    assert.same({}, plan.listeners[1].routes)
    assert.same({ "route_without_weight" }, build.codes(made.warnings))
    assert.same({ 'key "/shop": 90', "zero: 90 → 0", "plan: removed (all weights are 0)" },
      plan.listeners[1].removed[1].why)
  end)
end)

describe("defect 9: the order of routes", function()
  it("is the longest path first, then by bytes", function()
    local plan = build.plan(build.own({ service("a", { ["*"] = "1", ["/b"] = "1", ["/a"] = "1",
      ["/ab"] = "1", ["/a/b/c"] = "1", ["/B"] = "1" }) }))
    assert.same({ "/a/b/c", "/ab", "/B", "/a", "/b", "/" }, build.paths(plan, "private-8080"))
  end)

  it("tells templates which path is the root, for a prefix that ends at a segment", function()
    local _, made = build.plan(build.own({ service("a", { ["*"] = "1", ["/b/"] = "1" }) }))
    local routes = made.view.listeners[1].routes
    assert.same({ "/b", false, "/", true }, { routes[1].route_path, routes[1].is_root,
      routes[2].route_path, routes[2].is_root })
  end)
end)

describe("defect 10: what changes often", function()
  it("is not in the listeners: names stay while weights change", function()
    local before, after = build.plan(blue_green("90", "10")), build.plan(blue_green("50", "50"))
    assert.equal(before.listeners[1].name, after.listeners[1].name)
    assert.equal("private-8080", after.listeners[1].name)
  end)

  it("leaves a cluster in place for one generation after its routes", function()
    local previous = { clusters = build.plan(blue_green("90", "10")).clusters }
    local without = build.own({ blue_green("90", "10").meshes[1].services[1] })
    local plan, made = build.plan(without, { previous = previous })
    local gone = build.cluster(plan, "shop-green@example.local")
    assert.is_true(gone.linger)
    assert.equal(2, #gone.endpoints)
    assert.equal(2, #made.view.clusters[2].endpoints)
    assert.same({ blue = 90 }, build.weights(plan, "private-8080", "/shop"))
    -- The agent hands on what the routes named, so its time is over then.
    local named = { clusters = { plan.clusters[1] } }
    assert.is_nil(build.cluster(build.plan(without, { previous = named }), gone.name))
    assert.is_nil(build.cluster(build.plan(without, { previous = plan }), gone.name))
  end)

  it("keeps the last endpoints of a color that lost them all", function()
    local previous = { clusters = build.plan(blue_green("90", "10")).clusters }
    local plan = build.plan(blue_green("90", "10", {}), { previous = previous })
    local emptied = build.cluster(plan, "shop-green@example.local")
    assert.is_true(emptied.linger)
    assert.equal(2, #emptied.endpoints)
  end)

  it("keeps no endpoints of a cluster that the routes still name", function()
    local full = build.own({ colors("blue", { ["/shop"] = "1" }, 2) })
    local empty = build.own({ colors("blue", { ["/shop"] = "1" }, 0) })
    local previous = { clusters = build.plan(full).clusters }
    local plan = build.plan(empty, { previous = previous })
    assert.is_nil(plan.clusters[1].linger)
    assert.same({}, plan.clusters[1].endpoints)
  end)

  it("keeps the last endpoints of an emptied color that only one of its routes drops", function()
    local function shop(green)
      return build.own({ colors("blue", { ["/shop"] = "90" }, 2),
        colors("green", { ["/shop"] = "10", ["/beta"] = "1" }, green) })
    end
    local before = build.plan(shop(2))
    local previous = { clusters = before.clusters, routes = {
      { listener = "private-8080", path = "/shop",
        clusters = { "shop-blue@example.local", "shop-green@example.local" } },
      { listener = "private-8080", path = "/beta", clusters = { "shop-green@example.local" } },
    } }
    -- Envoy takes the clusters first: until it has the routes, /shop still asks for green.
    local plan, made = build.plan(shop(0), { previous = previous })
    assert.same({ blue = 90 }, build.weights(plan, "private-8080", "/shop"))
    local green = build.cluster(plan, "shop-green@example.local")
    assert.is_true(green.linger)
    assert.equal(2, #green.endpoints)
    assert.equal(2, #made.view.clusters[2].endpoints)
    -- In the next generation no route drops it any more.
    previous = { clusters = plan.clusters, routes = {
      { listener = "private-8080", path = "/shop", clusters = { "shop-blue@example.local" } },
      { listener = "private-8080", path = "/beta", clusters = { "shop-green@example.local" } },
    } }
    green = build.cluster(build.plan(shop(0), { previous = previous }), "shop-green@example.local")
    assert.is_nil(green.linger)
    assert.same({}, green.endpoints)
  end)

  it("takes nothing of a memory that has another form for granted", function()
    local before = build.plan(blue_green("90", "10"))
    local odd = { 5, "x", true, { 5 }, { routes = 5 },
      { routes = { 5, { path = {}, clusters = 5 } } },
      { listener = {}, path = {}, clusters = { 5, {}, true } },
      { name = {}, routes = { { path = 5, match = { 5 }, clusters = { { cluster = {} } },
        mirrors = { "x" } } } } }
    for _, value in ipairs({ 5, "x", true, odd }) do
      for _, field in ipairs({ "routes", "listeners" }) do
        local previous = { clusters = {}, [field] = value }
        assert.same(before, (build.plan(blue_green("90", "10"), { previous = previous })))
      end
    end
  end)

  it("passes over what cannot be kept, with a warning", function()
    local _, made = build.plan(blue_green("90", "10"),
      { previous = { clusters = { 1, { name = "x" }, { name = {} } } } })
    assert.same({ "bad_previous", "bad_previous", "bad_previous" }, build.codes(made.warnings))
    assert.matches("^previous.clusters%[1%]", made.warnings[1].message)
  end)
end)

describe("defect 11: hostile values", function()
  it("reach no structure: they are data, or skipped", function()
    local evil = 'a"\n- name: x\t{{y}} <&> \27[31m'
    local plan, made = build.plan(build.own({ service("a", { SERVICE = evil, COLOR = evil,
      ["/ok"] = "1", ["/" .. evil] = "1", [evil] = evil }) }))
    assert.same({ "/ok" }, build.paths(plan, "private-8080"))
    assert.equal("a", plan.clusters[1].service)
    for _, warning in ipairs(made.warnings) do assert.is_nil(warning.message:find("%c")) end
    assert.is_string(json.encode(made.view))
  end)
end)

describe("defect 12: endpoints", function()
  local function view(instances, settings)
    local _, made = build.plan(build.own({ service("a", { ["/"] = "1" }, instances) }),
      { settings = settings })
    return made.view.clusters[1], made
  end

  it("that are unhealthy are in the plan and get no traffic", function()
    local cluster, made = view({ instance(1, { health = "UNHEALTHY" }), instance(2),
      instance(3, { health = "UNKNOWN" }) })
    assert.equal(2, #cluster.endpoints)
    assert.equal("10.0.0.2", cluster.endpoints[1].ipv4)
    assert.equal(3, #made.policy.clusters[1].endpoints)
    assert.equal("unhealthy", made.policy.clusters[1].endpoints[1].health)
  end)

  it("may be IPv6 or host names", function()
    local cluster = view({ instance(1, { AWS_INSTANCE_IPV4 = "", AWS_INSTANCE_IPV6 = "FD00::1" }) })
    assert.same({ "fd00::1", true }, { cluster.endpoints[1].address, cluster.endpoints[1].is_ipv6 })
    assert.is_false(cluster.is_dns)
    cluster = view({ instance(1, { AWS_INSTANCE_IPV4 = "", AWS_INSTANCE_CNAME = "db.local" }) })
    assert.is_true(cluster.is_dns)
    assert.equal("db.local", cluster.endpoints[1].ipv4)
  end)

  it("without a port or an address are left out, with a warning", function()
    local cluster, made = view({ instance(1, { AWS_INSTANCE_PORT = "" }), instance(2),
      instance(3, { AWS_INSTANCE_IPV4 = "" }), instance(4, { AWS_INSTANCE_IPV4 = "10.0.0.999" }) })
    assert.equal(1, #cluster.endpoints)
    assert.same({ "missing_port", "missing_address", "bad_address" }, build.codes(made.warnings))
    assert.matches('instance "task%-01"', made.warnings[1].message)
  end)

  it("of IPv6 are left out on a host that has none, unless they have another address", function()
    local six = { AWS_INSTANCE_IPV4 = "", AWS_INSTANCE_IPV6 = "2001:db8::1" }
    local named = { AWS_INSTANCE_IPV4 = "", AWS_INSTANCE_IPV6 = "2001:db8::2",
      AWS_INSTANCE_CNAME = "db.local" }
    local cluster, made = view({ instance(1), instance(2, six), instance(3, named),
      instance(4, { AWS_INSTANCE_IPV6 = "2001:db8::3" }) }, { policies = {}, no_ipv6 = true })
    local addresses = {}
    for i, one in ipairs(cluster.endpoints) do addresses[i] = one.address end
    assert.same({ "10.0.0.1", "db.local", "10.0.0.4" }, addresses)
    assert.same({ "no_ipv6", "no_ipv6" }, build.codes(made.warnings))
    assert.matches('instance "task-02": attribute "AWS_INSTANCE_IPV6"', made.warnings[1].message, 1,
      true)
    cluster = view({ instance(2, six) }, { policies = {} })
    assert.equal("2001:db8::1", cluster.endpoints[1].address)
  end)

  it("are never what only this host may ask: metadata and credentials", function()
    for _, place in ipairs { { "IPV4", "169.254.169.254" }, { "IPV4", "169.254.170.2" },
      { "IPV6", "fd00:ec2::254" }, { "IPV6", "FE80::1" }, { "IPV6", "::ffff:169.254.170.2" },
      { "CNAME", "169.254.169.254" } } do
      local cluster, made = view({ instance(1, { AWS_INSTANCE_IPV4 = "",
        ["AWS_INSTANCE_" .. place[1]] = place[2] }), instance(2) })
      assert.equal(1, #cluster.endpoints, place[2])
      assert.same({ "forbidden_address" }, build.codes(made.warnings))
      assert.is_truthy(made.warnings[1].message:find(place[2], 1, true))
    end
  end)

  it("are never Envoy's admin interface; what else is on loopback may be a service", function()
    for _, name in ipairs { "127.0.0.1", "127.1.2.3", "localhost", "a.localhost", "0.0.0.0" } do
      local key = name:find("^%d") and "AWS_INSTANCE_IPV4" or "AWS_INSTANCE_CNAME"
      local function at(port)
        return instance(1, { AWS_INSTANCE_IPV4 = "", [key] = name, AWS_INSTANCE_PORT = port })
      end
      local cluster, made = view({ at("9901"), instance(2) })
      assert.equal(1, #cluster.endpoints, name)
      assert.same({ "forbidden_address" }, build.codes(made.warnings))
      assert.matches("ENVOY_ADMIN_PORT", made.warnings[1].message)
      cluster, made = view({ at("9902"), instance(2) })
      assert.equal(2, #cluster.endpoints, name)
      assert.same({}, build.codes(made.warnings))
    end
    local cluster = view({ instance(1, { AWS_INSTANCE_PORT = "9901" }) })
    assert.equal(1, #cluster.endpoints) -- on another host it is any port
  end)

  it("that are registered by an alias or an EC2 instance id are named as not supported", function()
    local cluster, made = view({ instance(2),
      instance(1, { AWS_INSTANCE_IPV4 = "", AWS_INSTANCE_PORT = "",
        AWS_ALIAS_DNS_NAME = "lb.example" }),
      instance(3, { AWS_INSTANCE_PORT = "", AWS_EC2_INSTANCE_ID = "i-1" }),
      instance(4, { AWS_EC2_INSTANCE_ID = "i-2" }) })
    assert.equal(2, #cluster.endpoints)
    assert.same({ "unsupported_attribute", "unsupported_attribute" }, build.codes(made.warnings))
    assert.matches('AWS_ALIAS_DNS_NAME.*not supported', made.warnings[1].message)
    assert.matches('"task%-03".*AWS_EC2_INSTANCE_ID.*not supported', made.warnings[2].message)
  end)

  it("with a bad IPv4 and a good IPv6 address use that", function()
    local cluster = view({ instance(1, { AWS_INSTANCE_IPV4 = "x", AWS_INSTANCE_IPV6 = "::1" }) })
    assert.equal("::1", cluster.endpoints[1].address)
  end)

  it("with one address and port are one, the healthier", function()
    local cluster, made = view({ instance(1, { health = "UNHEALTHY", id = "a" }),
      instance(1, { id = "b" }) })
    assert.equal(1, #cluster.endpoints)
    assert.equal("b", made.policy.clusters[1].endpoints[1].id)
    assert.same({ "duplicate_endpoint" }, build.codes(made.warnings))
  end)

  it("are never the instance that holds the settings", function()
    local cluster = view({ instance(1, { id = "service-settings" }), instance(2) })
    assert.equal(1, #cluster.endpoints)
  end)
end)

describe("defect 15: attributes", function()
  it("are not sticky: HTTP2 removed is HTTP/2 off", function()
    for word, on in pairs({ yes = true, TRUE = true, Enabled = true, active = true, ["1"] = true,
      HTTP2 = true, no = false, ["0"] = false, ["false"] = false, [""] = false }) do
      local plan = build.plan(build.own({ service("a", { ["/"] = "1", HTTP2 = word }) }))
      assert.equal(on, plan.clusters[1].http2, word)
    end
    local plan = build.plan(build.own({ service("a", { ["/"] = "1" }) }))
    assert.is_false(plan.clusters[1].http2)
  end)

  it("come from the snapshot alone, and values are trimmed", function()
    local plan = build.plan(build.own({ service("a", { ["/"] = " 7 ", SERVICE = " s ",
      COLOR = "" }) }))
    assert.same({ default = 7 }, build.weights(plan, "private-8080", "/"))
    assert.equal("s", plan.clusters[1].service)
  end)
end)

describe("defect 18: a weight", function()
  it("says why it is what it is, and what is gone says why it went", function()
    local plan = build.plan(blue_green("90", "10", {}))
    local route = build.route(plan, "private-8080", "/shop")
    assert.same({ 'key "/shop": 90', "weights: its share goes from 90 of 100 to 90 of 90, as "
      .. "color green has no usable endpoint" }, route.clusters[1].why)
    assert.same({ { path = "/shop", cluster = "shop-green@example.local", service = "shop",
      color = "green", weight = 10, audience = "public", because = "no_endpoints",
      why = { 'key "/shop": 10',
        "weights: removed (it has no usable endpoint; the others share)" } } },
      plan.listeners[1].removed)
  end)

  it("is checked with the whole plan before anything is written", function()
    assert.is_nil((mesh_shape.check(build.plan(blue_green("90", "10")))))
  end)
end)

describe("a service-color without path keys", function()
  it("gets no cluster", function()
    local plan = build.plan(build.own({ service("a", { ["/"] = "1" }), service("b", {}) }))
    assert.equal(1, #plan.clusters)
  end)
end)

describe("one path of several services", function()
  it("is shared by weight, with a warning", function()
    local plan, made = build.plan(build.own({ service("a", { ["/x"] = "1" }),
      service("b", { ["/x"] = "2" }) }))
    local route = build.route(plan, "private-8080", "/x")
    assert.equal("a, b", route.service)
    assert.equal(2, #route.clusters)
    assert.same({ "shared_path" }, build.codes(made.warnings))
    assert.equal("/x", made.warnings[1].path)
  end)
end)
