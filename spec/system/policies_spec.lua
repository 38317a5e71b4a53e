-- The shipped policies in the traffic of a real Envoy: one agent, one mesh file whose attributes
-- change as an operator would change them in Cloud Map.

local share = require("spec.support.share")
local traffic_of = require("spec.support.traffic")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("the shipped policies in traffic: " .. missing)
  return
end

local CLIENTS = 1000
local SPLIT = 2000 -- requests; five standard deviations of an even split are 5.6 points

describe("in the traffic of a real Envoy", function()
  local it_is, ports, dead

  -- The shop in two colors, with what each carries besides its weight; `ports` are its endpoints'.
  local function shop(blue, green, more)
    local services = {}
    for i, given in ipairs({ blue, green }) do
      local name = i == 1 and "blue" or "green"
      local one = it_is.service("shop-" .. name, { ["/shop"] = given.weight },
        given.ports or { ports[name] })
      for key, value in pairs(given) do
        if key:find("^[%u/]") then one.attributes[key] = value end
      end
      for j, zone in ipairs(given.zones or {}) do one.instances[j].zone = zone end
      for j, health in ipairs(given.health or {}) do one.instances[j].health = health end
      services[i] = one
    end
    for _, one in ipairs(more or {}) do services[#services + 1] = one end
    return services
  end

  -- What the mesh says from now on, in force when this returns. A pass that was under way may
  -- publish what the mesh said before, or a cluster may leave after its routes: only a pass that
  -- changes nothing comes after all of that.
  local function say(blue, green, more)
    local from = it_is:mark()
    it_is:mesh(shop(blue, green, more))
    it_is:logged("event=published", 10, from)
    it_is:logged("event=unchanged", 10, it_is:mark())
  end

  local function splits(wanted, path)
    local seen = it_is:count(path or "/shop", nil, SPLIT)
    assert.is_nil(share.fault(wanted, seen, SPLIT))
  end

  local function seconds_from_now(seconds)
    return os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + seconds)
  end

  setup(function()
    it_is = traffic_of.new("blue", "green", "red")
    ports, dead = it_is.ports, it_is.world:ports(1)
    it_is:mesh(shop({ weight = 1 }, { weight = 1 }))
    it_is:start { AVAILABILITY_ZONE = "zone-b" }
    it_is:logged("event=published", 30)
  end)

  teardown(function() assert.same({}, it_is.world:close()) end)

  it("weights split a path, and blue_green switches it by one attribute", function()
    say({ weight = 80 }, { weight = 20 })
    splits({ blue = 0.8, green = 0.2 })
    say({ weight = 80, ACTIVE_COLOR = "green" }, { weight = 20 })
    splits({ green = 1, blue = 0 })
  end)

  it("canary_ramp takes its steps by the clock, without anybody's doing", function()
    say({ weight = 90 }, { weight = 10, RAMP_START = seconds_from_now(6), RAMP_STEPS = "50, 100",
      RAMP_INTERVAL = "6s" })
    assert.same({ blue = 200 }, it_is:count("/shop", nil, 200))
    world_of.eventually(function() return it_is:one("/shop") == "green" end, 10, "step one")
    world_of.eventually(function()
      return it_is:count("/shop", nil, 50).green == 50
    end, 15, "step two")
  end)

  it("health_gate and capacity_cap hold back a color without enough healthy endpoints", function()
    say({ weight = 50 }, { weight = 50, ports = { ports.green, dead },
      health = { "healthy", "unhealthy" }, HEALTH_GATE = "100%" })
    splits({ blue = 1, green = 0 })
    say({ weight = 20, ports = { ports.blue, ports.red } },
      { weight = 80, CAPACITY_FACTOR = "1.2" })
    local seen = it_is:count("/shop", nil, SPLIT)
    assert.is_nil(share.fault({ green = 0.4, others = 0.6 },
      { green = seen.green, others = seen.blue + seen.red }, SPLIT))
  end)

  it("a ramp at its end is held by a gate, and sends nobody to nobody", function()
    say({ weight = 90 }, { weight = 10, ports = { ports.green, dead }, RAMP_START = "1",
      health = { "healthy", "unhealthy" }, HEALTH_GATE = "100%" })
    assert.same({ blue = 200 }, it_is:count("/shop", nil, 200))
    say({ weight = 90 }, { weight = 10, ports = {}, RAMP_START = "1" })
    assert.same({ blue = 200 }, it_is:count("/shop", nil, 200))
    say({ weight = 90 }, { weight = 10, RAMP_START = "1", HEALTH_GATE = "100%" })
    assert.same({ green = 200 }, it_is:count("/shop", nil, 200))
  end)

  it("drain_color keeps the last color that can answer", function()
    say({ weight = 50, DRAIN_UNTIL = seconds_from_now(-60) }, { weight = 50, ports = {} })
    assert.same({ blue = 200 }, it_is:count("/shop", nil, 200))
  end)

  it("schedule follows the clock", function()
    say({ weight = 0, SCHEDULE = "Mon-Sun 00:00-24:00 = 10" }, { weight = 90 })
    splits({ blue = 0.1, green = 0.9 })
  end)

  it("test_traffic, header_route and tenant_route send requests that carry something", function()
    say({ weight = 100, TENANTS = "acme, globex" }, { weight = 0, TEST_TRAFFIC = "yes",
      HEADER_ROUTE = "x-beta=yes|on, cookie:beta=1, x-tenant=acme & x-beta=no" })
    for _, case in ipairs({
      { "blue" }, { "green", ["x-amzn-ecs-blue-green-test"] = "anything" },
      { "green", ["x-beta"] = "on" }, { "blue", ["x-beta"] = "off" },
      { "green", cookie = "a=b; beta=1" }, { "blue", cookie = "beta=2" },
      { "green", ["x-tenant"] = "acme", ["x-beta"] = "no" }, { "blue", ["x-tenant"] = "acme" },
    }) do
      local wanted = table.remove(case, 1)
      assert.equal(wanted, it_is:one("/shop/x", case), next(case))
    end
    say({ weight = 100 }, { weight = 0, TENANTS = "acme, globex" })
    assert.equal("green", it_is:one("/shop", { ["x-tenant"] = "globex" }))
    assert.equal("blue", it_is:one("/shop", { ["x-tenant"] = "other" }))
  end)

  -- Visits of clients, each with its own headers; returns who answered whom.
  local function visit(clients)
    local list, bodies = {}, {}
    for i, client in ipairs(clients) do list[i] = { path = "/shop", headers = client.headers } end
    for i, answer in ipairs(it_is:send(list)) do
      bodies[i] = answer.body
      for name, value in pairs(answer.cookies) do
        clients[i].headers.cookie = name .. "=" .. value
      end
    end
    return bodies
  end

  local function new_clients()
    local clients = {}
    for i = 1, CLIENTS do clients[i] = { headers = {} } end
    return clients
  end

  it("sticky keeps 1,000 clients on their colors, and a ramp moves those alone that it must",
    function()
      say({ weight = 90, STICKY = "cookie" }, { weight = 10 })
      local clients = new_clients()
      local first = visit(clients)
      assert.same(first, visit(clients))
      assert.same(first, visit(clients))
      say({ weight = 70, STICKY = "cookie" }, { weight = 30 })
      local moved = 0
      for i, color in ipairs(visit(clients)) do
        if color ~= first[i] then
          moved = moved + 1
          assert.equal("green", color, "nobody goes back")
        end
      end
      assert.is_nil(share.fault({ moved = 0.2, stayed = 0.8 },
        { moved = moved, stayed = CLIENTS - moved }, CLIENTS))
    end)

  it("drain_color lets nobody new in and keeps its clients until the deadline", function()
    say({ weight = 50, COLOR_COOKIE = "yes" }, { weight = 50 })
    local clients = new_clients()
    local first = visit(clients)
    say({ weight = 50, COLOR_COOKIE = "yes", DRAIN_UNTIL = seconds_from_now(8) }, { weight = 50 })
    assert.same(first, visit(clients))
    assert.same({ green = 100 }, it_is:count("/shop", nil, 100))
    world_of.eventually(function()
      for _, color in ipairs(visit(clients)) do
        if color ~= "green" then return false end
      end
      return true
    end, 20, "all are let go")
  end)

  it("mirror copies its percentage, and nobody notices", function()
    say({ weight = 100 }, { weight = 0, MIRROR = "25" })
    local before = it_is:of_cluster("shop-green", "upstream_rq_total") or 0
    assert.same({ blue = SPLIT }, it_is:count("/shop", nil, SPLIT))
    local copied = it_is:of_cluster("shop-green", "upstream_rq_total") - before
    assert.is_nil(share.fault({ copied = 0.25, not_copied = 0.75 },
      { copied = copied, not_copied = SPLIT - copied }, SPLIT))
  end)

  it("timeouts_retries limits one path and leaves the others alone", function()
    say({ weight = 1, ["/shop/quick"] = 1, ["TIMEOUT:/shop/quick"] = "300ms" }, { weight = 0 })
    local answers = it_is:send({ { path = "/shop/quick/slow" }, { path = "/shop/slow" } })
    assert.same({ 504, 200 }, { answers[1].status, answers[2].status })
  end)

  it("failover goes to the next color without a failed request", function()
    say({ weight = 100, ports = { dead }, FAILOVER = "green" }, { weight = 0 })
    assert.same({ green = 200 }, it_is:count("/shop", nil, 200))
    say({ weight = 100, FAILOVER = "green" }, { weight = 0 })
    assert.same({ blue = 200 }, it_is:count("/shop", nil, 200))
  end)

  it("zone_aware stays in the own zone while somebody is there", function()
    local three = { ports.blue, ports.green, ports.red }
    say({ weight = 1, ports = three, zones = { "zone-a", "zone-b", "zone-c" },
      ZONE_AWARE = "yes" }, { weight = 0 })
    assert.same({ green = 200 }, it_is:count("/shop", nil, 200))
    say({ weight = 1, ports = { ports.blue, dead, ports.red },
      zones = { "zone-a", "zone-b", "zone-c" }, ZONE_AWARE = "yes" }, { weight = 0 })
    local seen = it_is:count("/shop", nil, 200)
    assert.equal(200, (seen.blue or 0) + (seen.red or 0))
  end)

  it("refuse_empty keeps a color alive whose endpoints are deregistered by mistake", function()
    say({ weight = 50 }, { weight = 50, MIN_ENDPOINTS = "1" })
    it_is:mesh(shop({ weight = 50 }, { weight = 50, MIN_ENDPOINTS = "1", ports = {} }))
    it_is:logged("endpoints_kept", 10)
    splits({ blue = 0.5, green = 0.5 })
  end)

  it("flap_damping does not lose a task that is gone for a moment", function()
    local two = { ports.red, ports.blue }
    say({ weight = 1, ports = two, DAMPING = "1h" }, { weight = 0 })
    local from = it_is:mark()
    it_is:mesh(shop({ weight = 1, ports = { ports.red }, DAMPING = "1h" }, { weight = 0 }))
    it_is:logged("event=unchanged", 10, from)
    assert.is_true(it_is:count("/shop", nil, 200).blue > 0)
  end)

  it("freeze holds the split while the mesh says something else, and endpoints move", function()
    say({ weight = 80 }, { weight = 20 })
    say({ weight = 0, FREEZE = "yes", ports = { ports.red } }, { weight = 100 })
    splits({ red = 0.8, green = 0.2 })
    say({ weight = 0 }, { weight = 100 })
    splits({ green = 1 })
  end)

  it("access_list and label_filter hide what is not for us", function()
    say({ weight = 1, ACCESS = "other.local" }, { weight = 1, ACCESS = "*" })
    splits({ green = 1 })
    say({ weight = 1, ["/shop/admin"] = 1, ["ACCESS:/shop"] = "none",
      ["ACCESS:/shop/admin"] = "gateway" }, { weight = 0, ["ACCESS"] = "none" })
    assert.equal("status 404", it_is:one("/shop"))
    assert.equal("blue", it_is:one("/shop/admin"))
  end)
end)
