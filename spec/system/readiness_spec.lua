-- Readiness in reality: `nightjar ready` beside a real agent and a real Envoy.

local clock = require("host.clock")
local cli = require("spec.support.cli")
local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("readiness: " .. missing)
  return
end

describe("readiness", function()
  local sidecar, world, templates, clusters

  -- In the agent's environment, as a container's health check is.
  local function ready(settings)
    local environment = { DISCOVERY = "file", MESH_FILE = sidecar.mesh_file,
      TMP_DIR = world.directory .. "/tmp", ENVOY_ADMIN_PORT = tostring(sidecar.admin_port) }
    for name, value in pairs(settings or {}) do environment[name] = value end
    return cli.run { "ready", environment = environment }
  end

  local function is_not(text, seconds)
    local result
    pcall(world_of.eventually, function()
      result = ready()
      return result.status == 1 and result.stdout:find(text, 1, true)
    end, seconds or 5, text)
    assert.equal(1, result.status)
    assert.is_truthy(result.stdout:find("not ready: ", 1, true) == 1
      and result.stdout:find(text, 1, true), result.stdout)
  end

  local function is(seconds)
    local result
    pcall(world_of.eventually, function()
      result = ready()
      return result.status == 0
    end, seconds or 15, "ready")
    assert.equal(0, result.status, result.stdout)
    return result.stdout
  end

  local function template(text)
    assert(file.write(templates .. "/cds.json.yaml.mustache", text))
  end

  setup(function()
    sidecar = sidecar_of.new("blue")
    world = sidecar.world
    templates = sidecar:own_templates()
    clusters = assert(file.read(templates .. "/cds.json.yaml.mustache"))
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("is not there before the first generation", function()
    is_not("no agent runs")
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:logged("event=pass_failed") -- there is no mesh file yet
    is_not("no generation is in force yet")
  end)

  it("comes with the first generation", function()
    sidecar:mesh { service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }) }
    assert.matches("^ready: generation %x+ is in force; Envoy is live\n$", is())
    assert.equal(200, (world:get(sidecar:url("/web"))))
  end)

  it("stays when a change is refused, and when the mesh cannot be read", function()
    finally(function() template(clusters) end)
    local from = sidecar:mark()
    template((clusters:gsub("connect_timeout: 1s", "connect_timeout: 0s", 1)))
    sidecar:logged("event=refused", 10, from)
    is()
    local mesh = assert(file.read(sidecar.mesh_file))
    os.remove(sidecar.mesh_file)
    sidecar:logged("event=stale", 10, from)
    is()
    assert(file.write(sidecar.mesh_file, mesh))
  end)

  it("takes little time", function()
    local runs, from = 10, clock.monotonic()
    for _ = 1, runs do
      assert.equal(0, ready().status)
    end
    local each = (clock.monotonic() - from) / runs
    print(("# nightjar ready: %.0f ms"):format(each * 1000))
    assert.is_true(each < 1) -- 15 ms and a shell; the rest is for a machine under load
  end)

  it("is not there without Envoy, and comes back with it", function()
    local envoy = sidecar:envoy()
    -- Stopped for a moment, so that the agent cannot start another before we have looked.
    world:signal(sidecar.agent, "STOP")
    os.execute("kill -9 " .. envoy)
    is_not("Envoy does not answer")
    world:signal(sidecar.agent, "CONT")
    is()
    assert.are_not.equal(envoy, sidecar:envoy())
  end)

  it("is not there while Envoy hangs, which is said within three seconds", function()
    local envoy = sidecar:envoy()
    os.execute("kill -STOP " .. envoy)
    finally(function() os.execute("kill -CONT " .. envoy) end)
    local from = clock.monotonic()
    local result = ready()
    assert.is_true(clock.monotonic() - from < 3)
    assert.equal(1, result.status)
    assert.matches("^not ready: Envoy does not answer: ", result.stdout)
  end)

  it("is not there while Envoy drains", function()
    is()
    os.execute(("curl -s -o /dev/null -X POST http://127.0.0.1:%d/healthcheck/fail")
      :format(sidecar.admin_port))
    is_not("Envoy is DRAINING")
    os.execute(("curl -s -o /dev/null -X POST http://127.0.0.1:%d/healthcheck/ok")
      :format(sidecar.admin_port))
    is()
  end)

  it("is there for another process of the same user", function()
    if not os.execute("setpriv --reuid 1337 --regid 1337 --clear-groups true 2>/dev/null") then
      return pending("setpriv may not change the user here")
    end
    local folder = world.directory .. "/as-1337"
    assert(os.execute(("chmod 755 %s && mkdir %s && chown 1337 %s")
      :format(world.directory, folder, folder)))
    local as = { "setpriv", "--reuid", "1337", "--regid", "1337", "--clear-groups",
      sidecar.program }
    local environment = { DISCOVERY = "file", MESH_FILE = sidecar.mesh_file, TMP_DIR = folder,
      ENVOY_BIN = "", TRIGGER_STOP_FILE = folder .. "/stop.txt", ENVOY_ADMIN_PORT = world:ports(1) }
    local function start(name, word)
      return world:start(name, table.move({ word }, 1, 1, #as + 1, table.move(as, 1, #as, 1, {})),
        environment)
    end
    if not os.execute("setpriv --reuid 1337 --regid 1337 --clear-groups test -x "
      .. sidecar.program) then
      return pending("user 1337 may not read this folder")
    end
    local agent = start("agent-1337", "run")
    world_of.eventually(function()
      return world:log(agent):find("event=published", 1, true)
    end, 15, "published")
    assert.equal(0, world:ended(start("ready-1337", "ready"), 10))
    world:stop(agent)
    assert.equal(1, world:ended(start("ready-1337-after", "ready"), 10))
  end)

  it("ends with the agent", function()
    world:stop(sidecar.agent)
    is_not("no agent runs")
  end)

  describe("without an Envoy of its own (shared volume)", function()
    local function shared()
      return ready { ENVOY_BIN = "", TMP_DIR = world.directory .. "/shared" }
    end

    it("comes before Envoy, and then goes by what Envoy says", function()
      sidecar:start { ENVOY_BIN = "", TMP_DIR = world.directory .. "/shared" }
      sidecar:logged("event=published")
      local result = shared()
      assert.equal(0, result.status)
      assert.matches("cannot be reached and does not count", result.stdout, 1, true)
      local envoy = world:start("envoy", { "envoy", "--config-path",
        world.directory .. "/shared/active-envoy-config/envoy-config.yaml",
        "--use-dynamic-base-id", "--log-level", "warning" })
      sidecar:answers("/web", 200)
      assert.matches("Envoy is live", shared().stdout)
      world:signal(envoy, "STOP")
      result = shared()
      world:signal(envoy, "CONT")
      assert.equal(1, result.status)
      world:stop(envoy)
      assert.equal(0, shared().status)
      world:stop(sidecar.agent)
      assert.equal(1, shared().status)
    end)
  end)
end)
