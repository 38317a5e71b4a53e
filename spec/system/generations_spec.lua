-- A thousand generations in a row under load: no failed request, nothing left behind, nothing that
-- grows. GENERATIONS gives another count, SEED other changes.

local churn = require("spec.support.churn")
local file = require("host.file")
local json = require("host.json")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

-- The descriptors of a process are its user's and root's to see only while it may be traced.
local missing = world_of.missing() or (not script.can_trace() and script.NO_TRACE) or nil
if missing then
  pending("generations: " .. missing)
  return
end

-- The sanitizers make a pass many times slower.
local COUNT = tonumber(os.getenv("GENERATIONS") or os.getenv("ASAN_OPTIONS") and 100 or 1000)
local SEED = math.tointeger(tonumber(os.getenv("SEED") or os.time()))
local PATIENCE = 15 -- seconds for one generation
local REFUSED_EVERY = 25 -- generations there is one that Envoy refuses

describe("a thousand generations", function()
  local sidecar, world, templates, clusters, mesh

  -- The generation in force, and a text that says of what it was made.
  local function accepted()
    local text = file.read(sidecar.state .. "/accepted.json")
    local value = text and json.decode(text) or { inputs = {} }
    return value.generation, ("%s %s"):format(value.inputs.mesh, value.inputs.templates)
  end

  -- Descriptors and anonymous KiB of a process: the least of some looks, since a pass under way
  -- has pipes of its own.
  local function usage(pid)
    local least = { descriptors = math.huge, data = math.huge }
    for _ = 1, 40 do
      local status = assert(file.read(("/proc/%d/status"):format(pid), 65536))
      least.descriptors = math.min(least.descriptors,
        #assert(file.list(("/proc/%d/fd"):format(pid))))
      least.data = math.min(least.data, tonumber(status:match("RssAnon:%s*(%d+)")))
      sched.sleep(0.02)
    end
    return least
  end

  -- The template of clusters as the mesh wants it now, but with another time to connect.
  local function template(connect)
    assert(file.write(templates .. "/cds.json.yaml.mustache",
      (clusters:gsub("idle_timeout: 60s", ("idle_timeout: %ds"):format(mesh.timeout))
        :gsub("connect_timeout: 1s", "connect_timeout: " .. connect))))
  end

  local function change()
    if mesh:step() == "template" then
      template("1s")
    end
    sidecar:mesh(mesh:mesh(sidecar.service), mesh.extra and { ["other.local"] = mesh.port } or nil)
  end

  -- Makes one change and waits until it is in force. A weight of a color without endpoints makes no
  -- new generation.
  ---@return boolean new
  local function advance()
    local before, made_of = accepted()
    local deadline, generation, now = sched.now() + PATIENCE, before, made_of
    change()
    world:signal(sidecar.agent, "HUP")
    while now == made_of do
      assert(sched.now() < deadline, ("change %d of seed %d is not in force")
        :format(mesh.count, SEED))
      sched.sleep(0.005)
      generation, now = accepted()
    end
    return generation ~= before
  end

  local function wait(probe, what)
    local deadline = sched.now() + PATIENCE
    while not probe() do
      assert(sched.now() < deadline, ("seed %d: did not happen: %s"):format(SEED, what))
      sched.sleep(0.005)
    end
  end

  -- Has Envoy refuse a template, and puts the good one back.
  local function refuse()
    local path = sidecar.state .. "/refused.json"
    template("0s")
    world:signal(sidecar.agent, "HUP")
    local text
    wait(function()
      text = file.read(path)
      return text
    end, "a refusal")
    assert.are_not.equal(assert(json.decode(text)).generation, (accepted()))
    wait(function()
      return not file.read(sidecar.folder .. "/cds.json"):find('"connect_timeout": "0s"', 1, true)
    end, "the way back")
    template("1s")
    world:signal(sidecar.agent, "HUP")
    wait(function() return not file.stat(path) end, "a generation that is not refused")
  end

  setup(function()
    sidecar = sidecar_of.new("a", "b", "c", "d", "e", "f")
    world = sidecar.world
    templates = sidecar:own_templates()
    clusters = assert(file.read(templates .. "/cds.json.yaml.mustache"))
    local ports = {}
    for _, port in pairs(sidecar.ports) do ports[#ports + 1] = port end
    table.sort(ports)
    mesh = churn.new(SEED, ports)
    mesh.port = world:ports(1)
    sidecar:mesh(mesh:mesh(sidecar.service))
    sidecar:start { ENVOY_TEMPLATE_DIR = templates, LOG_LEVEL = "info", ENVOY_LOG_LEVEL = "error" }
    sidecar:answers("/web", 200)
    sidecar:logged("event=published")
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("fail no request, and nothing grows", function()
    local load = world:load(sidecar:url("/web"), 10, 400)
    local envoy, refused, warm = sidecar:envoy(), 0, nil
    local started = sched.now()
    sched.run(function()
      local count = 0
      while count < COUNT do
        count = count + (advance() and 1 or 0)
        if count // REFUSED_EVERY > refused then
          refused = refused + 1
          refuse()
        end
        if not warm and count >= COUNT // 5 then
          warm = { agent = usage(sidecar.agent.pid), envoy = usage(envoy) }
        end
      end
    end)
    local seconds = sched.now() - started
    local last = sched.run(function()
      return { agent = usage(sidecar.agent.pid), envoy = usage(envoy) }
    end)
    local seen = world:finish_load(load)
    print(("# seed %d: %d generations and %d refused in %.0f s, %d requests, %d failed; "
      .. "agent %d→%d descriptors, %d→%d KiB; Envoy %d→%d descriptors, %d→%d KiB"):format(SEED,
      COUNT, refused, seconds, seen.requests, seen.failed, warm.agent.descriptors,
      last.agent.descriptors, warm.agent.data, last.agent.data, warm.envoy.descriptors,
      last.envoy.descriptors, warm.envoy.data, last.envoy.data))
    assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.are.equal(envoy, sidecar:envoy())
    assert.is_true(last.agent.descriptors <= warm.agent.descriptors + 2)
    -- A sanitizer keeps freed memory for a while.
    assert.is_true(last.agent.data <= warm.agent.data + 1024 or os.getenv("ASAN_OPTIONS") ~= nil)
    -- Its connections to endpoints come and go with them.
    assert.is_true(last.envoy.descriptors <= warm.envoy.descriptors + 40)
    assert.is_true(last.envoy.data <= warm.envoy.data * 1.25 + 4096)
  end)

  it("leave no file behind", function()
    sidecar:mesh { sidecar.service("last-blue", { ["/web"] = 1 }, { sidecar.ports.a }) }
    world_of.eventually(function()
      local clusters_left = sidecar:clusters()
      return #clusters_left == 1 and clusters_left[1] == "last-blue"
        and not file.stat(sidecar.state .. "/undo.json")
    end, 10, "what lingers has left")
    os.execute("sleep 1") -- nothing is being published any more
    local function names(folder)
      local list = {}
      for i, item in ipairs(assert(file.list(folder))) do list[i] = item.name end
      return list
    end
    assert.are.same({ "cds.json", "envoy-config.yaml", "input.json", "lds.json", "rds" },
      names(sidecar.folder))
    assert.are.same({ ("public-%d.json"):format(sidecar.port) }, names(sidecar.folder .. "/rds"))
    assert.are.same({ "accepted.json", "agent.lock", "agent.pid", "envoy-admin-address",
      "envoy.json", "history", "snapshot.json" }, names(sidecar.state))
    assert.is_true(#names(sidecar.state .. "/history") <= 10 * 7 + 1)
  end)
end)
