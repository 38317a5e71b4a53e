-- What a route may say besides its path and its clusters: what is refused, in which order routes
-- stand, what is recorded of them, what lingers, and what the templates get.

local build = require("spec.support.mesh")

local function shop(more)
  local services = {
    build.service("shop-blue", { SERVICE = "shop", COLOR = "blue", ["/shop"] = "90" }, 1),
    build.service("shop-green", { SERVICE = "shop", COLOR = "green", ["/shop"] = "10" }, 2),
  }
  for _, one in ipairs(more or {}) do services[#services + 1] = one end
  return build.own(services)
end

-- Runs policies whose bodies see `route`, the first of the listener, and `listener`.
local function run(bodies, options, snapshot)
  if type(bodies) == "string" then bodies = { bodies } end
  local texts, order = {}, {}
  for i, body in ipairs(bodies) do
    order[i] = "p" .. i
    texts[order[i]] = build.policy("local listener = mesh.listeners[1]\n"
      .. "local route = listener.routes[1]\n" .. body)
  end
  options = options or {}
  options.policies = build.policies(texts, order)
  return build.run(snapshot or shop(), options)
end

local function made(...)
  local result, err = run(...)
  return result or error(err.message, 2)
end

local function routes_of(...)
  return made(...).view.listeners[1].routes
end

describe("the shape of a route", function()
  local cases = {
    ['route.match = {}'] = 'match: expected at least one element, got none',
    ['route.match = { { header = "X-Beta" } }'] = 'match[1].header: expected the name of a header '
      .. 'in lower case, such as "x-beta", got "X-Beta"',
    ['route.match = { { header = "x", cookie = "y" } }'] = 'match[1].header: unknown field',
    ['route.match = { {} }'] = 'match[1].header: expected the name of a header',
    ['route.match = { { header = ":path" } }'] = 'match[1].header: expected the name of a header',
    ['route.match = { { header = "x", values = {} } }'] = "values: expected at least one element",
    ["route.match = { { header = 'x', values = { 'a\"b' } } }"] = "without quotes and backslashes",
    ['route.match = { { header = "x", values = { "a\\nb" } } }'] = "printable ASCII",
    ['route.match = { { cookie = "c", values = { "a;b" } } }'] = "commas and semicolons",
    ['route.match = { { cookie = "c d" } }'] = "match[1].cookie: expected the name of a cookie",
    ['route.hash = { { header = "x", ttl = 1 } }'] = "hash[1].ttl: unknown field",
    ['route.hash = { { cookie = "c" } }'] = "hash[1].ttl: expected integer 0..",
    ['route.hash = { { cookie = "c%REQ(x)%", ttl = 0 } }'] = "hash[1].cookie: expected the name",
    ['route.hash = { { cookie = "c", ttl = 0, path = "/; Domain=x" } }'] = "the path of a cookie",
    ['route.mirrors = { { cluster = "none", percent = 1 } }'] = 'mirrors[1].cluster: no cluster '
      .. 'has the name "none"',
    ['route.mirrors = { { cluster = route.clusters[1].cluster, percent = 0 } }'] =
      "percent: expected a number of percent from 0.0001 to 100, got 0",
    ['route.timeout = -1'] = "timeout: expected a number of seconds from 0.001 to 86400, or 0",
    ['route.timeout = 0/0'] = "timeout: expected a number of seconds",
    ['route.idle_timeout = "5s"'] = 'idle_timeout: expected a number of seconds from 0.001',
    ['route.retries = { on = { "5xxx" }, count = 1 }'] = 'retries.on[1]: expected "5xx" or',
    ['route.retries = { on = { "5xx" }, count = 11 }'] = "retries.count: expected integer 0..10",
    ['route.retries = { on = { "5xx" }, count = 1, per_try_timeout = 0 }'] =
      "per_try_timeout: expected a number of seconds from 0.001",
    ['route.clusters[1].cookie = { name = "c", value = "a b", ttl = 0 }'] =
      "clusters[1].cookie.value: expected 1 to 1024 printable",
    ['mesh.clusters[1].endpoints[1].priority = 128'] = "priority: expected integer 0..127",
    ['listener.routes[2] = { path = "/shop", match = { { header = "a", values = { "1", "2" } } }, '
      .. 'service = "s", audience = "public", clusters = {}, why = {} }; '
      .. 'route.match = { { header = "a", values = { "2", "1" } } }'] =
      'routes[2].match: "/shop when a is 1 or 2" stands at listeners[1].routes[1] too',
  }
  for body, message in pairs(cases) do
    it("is told of: " .. body, function()
      local _, err = run(body)
      assert.matches(message, err and err.message, 1, true)
    end)
  end

  it("bounds what two lists of values make together", function()
    local _, err = run([[
      local function values(count)
        local list = {}
        for i = 1, count do list[i] = ("%040d"):format(i) end
        return list
      end
      route.match = { { header = "a", values = values(200) },
        { header = "b", values = values(200) } }
    ]])
    assert.matches("match: the conditions' values together make 10000 routes in Envoy; expected at "
      .. "most 1000", err.message, 1, true)
  end)
end)

describe("the plan", function()
  local VARIANTS = [[
    local function variant(match, path)
      local one = { path = path or "/shop", match = match, service = "shop", audience = "public",
        clusters = { { cluster = route.clusters[1].cluster, service = "shop", color = "blue",
          weight = 1, audience = "public", why = {} } }, why = {} }
      table.insert(listener.routes, one)
    end
    variant({ { header = "z" } })
    variant({ { header = "a" } })
    variant({ { cookie = "c" } }, "/shop/cart")
    variant(nil, "/shop/cart")]]

  it("has the longest path first, of one path those with conditions as they were given", function()
    local label = require("nightjar.route_label")
    local seen = {}
    for i, route in ipairs(made(VARIANTS).policy.listeners[1].routes) do
      seen[i] = label.of(route.path, route.match)
    end
    assert.same({ "/shop/cart when cookie c is set", "/shop/cart", "/shop when z is set",
      "/shop when a is set", "/shop" }, seen)
  end)

  it("records what became of each route of a path, and why it left", function()
    local listener = made({ VARIANTS, [[
      listener.routes = { route }
      listener.removed = {
        { path = "/shop", match = { { header = "z" } }, because = "no_endpoints",
          why = { "z rests" } },
        { path = "/shop", why = { "the others rest" } } }]] }).policy.listeners[1]
    local seen = {}
    for _, item in ipairs(listener.removed) do
      local first = item.match and item.match[1]
      seen[item.path .. " " .. (first and (first.header or first.cookie) or "")] =
        { item.because or "", item.why[#item.why] }
    end
    assert.same({
      ["/shop z"] = { "no_endpoints", "p2: removed (z rests)" },
      ["/shop a"] = { "", "p2: removed (the others rest)" },
      ["/shop/cart c"] = { "", "p2: removed" }, ["/shop/cart "] = { "", "p2: removed" },
    }, seen)
    assert.equal("/shop", listener.routes[1].path)
  end)

  it("keeps a cluster that a mirror alone names", function()
    local result = made([[
      listener.routes = { route }
      route.mirrors = { { cluster = "other@example.local", percent = 1 } }]], nil,
      shop { build.service("other", { ["/z"] = "1" }) })
    assert.is_table(build.cluster(result.policy, "other@example.local"))
  end)

  it("tells which of several routes of a path has no weight", function()
    local result = made([[
      route.match = { { header = "x-beta" } }
      for _, entry in ipairs(route.clusters) do entry.weight = 0 end]])
    local removed = result.policy.listeners[1].removed
    assert.same({ { header = "x-beta" } }, removed[#removed].match)
    assert.matches('route "/shop when x-beta is set" is not published', result.warnings[1].message,
      1, true)
  end)

  it("says where this container is", function()
    local settings = { policies = {}, availability_zone = "zone-b" }
    assert.equal("zone-b", made("", { settings = settings }).policy.zone)
    settings.availability_zone = ""
    assert.is_nil(made("", { settings = settings }).policy.zone)
  end)
end)

describe("what lingers", function()
  -- What the agent keeps of a plan in which another cluster had its part.
  local function previous(route)
    route.path = route.path or "/shop"
    return { listeners = { { name = "private-8080", routes = { route } } }, clusters = { {
      name = "old@example.local", mesh = "example.local", service = "old", color = "default",
      cloudmap_service = "old", http2 = false, attributes = {}, since = {}, age = 0,
      stale = false, endpoints = {} } } }
  end

  local function lingers(kept)
    local result = made("", { previous = kept })
    local cluster = build.cluster(result.policy, "old@example.local")
    return cluster ~= nil and cluster.linger, result.warnings
  end

  it("is what a route named, whether as a choice or as a mirror", function()
    for _, field in ipairs { "clusters", "mirrors" } do
      assert.is_true(lingers(previous { [field] = { { cluster = "old@example.local" } } }))
    end
  end)

  it("is told by route: a cluster without endpoints that one of several drops", function()
    -- It keeps a place in the route without conditions; the one with conditions no longer names it.
    local kept = previous { match = { { header = "x" } },
      clusters = { { cluster = "shop-green@example.local" } } }
    kept.clusters[1].name = "shop-green@example.local"
    kept.clusters[1].endpoints = { { id = "i", address = "192.0.2.9", family = "ipv4", port = 80,
      health = "healthy", since = 0, attributes = {} } }
    local gone = build.own({
      build.service("shop-blue", { SERVICE = "shop", COLOR = "blue", ["/shop"] = "90" }, 1),
      build.service("shop-green", { SERVICE = "shop", COLOR = "green", ["/shop"] = "10" }, 0) })
    local cluster = build.cluster(made("", { previous = kept }, gone).policy,
      "shop-green@example.local")
    assert.is_true(cluster.linger)
    assert.equal("192.0.2.9", cluster.endpoints[1].address)
    kept.listeners[1].routes[1].match = nil
    cluster = build.cluster(made("", { previous = kept }, gone).policy, "shop-green@example.local")
    assert.is_nil(cluster.linger)
  end)

  it("is told from what an older agent kept, too", function()
    local kept = previous {}
    kept.listeners = nil
    kept.routes = { { listener = "private-8080", path = "/shop",
      clusters = { "old@example.local" } } }
    assert.is_true(lingers(kept))
  end)

  it("takes no harm from a state that somebody spoiled", function()
    for _, spoiled in ipairs { 7, { 7 }, { { routes = 7 } }, { { routes = { 7 } } },
      { { routes = { { match = 7 } } } }, { { routes = { { path = {}, clusters = { 7 } } } } },
      { { routes = { { path = "/", match = { { values = 7 } }, mirrors = { {} } } } } } } do
      local kept = previous {}
      kept.listeners = spoiled
      assert.has_no.errors(function() lingers(kept) end)
    end
  end)
end)

describe("the view", function()
  it("has one route of Envoy's for each group of values that fits an expression", function()
    local routes = routes_of([[
      local values = {}
      for i = 1, 20 do values[i] = ("tenant.%03d"):format(i) end
      route.match = { { header = "x-tenant", values = values }, { cookie = "c", invert = true } }]])
    assert.equal(3, #routes)
    local first = routes[1].headers[1]
    assert.is_true(first.is_regex)
    assert.equal([[tenant\.001|tenant\.002]], first.match_value:match("^[^|]*|[^|]*"))
    for _, one in ipairs(routes) do
      assert.is_true(one.cookies[1].is_present and one.cookies[1].is_inverted)
    end
  end)

  it("needs no second route for what none of many values may be", function()
    local routes = routes_of([[
      local values = {}
      for i = 1, 20 do values[i] = ("tenant.%03d"):format(i) end
      route.match = { { header = "x-tenant", values = values, invert = true } }]])
    assert.equal(1, #routes)
    assert.equal(3, #routes[1].headers)
    for _, one in ipairs(routes[1].headers) do assert.is_true(one.is_inverted) end
  end)

  it("scales weights to one sum where the choice follows a hash", function()
    local body = 'route.hash = { { header = "x-user" } }; route.clusters[1].weight = %d'
    for weight, wanted in pairs { [90] = 900000, [20] = 666667, [0] = 0 } do
      local route = routes_of(body:format(weight))[1]
      assert.equal(wanted, route.clusters[1].route_weight)
      assert.equal(1000000 - wanted, route.clusters[2].route_weight)
      assert.equal(1000000, route.total_cluster_weight)
    end
    assert.equal(100, routes_of("")[1].total_cluster_weight)
  end)

  it("has no hash where there is nothing to choose", function()
    local route = routes_of('route.hash = { { cookie = "c", ttl = 0 } }; '
      .. "table.remove(route.clusters)")
    assert.equal(1, #route)
    assert.is_nil(route[1].is_hashed)
  end)

  it("writes time limits as Envoy reads them, and silence may last as long as an answer", function()
    local function limits(body)
      local route = routes_of(body)[1]
      return { route.timeout or "", route.idle_timeout or "" }
    end
    assert.same({ "", "" }, limits(""))
    assert.same({ "0.25s", "" }, limits("route.timeout = 0.25"))
    assert.same({ "120s", "120s" }, limits("route.timeout = 120"))
    assert.same({ "120s", "5s" }, limits("route.timeout = 120; route.idle_timeout = 5"))
    assert.same({ "0s", "0s" }, limits("route.timeout = 0; route.idle_timeout = 0"))
  end)

  it("closes the gaps between priorities, and leaves one alone", function()
    local body = [[
      for _, cluster in ipairs(mesh.clusters) do
        for i, endpoint in ipairs(cluster.endpoints) do endpoint.priority = i == 1 and 7 or 3 end
      end]]
    local view = made(body).view
    assert.is_nil(view.clusters[1].has_tiers)
    local tiers = {}
    for i, tier in ipairs(view.clusters[2].tiers) do
      tiers[i] = { tier.priority, tier.tier_endpoints[1].address }
    end
    assert.same({ { 0, "10.0.0.2" }, { 1, "10.0.0.1" } }, tiers)
    assert.equal(2, #view.clusters[2].endpoints)
    assert.is_true(view.listeners[1].has_priorities)
  end)

  it("writes a percent sign in a cookie so that Envoy reads no command", function()
    local route = routes_of([[
      route.clusters[1].cookie = { name = "c", value = "%REQ(:path)%", ttl = 0 }]])[1]
    assert.equal("c=%%REQ(:path)%%; Path=/; HttpOnly; SameSite=Lax",
      route.clusters[1].color_cookie)
  end)
end)

describe("an example", function()
  it("needs to say only what it is about", function()
    local mesh = require("nightjar.plan.example_mesh").complete { listeners = { { routes = { {
      match = { { header = "x" } }, hash = { { cookie = "c" } }, mirrors = { { cluster = "m" } },
      retries = {}, clusters = { { cluster = "a", color = "blue", cookie = {} } } } } } } }
    assert.is_nil(require("nightjar.plan.mesh_shape").check(mesh))
    local route = mesh.listeners[1].routes[1]
    assert.same({ name = "color", value = "blue", ttl = 0 }, route.clusters[1].cookie)
    assert.equal(100, route.mirrors[1].percent)
    assert.equal("m", mesh.clusters[2].name)
    assert.equal(1, #mesh.clusters[2].endpoints)
  end)
end)
