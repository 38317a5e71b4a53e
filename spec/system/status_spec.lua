-- The status server beside a real agent and a real Envoy: what each path answers, whom it turns
-- away, and that it costs nobody else anything.

local clock = require("host.clock")
local file = require("host.file")
local json = require("host.json")
local sched = require("nightjar.agent.sched")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("the status server: " .. missing)
  return
end

describe("the status server", function()
  local sidecar, world, address

  -- An answer, by the port or the socket that the agent serves on.
  local function ask(path, options)
    local request = { url = "http://" .. address .. path, timeout = 20 }
    for name, value in pairs(options or {}) do request[name] = value end
    return sched.run(function() return sched.http(request) end)
  end

  local function read(path, status)
    local response, err = ask(path)
    assert(response, err and err.message)
    assert.equal(status or 200, response.status, response.body)
    assert.equal("application/json", response.headers["content-type"])
    return assert(json.decode(response.body))
  end

  local function mesh(blue, green)
    sidecar:mesh { service("shop-blue", { ["/shop"] = blue }, { sidecar.ports.blue }),
      service("shop-green", { ["/shop"] = green }, { sidecar.ports.green }) }
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    world = sidecar.world
    address = "127.0.0.1:" .. world:ports(1)
    mesh(90, 10)
    sidecar:start { STATUS_ADDRESS = address, SECRET_OF_A_TEMPLATE = "do-not-show-this" }
    sidecar:answers("/shop", 200)
    world_of.eventually(function() return (ask("/ready") or {}).status == 200 end, 15, "ready")
  end)

  teardown(function() sidecar.world:close() end)

  it("says whether the sidecar is ready and the agent lives", function()
    local ready = ask("/ready")
    assert.equal(200, ready.status)
    assert.matches("^ready: generation %x+ is in force; Envoy is live\n$", ready.body)
    local live = ask("/live")
    assert.equal(200, live.status)
    assert.matches("^live: ", live.body)
  end)

  it("shows status, snapshot, plan and history as JSON", function()
    local status = read("/status")
    assert.is_true(status.ready)
    assert.equal("live", status.envoy.state)
    assert.equal(sidecar:envoy(), status.envoy.pid)
    local generation = status.generation.in_force.name
    local snapshot = read("/snapshot")
    assert.same({ "shop-blue", "shop-green" },
      { snapshot.meshes[1].services[1].name, snapshot.meshes[1].services[2].name })
    local plan = read("/plan")
    assert.equal(generation, plan.generation)
    assert.equal("/shop", plan.listeners[1].routes[1].path)
    local history = read("/history")
    assert.equal(generation, history.generations[1].generation)
    assert.is_true(history.generations[1].in_force)
  end)

  it("explains each weight, of all routes or of one", function()
    local all = read("/explain")
    local clusters = all.listeners[1].routes[1].clusters
    assert.equal("shop-blue@mesh.local", clusters[1].cluster)
    assert.equal(0.9, clusters[1].share)
    assert.is_truthy(clusters[1].chain[1].by)
    local one = read("/explain?path=%2Fshop%2Fcart&listener=" .. all.listeners[1].name)
    assert.equal("/shop/cart", one.path)
    assert.equal(1, #one.listeners[1].routes)
    assert.matches("begin with a slash", read("/explain?path=shop", 400).error)
    assert.matches("nowhere", read("/explain?listener=nowhere", 400).error)
    assert.matches("%-%-version", read("/explain?listener=--version", 400).error)
  end)

  it("shows how shares go on from now", function()
    local curve = read("/curve?path=/shop")
    assert.equal("/shop", curve.routes[1].path)
    assert.is_true(#curve.routes[1].rows >= 24)
    assert.same({ 90, 10 }, curve.routes[1].rows[24].shares)
  end)

  it("gives Prometheus its metrics", function()
    local response = ask("/metrics")
    assert.equal(200, response.status)
    assert.equal("text/plain; version=0.0.4; charset=utf-8", response.headers["content-type"])
    assert.matches("\nnightjar_build_info{[^\n]*} 1\n", response.body)
  end)

  it("shows a change as soon as it is in force", function()
    local before = read("/plan").generation
    sidecar:publishes(function() mesh(20, 80) end)
    world_of.eventually(function() return read("/plan").generation ~= before end, 10, "a change")
    assert.equal(0.8, read("/explain").listeners[1].routes[1].clusters[2].share)
    assert.matches("/shop", table.concat(read("/history").generations[1].difference, "\n"))
  end)

  it("is for this host alone, and to be read", function()
    for _, name in ipairs { "evil.example.com", "evil.example.com:80", "127.0.0.1.nip.io",
      "10.0.0.1" } do
      assert.equal(403, ask("/status", { headers = { Host = name } }).status, name)
    end
    for _, name in ipairs { "localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9902" } do
      assert.equal(200, ask("/live", { headers = { Host = name } }).status, name)
    end
    local response = ask("/status", { method = "DELETE" })
    assert.equal(405, response.status)
    assert.equal("GET, HEAD", response.headers.allow)
    assert.equal(413, ask("/status", { method = "POST", body = "x" }).status)
    response = ask("/status", { method = "HEAD" })
    assert.equal(200, response.status)
    assert.equal("", response.body)
  end)

  it("tells browsers to trust nothing in an answer", function()
    for _, path in ipairs { "/", "/status", "/metrics", "/ready", "/nowhere" } do
      local headers = ask(path).headers
      assert.equal("nosniff", headers["x-content-type-options"])
      assert.equal("no-store", headers["cache-control"])
      assert.matches("^default%-src 'none'", headers["content-security-policy"])
      assert.matches("frame%-ancestors 'none'", headers["content-security-policy"])
      assert.is_nil(headers["access-control-allow-origin"])
    end
    assert.matches("/explain /history", read("/nowhere", 404).error)
  end)

  it("shows no secret of the agent's environment", function()
    for _, path in ipairs { "/", "/status", "/metrics", "/snapshot", "/plan", "/history",
      "/explain", "/ready", "/live" } do
      assert.is_nil(ask(path).body:find("do-not-show-this", 1, true), path)
    end
  end)

  it("turns those away who ask too much, and passes go on meanwhile", function()
    local function passes() return read("/status").pass.unchanged end
    sched.run(function() sched.sleep(3) end)
    local before, started = passes(), clock.monotonic()
    local seen = { [200] = 0, [429] = 0 }
    sched.run(function()
      local list = {}
      for i = 1, 400 do list[i] = i end
      sched.all(list, 8, function()
        local response = sched.http { url = "http://" .. address .. "/status" }
        if response then seen[response.status] = seen[response.status] + 1 end
      end)
    end)
    assert.is_true(seen[429] > 100, seen[429] .. " were turned away")
    assert.is_true(seen[200] >= 30, seen[200] .. " were answered")
    sched.run(function() sched.sleep(math.max(0, started + 3 - clock.monotonic())) end)
    assert.is_true(passes() - before >= 3)
    assert.equal(200, (world:get(sidecar:url("/shop"))))
  end)

  it("goes on after a restart in place", function()
    local from = sidecar:mark()
    world:signal(sidecar.agent, "USR2")
    sidecar:logged("event=status_served", 15, from)
    world_of.eventually(function() return (ask("/ready") or {}).status == 200 end, 15,
      "ready again")
  end)

  describe("on a socket", function()
    local other, path

    setup(function()
      other = sidecar_of.within(world_of.new(), "blue")
      path = other.world.directory .. "/status.sock"
      other:mesh { service("shop-blue", { ["/shop"] = 1 }, { other.ports.blue }) }
      other:start { STATUS_ADDRESS = path }
      other:answers("/shop", 200)
    end)
    teardown(function() other.world:close() end)

    it("answers whoever may open it, by whatever name, and takes it along at the end", function()
      world_of.eventually(function()
        local response = sched.run(function()
          return sched.http { url = "http://anything.example/ready", unix_socket = path }
        end)
        return response and response.status == 200
      end, 15, "ready")
      assert.equal(tonumber("660", 8), file.stat(path).mode & 511)
      other.world:signal(other.agent, "TERM")
      world_of.eventually(function() return not file.stat(path) end, 15, "the socket is gone")
    end)
  end)

  it("that cannot listen costs a warning, not the agent", function()
    local other = sidecar_of.within(world_of.new(), "blue")
    finally(function() other.world:close() end)
    other:mesh { service("shop-blue", { ["/shop"] = 1 }, { other.ports.blue }) }
    other:start { STATUS_ADDRESS = address } -- the first agent's
    other:logged("event=status_not_served")
    other:answers("/shop", 200)
    local log = other.world:log(other.agent)
    assert.matches("level=warn event=status_not_served [^\n]*Address already in use", log)
  end)
end)
