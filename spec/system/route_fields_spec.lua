-- What a policy may say of routes and endpoints, in the traffic of a real Envoy.

local share = require("spec.support.share")
local traffic_of = require("spec.support.traffic")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("the fields of routes: " .. missing)
  return
end

local CLIENTS = 1000

describe("a policy", function()
  local it_is, ports

  local function shop(more)
    local services = { it_is.service("shop-blue", { ["/shop"] = 90 }, { ports.blue }),
      it_is.service("shop-green", { ["/shop"] = 10 }, { ports.green }) }
    for _, one in ipairs(more or {}) do services[#services + 1] = one end
    return services
  end

  local function begin(body, more)
    it_is:begin(shop(more), body)
    it_is:answers("/shop", 200)
  end

  before_each(function()
    it_is = traffic_of.new("blue", "green", "red", "failing")
    ports = it_is.ports
  end)

  after_each(function() assert.same({}, it_is.world:close()) end)

  it("sends requests with a header or a cookie to a color of their own", function()
    local values = {}
    for i = 1, 300 do values[i] = ('"tenant-%d"'):format(i) end
    begin(([[
      local shop = route("/shop")
      only(variant(shop, { { header = "x-beta", values = { "yes" } } }), "green")
      only(variant(shop, { { header = "x-set" } }), "green")
      only(variant(shop, { { cookie = "color", values = { "green", "a.b(c)" } } }), "green")
      only(variant(shop, { { cookie = "seen" } }), "green")
      only(variant(shop, { { header = "x-tenant", values = { %s } } }), "green")
      only(variant(shop, { { header = "x-new" }, { header = "x-old", invert = true },
        { header = "x-kind", values = { "a", "b" }, invert = true },
        { cookie = "out", values = { "1" }, invert = true } }), "green")
      only(shop, "blue")]]):format(table.concat(values, ", ")))
    local cases = {
      { "blue" }, { "blue", ["x-beta"] = "no" }, { "green", ["x-beta"] = "yes" },
      { "green", ["x-set"] = "0" }, { "green", cookie = "a=b; color=green" },
      { "green", cookie = 'color="a.b(c)"' }, { "blue", cookie = "color=axb(c)" },
      { "blue", cookie = "xcolor=green" }, { "green", cookie = "seen=" },
      { "green", ["x-tenant"] = "tenant-300" }, { "blue", ["x-tenant"] = "tenant-301" },
      { "blue", ["x-tenant"] = "xtenant-30" }, { "green", ["x-new"] = "1" },
      { "blue", ["x-new"] = "1", ["x-old"] = "1" }, { "blue", ["x-new"] = "1", ["x-kind"] = "b" },
      { "green", ["x-new"] = "1", ["x-kind"] = "c" },
      { "blue", ["x-new"] = "1", cookie = "out=1" },
      { "green", ["x-new"] = "1", cookie = "out=2" },
    }
    for i, case in ipairs(cases) do
      local wanted = table.remove(case, 1)
      assert.equal(wanted, it_is:one("/shop/x", case), "case " .. i)
    end
  end)

  it("puts routes of one path in an order: the first that takes a request answers it", function()
    begin([[
      local shop = route("/shop")
      local first = variant(shop, { { header = "x-a" } })
      only(first, "green")
      only(variant(shop, { { header = "x-a" }, { header = "x-b" } }), "blue")
      only(variant(shop, { { header = "x-b" } }), "green")
      only(shop, "blue")]])
    assert.equal("green", it_is:one("/shop", { ["x-a"] = "1", ["x-b"] = "1" }))
    assert.equal("green", it_is:one("/shop", { ["x-b"] = "1" }))
    assert.equal("blue", it_is:one("/shop"))
  end)

  -- Three requests of each client: the first without a cookie, two with the one that it was given.
  local function visits(clients)
    local list = {}
    for i, client in ipairs(clients) do
      list[i] = { path = "/shop", headers = client.headers }
    end
    return it_is:send(list)
  end

  local STICKY = [[route("/shop").hash = { { cookie = "nj", ttl = 60 } }]]

  it("keeps each of 1,000 clients on its color by a cookie, and moves those alone whom a weight "
    .. "moves", function()
    begin(STICKY)
    local clients, seen = {}, {}
    for i = 1, CLIENTS do clients[i] = { headers = {} } end
    for i, answer in ipairs(visits(clients)) do
      clients[i].color, seen[answer.body] = answer.body, (seen[answer.body] or 0) + 1
      clients[i].headers.cookie = "nj=" .. assert(answer.cookies.nj)
      assert.matches("Path=/; HttpOnly; SameSite=Lax; Max-Age=60", answer.headers["set-cookie"],
        1, true)
    end
    assert.is_nil(share.fault({ blue = 0.9, green = 0.1 }, seen, CLIENTS))
    for _ = 1, 2 do
      for i, answer in ipairs(visits(clients)) do
        assert.equal(clients[i].color, answer.body)
        assert.same({}, answer.cookies)
      end
    end
    -- 90 to 60 of another sum: the share of blue goes from 90 % to 75 %.
    it_is:turn(STICKY .. [[; route("/shop").clusters[1].weight = 60
      route("/shop").clusters[2].weight = 20]])
    local after = {}
    for i, answer in ipairs(visits(clients)) do
      after[answer.body] = (after[answer.body] or 0) + 1
      if clients[i].color == "green" then assert.equal("green", answer.body) end
    end
    assert.is_nil(share.fault({ blue = 0.75, green = 0.25 }, after, CLIENTS))
  end)

  it("keeps 1,000 users on their colors by a header", function()
    begin([[route("/shop").hash = { { header = "x-user" }, { cookie = "nj", ttl = 0 } }]])
    local users, seen = {}, {}
    for i = 1, CLIENTS do users[i] = { headers = { ["x-user"] = "user-" .. i } } end
    for i, answer in ipairs(visits(users)) do
      users[i].color, seen[answer.body] = answer.body, (seen[answer.body] or 0) + 1
      assert.same({}, answer.cookies)
    end
    assert.is_nil(share.fault({ blue = 0.9, green = 0.1 }, seen, CLIENTS))
    for i, answer in ipairs(visits(users)) do assert.equal(users[i].color, answer.body) end
    local stranger = it_is:send({ { path = "/shop" } })[1]
    assert.is_string(stranger.cookies.nj)
    assert.is_nil(stranger.headers["set-cookie"]:find("Max-Age", 1, true))
  end)

  it("mirrors a share of the requests to a cluster that answers nobody", function()
    begin([[
      local shop = route("/shop")
      only(shop, "blue")
      shop.mirrors = { { cluster = "shop-red@mesh.local", percent = 12.5 } }]],
      { it_is.service("shop-red", { ["/red"] = 1 }, { ports.red }) })
    local before, count = it_is:of_cluster("shop-red", "upstream_rq_total"), 2000
    assert.same({ blue = count }, it_is:count("/shop", nil, count))
    local mirrored = it_is:of_cluster("shop-red", "upstream_rq_total") - before
    assert.is_nil(share.fault({ red = 0.125, none = 0.875 },
      { red = mirrored, none = count - mirrored }, count))
  end)

  it("keeps the cluster of a mirror that no route names", function()
    begin([[
      for i, one in ipairs(mesh.listeners[1].routes) do
        if one.path == "/red" then table.remove(mesh.listeners[1].routes, i) end
      end
      route("/shop").mirrors = { { cluster = "shop-red@mesh.local", percent = 100 } }]],
      { it_is.service("shop-red", { ["/red"] = 1 }, { ports.red }) })
    assert.equal("status 404", it_is:one("/red"))
    it_is:count("/shop", nil, 5)
    assert.is_true(it_is:of_cluster("shop-red", "upstream_rq_total") >= 5)
  end)

  it("lets a color set a cookie", function()
    begin([[
      local shop = route("/shop")
      for _, entry in ipairs(shop.clusters) do
        entry.cookie = { name = "color", value = entry.color .. "%20x", ttl = 30 }
      end
      local alone = variant(shop, { { header = "x-alone" } })
      table.remove(alone.clusters, 1)]])
    local list = {}
    for i = 1, 50 do list[i] = { path = "/shop" } end
    for _, answer in ipairs(it_is:send(list)) do
      assert.equal(answer.body .. "%20x", answer.cookies.color)
    end
    local alone = it_is:send({ { path = "/shop", headers = { ["x-alone"] = "1" } } })[1]
    assert.equal("color=green%20x; Path=/; HttpOnly; SameSite=Lax; Max-Age=30",
      alone.headers["set-cookie"])
  end)

  it("limits the time of an answer, and of silence", function()
    begin([[
      local shop = route("/shop")
      variant(shop, { { header = "x-limit" } }).timeout = 0.3
      variant(shop, { { header = "x-idle" } }).idle_timeout = 0.3]])
    local answers = it_is:send({ { path = "/shop/slow", headers = { ["x-limit"] = "1" } },
      { path = "/shop/slow", headers = { ["x-idle"] = "1" } }, { path = "/shop/slow" } })
    assert.same({ 504, 504, 200 }, { answers[1].status, answers[2].status, answers[3].status })
    assert.is_true(answers[1].seconds < 2.5 and answers[2].seconds < 2.5)
  end)

  it("tries again what it is told to try again", function()
    begin([[route("/flaky").retries = { on = { "5xx" }, count = 3 }
      route("/shop").retries = { on = { "gateway-error" }, count = 2, per_try_timeout = 0.2 }]],
      { it_is.service("flaky-blue", { ["/flaky"] = 1 }, { ports.failing, ports.red }),
        it_is.service("never-blue", { ["/never"] = 1 }, { ports.failing }) })
    assert.equal("status 503", it_is:one("/never"))
    assert.same({ red = 40 }, it_is:count("/flaky", nil, 40))
    assert.is_true(it_is:of_cluster("flaky-blue", "upstream_rq_retry_success") > 0)
    local answer = it_is:send({ { path = "/shop/slow" } })[1]
    assert.equal(504, answer.status)
    local timeouts = 0
    for _, name in ipairs { "shop-blue", "shop-green" } do
      timeouts = timeouts + (it_is:of_cluster(name, "upstream_rq_per_try_timeout") or 0)
    end
    assert.equal(3, timeouts)
  end)

  it("fails over to the next priority without a failed request, and comes back", function()
    local dead = { it_is.world:ports(4) }
    local tiers = ([[
      for _, cluster in ipairs(mesh.clusters) do
        for _, endpoint in ipairs(cluster.endpoints) do
          endpoint.priority = endpoint.port == %d and 9 or 3
        end
      end]]):format(ports.red)
    begin(tiers, { it_is.service("pay-blue", { ["/pay"] = 1 },
      { dead[1], dead[2], dead[3], dead[4], ports.red }) })
    assert.same({ red = 300 }, it_is:count("/pay", nil, 300))
    -- The first priority is alive again: nobody asks the second.
    it_is:publishes(function()
      it_is:mesh(shop({ it_is.service("pay-blue", { ["/pay"] = 1 },
        { ports.blue, ports.green, ports.red }) }))
    end)
    local seen = it_is:count("/pay", nil, 300)
    assert.is_nil(seen.red)
    assert.equal(300, seen.blue + seen.green)
  end)

  it("gives one color two lives: the endpoints of another stand behind its own", function()
    begin([[
      local blue, green = mesh.clusters[1], mesh.clusters[2]
      for i, endpoint in ipairs(green.endpoints) do
        local spare = copy(endpoint)
        spare.id, spare.priority = "spare-" .. i, 1
        table.insert(blue.endpoints, spare)
      end
      only(route("/shop"), "blue")]])
    assert.same({ blue = 50 }, it_is:count("/shop", nil, 50))
    it_is:publishes(function()
      local services = shop()
      services[1].instances[1].port = it_is.world:ports(1)
      it_is:mesh(services)
    end)
    assert.same({ green = 100 }, it_is:count("/shop", nil, 100))
  end)
end)
