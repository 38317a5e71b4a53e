-- No change costs a request: at least 50,000 requests on kept connections, on new ones and of three
-- seconds each, while one thing changes. REQUESTS gives another number.

local child_of = require("spec.support.sidecar").children
local file = require("host.file")
local sched = require("nightjar.agent.sched")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")
local wrk = require("spec.support.wrk")

local service = sidecar_of.service

-- It is Envoy's doing that is measured; sanitizers look at ours, in the specs of each change.
local missing = world_of.missing() or wrk.missing()
  or os.getenv("ASAN_OPTIONS") and "it runs without sanitizers"
if missing then
  pending("load: " .. missing)
  return
end

local REQUESTS = tonumber(os.getenv("REQUESTS") or 50000)

describe("under load, no request fails while", function()
  local sidecar, world, ports, templates, base

  local function served()
    local prefix = ("http.public-%d.downstream_rq_completed"):format(sidecar.port)
    return tonumber(sidecar:stat(prefix) or "") or 0
  end

  local function web(weights, lists)
    local services = {}
    for _, name in ipairs { "blue", "green" } do
      if weights[name] then
        services[#services + 1] = service("web-" .. name, { ["/web"] = weights[name] },
          lists and lists[name] or { ports[name] })
      end
    end
    return services
  end

  -- Changes something in the midst of the load, and waits until enough requests have been served
  -- on both sides of the change; a new process of Envoy counts from zero.
  local function holds(what, change, after)
    local load = wrk.start(world, sidecar:url("/web"))
    local before = served()
    os.execute("sleep 1") -- until requests of three seconds are under way
    world_of.eventually(function() return served() - before > REQUESTS * 0.4 end, 120, "before")
    local started = os.time()
    local reset = change()
    local at, ended = reset and 0 or served(), sched.now() + 3.5 -- those of before have ended
    world_of.eventually(function()
      return served() - at > REQUESTS * 0.6 and sched.now() > ended
    end, 120, "after")
    if after then after() end
    local seen = wrk.finish(world, load)
    print(("# %s: %d requests (%d kept, %d new, %d of three seconds), %d failed, %d s"):format(what,
      seen.requests, seen.kept, seen.new, seen.slow, seen.failed, os.time() - started))
    assert.are.equal(0, seen.failed, seen.faults)
    assert.is_true(seen.requests >= REQUESTS)
    assert.is_true(seen.slow >= 8)
  end

  local function to(services, more)
    return function()
      sidecar:publishes(function() sidecar:mesh(services, more) end)
    end
  end

  setup(function()
    sidecar = sidecar_of.new()
    world = sidecar.world
    ports = wrk.endpoints(world, "blue", "green", "spare", "shop")
    templates = sidecar:own_templates()
    base = web { blue = 90, green = 10 }
    sidecar:mesh(base)
    sidecar:start { ENVOY_TEMPLATE_DIR = templates, LOG_LEVEL = "info", ENVOY_LOG_LEVEL = "error",
      STOP_TIMEOUT = 5 }
    sidecar:answers("/web", 200)
    sidecar:logged("event=published")
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("a weight changes", function()
    holds("weight", to(web { blue = 10, green = 90 }))
  end)

  it("an endpoint is added", function()
    holds("endpoint added", to(web({ blue = 90, green = 10 },
      { blue = { ports.blue, ports.spare } })))
  end)

  it("an endpoint is removed with requests on it", function()
    holds("endpoint removed", to(base))
  end)

  it("a color is emptied", function()
    holds("color emptied", to(web({ blue = 50, green = 50 }, { green = {} })))
  end)

  it("a color is removed", function()
    sidecar:publishes(function() sidecar:mesh(base) end)
    holds("color removed", to(web { green = 10 }))
  end)

  it("a service is added", function()
    local services = web { blue = 90, green = 10 }
    services[3] = service("shop-blue", { ["/shop"] = 1 }, { ports.shop })
    holds("service added", to(services))
  end)

  it("a listener is added", function()
    local port = world:ports(1)
    holds("listener added", to(base, { ["other.local"] = port }))
    assert.are.equal(200, (world:get(sidecar:url("/ping", port))))
  end)

  it("the bootstrap changes, until the old process has ended", function()
    local name = templates .. "/envoy-config.yaml.mustache"
    local text = assert(file.read(name))
    local old = sidecar:envoy()
    holds("bootstrap changed", function()
      sidecar:publishes(function() assert(file.write(name, text .. "\n# another\n")) end)
      return true
    end, function()
      world_of.eventually(function() return not child_of(sidecar.agent.pid)[old] end, 30,
        "the old process has ended")
    end)
    assert.are_not.equal(old, sidecar:envoy())
  end)

  it("the agent restarts itself", function()
    local envoy, agent = sidecar:envoy(), sidecar.agent.pid
    holds("agent restarted", function()
      local from = sidecar:mark()
      world:signal(sidecar.agent, "USR2")
      sidecar:logged("event=envoy_taken_over", 10, from)
      sidecar:publishes(function() sidecar:mesh(web { blue = 60, green = 40 }) end)
    end)
    assert.are.equal(envoy, sidecar:envoy())
    assert.is_nil(world:status(sidecar.agent), agent)
  end)

  it("the agent is killed and another one started", function()
    local envoy = sidecar:envoy()
    holds("agent killed -9", function()
      world:signal(sidecar.agent, "KILL")
      world:ended(sidecar.agent, 5)
      os.execute("sleep 1")
      sidecar:start { ENVOY_TEMPLATE_DIR = templates, LOG_LEVEL = "info",
        ENVOY_LOG_LEVEL = "error", STOP_TIMEOUT = 5 }
      sidecar:logged("event=envoy_taken_over", 10)
      sidecar:publishes(function() sidecar:mesh(web { blue = 40, green = 60 }) end)
    end)
    assert.are.equal(envoy, sidecar:envoy())
  end)
end)
