-- One pass, over a mesh file and with the real nightjar-plan; Envoy is told what to say.

local discover = require("nightjar.agent.discover")
local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")
local pass = require("nightjar.agent.pass")
local pin = require("nightjar.agent.pin")
local planner = require("nightjar.agent.planner")
local program = require("host.program")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local settings_of = require("nightjar.settings")
local state = require("nightjar.agent.state")

describe("pass", function()
  local folder, settings, kept, verdict, one

  local function mesh(weights)
    local services = {}
    for name, weight in pairs(weights) do
      services[#services + 1] = { name = name, attributes = { ["/web"] = weight },
        instances = { { id = "a", ipv4 = "127.0.0.1", port = 9001 } } }
    end
    assert(file.write(folder .. "/mesh.json", assert(json.encode {
      namespaces = { { name = "m.local", port = 9000, services = json.array(services) } } })))
  end

  before_each(function()
    folder = script.folder()
    settings = assert(settings_of.load { flags = {}, environment = {
      PATH = os.getenv("PATH"), DISCOVERY = "file", MESH_FILE = folder .. "/mesh.json",
      TMP_DIR = folder, ENVOY_BIN = "" } })
    assert(file.mkdir(settings.config_dir))
    kept = assert(state.open(settings.state_dir))
    verdict = { true }
    one = pass.new(settings, kept, {
      reachable = function() end, running = function() return false end,
      supervises = function() return true end, silence = function() end,
      check = function() return true end, cold = function() end,
      processes = { is_outdated = function() return false end },
      run = function() return table.unpack(verdict, 1, 3) end,
    })
    mesh { web = 1 }
  end)

  after_each(function() script.discard(folder) end)

  local function run()
    return sched.run(one.run, one)
  end

  it("publishes, and keeps what the next pass must know", function()
    assert.is_true(run())
    local accepted = kept.accepted
    assert.same({ { name = "public-9000", mesh = "m.local", port = 9000, audience = "public",
      routes = { { path = "/web", service = "web", audience = "public", clusters = {
        { cluster = "web@m.local", service = "web", color = "default", weight = 1,
          audience = "public" } } } }, removed = {} } },
      json.decode(json.encode(accepted.plan_listeners)))
    assert.equal("web@m.local", accepted.clusters[1].name)
    assert.equal(5, #accepted.paths)
    assert.is_nil(file.stat(settings.state_dir .. "/undo.json"))
  end)

  it("reads all in the pass after an operator has asked for one, whatever came of this one",
    function()
      local read, complete = discover.run, {}
      finally(function() discover.run = read end)
      discover.run = function(previous, given, hints)
        complete[#complete + 1] = tostring(hints.complete)
        if #complete == 1 then one:request() end -- while it reads
        if #complete == 2 then return nil, "no answer" end
        return read(previous, given, hints)
      end
      for _ = 1, 4 do run() end
      assert.same({ "nil", "true", "true", "nil" }, complete)
    end)

  -- On a large mesh a plan and its files are most of what an agent has in memory.
  it("has let go of what it planned when its memory is to be given back", function()
    local plan, trim = planner.run, program.trim
    local made, left = setmetatable({}, { __mode = "k" }), nil
    finally(function() planner.run, program.trim = plan, trim end)
    planner.run = function(...)
      local response, err, refusal = plan(...)
      made[response.plan] = true
      return response, err, refusal
    end
    program.trim = function()
      collectgarbage()
      left = next(made)
    end
    program.trim()
    assert.is_nil(left)
    left = "not called"
    assert.is_true(run())
    assert.is_nil(left)
  end)

  it("defect 10: lets a cluster linger that the last routes named", function()
    assert.is_true(run())
    mesh { other = 1 }
    assert.is_true(run())
    local text = file.read(settings.config_dir .. "/cds.json")
    assert.is_truthy(text:find("web@m.local", 1, true))
    assert.equal("other@m.local", kept.accepted.clusters[1].name)
    assert.is_true(run())
    text = file.read(settings.config_dir .. "/cds.json")
    assert.is_nil(text:find("web@m.local", 1, true))
  end)

  it("accepts nothing that did not come into force", function()
    verdict = { nil, "supervise: envoy: not live", nil }
    assert.is_nil(run())
    assert.is_nil(kept.accepted)
    verdict = { true }
    assert.is_true(run())
    assert.is_truthy(kept.accepted)
  end)

  it("takes back what a new Envoy refuses, and does not try it again", function()
    assert.is_true(run())
    local good = file.read(settings.config_dir .. "/cds.json")
    mesh { web = 1, other = 1 }
    verdict = { nil, "supervise: Envoy refused cds.json", "refused" }
    assert.is_nil(run())
    assert.equal(good, file.read(settings.config_dir .. "/cds.json"))
    verdict = { true }
    local ok, err = run()
    assert.is_nil(ok)
    assert.matches("refused it before", err)
    one:forgive()
    assert.is_true(run())
    assert.not_equal(good, file.read(settings.config_dir .. "/cds.json"))
  end)

  -- Envoy refuses what is published next; `outside` of it, or not.
  local function refused(outside)
    assert.is_true(run())
    mesh { web = 1, other = 1 }
    verdict = { nil, "supervise: Envoy refused cds.json", "refused" }
    assert.is_nil(run())
    verdict = { true }
    kept.refused.outside = outside
  end

  it("does not try what was refused after any time, or a restart", function()
    refused(false)
    one.refused_at = one.refused_at - 1000
    assert.is_nil(run())
    kept:leave()
    local later = assert(state.open(settings.state_dir))
    assert.equal(kept.refused.generation, later.refused.generation)
    one = pass.new(settings, later, one.supervisor)
    local _, err = run()
    assert.matches("refused it before; .*: supervise: Envoy refused cds.json", err)
  end)

  it("tries again after five minutes what was refused for a cause outside of it", function()
    refused(true)
    one.refused_at = one.refused_at - 200
    assert.is_nil(run())
    one.refused_at = one.refused_at - 101
    assert.is_true(run())
    assert.is_nil(kept.refused)
    assert.is_nil(file.stat(settings.state_dir .. "/refused.json"))
  end)

  it("takes a new Envoy that ended for a cause outside: nothing was wrong in the files", function()
    assert.is_true(run())
    mesh { web = 1, other = 1 }
    verdict = { nil, "supervise: envoy: the new process ended", "refused" }
    assert.is_nil(run())
    assert.is_true(kept.refused.outside)
  end)

  describe("after a bootstrap with which a new Envoy did not start", function()
    local NO_MEMORY = "/dev/shm cannot be written"
    local good

    before_each(function()
      assert.is_true(run())
      good = file.read(settings.config_dir .. "/envoy-config.yaml")
      settings.service_container_name = "other"
      verdict = { nil, "supervise: envoy: ended while it started", "refused" }
      assert.is_nil(run())
      verdict = { true }
      one.supervisor.cold = function() return NO_MEMORY end
    end)

    it("makes no second outage for it, neither after any time nor for a change", function()
      one.refused_at = one.refused_at - 1000
      local _, err = run()
      assert.matches("refused it before; .*: supervise: envoy: ended while it started", err)
      for weight = 2, 3 do
        mesh { web = weight, other = 1 }
        _, err = run()
        assert.matches("envoy%-config.yaml: a new Envoy did not start with it before, .*"
          .. NO_MEMORY, err)
        assert.equal(good, file.read(settings.config_dir .. "/envoy-config.yaml"))
        one.refused_at = one.refused_at - 1000
        assert.is_nil(run())
      end
      kept:leave()
      one = pass.new(settings, assert(state.open(settings.state_dir)), one.supervisor)
      mesh { web = 4, other = 1 }
      _, err = run()
      assert.matches("did not start with it before", err)
    end)

    it("tries it when an operator asks", function()
      one:request()
      assert.is_true(run())
      assert.not_equal(good, file.read(settings.config_dir .. "/envoy-config.yaml"))
    end)

    it("tries another one", function()
      settings.service_container_name = "third"
      assert.is_true(run())
    end)

    it("tries it after five minutes where the one that serves goes on meanwhile", function()
      one.supervisor.cold = function() end
      assert.is_nil(run())
      one.refused_at = one.refused_at - 301
      assert.is_true(run())
    end)
  end)

  it("tries at each pass what was refused while nothing is in force", function()
    verdict = { nil, "supervise: Envoy refused cds.json", "refused" }
    assert.is_nil(run())
    verdict = { true }
    assert.is_true(run())
  end)

  -- An Envoy that runs what is on disk, until it dies at the sight of new clusters.
  local function mortal()
    local alive, cds = true, settings.config_dir .. "/cds.json"
    local known = file.read(cds)
    one.supervisor.running = function() return alive end
    one.supervisor.reachable = function()
      alive = true
      return { subscriptions = function()
        alive = alive and file.read(cds) == known
        if not alive then return nil, "connection refused" end
        local version = json.decode(known).version_info
        return { clusters = { version = version, taken = 1, refused = 0 }, routes = {},
          assignments = {}, warming = 0 }
      end }
    end
  end

  it("takes back what Envoy died of, tries it once more, and then no more", function()
    assert.is_true(run())
    local good = file.read(settings.config_dir .. "/cds.json")
    mortal()
    mesh { web = 1, other = 1 }
    for _ = 1, 2 do
      local _, err = run()
      assert.matches("Envoy died while it took cds.json", err)
      assert.equal(good, file.read(settings.config_dir .. "/cds.json"))
      assert.is_false(one.supervisor.publishing)
    end
    local _, err = run()
    assert.matches("refused it before; .*: Envoy died while it took", err)
  end)

  it("blames no generation for Envoy's death of which Envoy was shown nothing", function()
    assert.is_true(run())
    local reachable = one.supervisor.reachable
    one.supervisor.running = function() return false end
    one.supervisor.reachable = function()
      return { subscriptions = function() return nil, "connection reset" end }
    end
    for _ = 1, 3 do
      local _, err = run()
      assert.matches("^publish: generation %x+: connection reset$", err)
      assert.is_nil(kept.refused)
    end
    one.supervisor.reachable = reachable
    assert.is_true(run())
  end)

  it("puts nothing before an Envoy that is silent, and goes on with what is in force", function()
    assert.is_true(run())
    local good = file.read(settings.config_dir .. "/cds.json")
    one.supervisor.silence = function() return "envoy: silent" end
    assert.is_true(run())
    mesh { web = 1, other = 1 }
    for _ = 1, 2 do
      local ok, err = run()
      assert.is_nil(ok)
      assert.matches("^publish: .*: envoy: silent$", err)
    end
    assert.equal(good, file.read(settings.config_dir .. "/cds.json"))
    assert.is_false(kept.undo:pending())
  end)

  it("waits for no Envoy where nothing is to go back", function()
    one.supervisor.running = function() return true end
    one.supervisor.reachable = function() error("nobody is to be asked") end
    one:go_back()
  end)

  it("tells of what was accepted, refused, stale and fresh", function()
    local told = {}
    one.tell = function(event, facts)
      told[#told + 1] = event .. " " .. tostring(facts.cause or facts.reason or facts.services)
    end
    assert.is_true(run())
    assert.is_true(run())
    mesh { web = 1, other = 1 }
    verdict = { nil, "supervise: Envoy refused cds.json", "refused" }
    assert.is_nil(run())
    assert.is_nil(run())
    verdict = { true }
    mesh { web = 2 }
    assert.is_true(run())
    local text = file.read(folder .. "/mesh.json")
    os.remove(folder .. "/mesh.json")
    for _ = 1, 2 do assert.is_true(run()) end
    assert(file.write(folder .. "/mesh.json", text))
    assert.is_true(run())
    assert.same({ "accepted first", "refused supervise: Envoy refused cds.json", "accepted mesh" },
      table.move(told, 1, 3, 1, {}))
    assert.matches("^stale .*mesh%.json", told[4])
    assert.same({ "fresh 1" }, table.move(told, 5, #told, 1, {}))
  end)

  it("tells what caused a generation", function()
    assert.is_true(run())
    assert.equal("first", kept.accepted.cause)
    mesh { web = 2 }
    assert.is_true(run())
    assert.equal("mesh", kept.accepted.cause)
    assert.same({ "route public-9000 /web web@m.local 1→2 why=attribute" },
      json.decode(json.encode(kept.accepted.difference)))
    settings.ping_path = "/alive"
    assert.is_true(run())
    assert.equal("settings", kept.accepted.cause)
    assert.equal(3, #kept.history.entries)
  end)

  it("holds a pinned generation, and does not list it anew", function()
    assert.is_true(run())
    local first, routes = kept.accepted.generation, "/rds/public-9000.json"
    local before = file.read(settings.config_dir .. routes)
    mesh { web = 2 }
    assert.is_true(run())
    assert(pin.write(settings.state_dir, first, 1))
    assert.is_true(run())
    assert.equal(before, file.read(settings.config_dir .. routes))
    assert.equal(first, kept.accepted.pinned)
    assert.equal("rollback", kept.accepted.cause)
    assert.equal(2, #kept.history.entries)
    assert(pin.remove(settings.state_dir))
    assert.is_true(run())
    assert.is_nil(kept.accepted.pinned)
    assert.equal("resume", kept.accepted.cause)
  end)

  it("leaves the last generation in force when a stage fails", function()
    assert.is_true(run())
    local good, generation = file.read(settings.config_dir .. "/cds.json"), kept.accepted.generation
    settings.policy_dir = folder .. "/none"
    local ok, err = run()
    assert.is_nil(ok)
    assert.matches("^plan: policies: .*none", err)
    assert.equal(good, file.read(settings.config_dir .. "/cds.json"))
    assert.equal(generation, kept.accepted.generation)
  end)

  it("serves the last snapshot while the mesh cannot be read", function()
    assert.is_true(run())
    os.remove(folder .. "/mesh.json")
    local before = file.stat(settings.config_dir .. "/cds.json")
    assert.is_true(run())
    assert.same(before, file.stat(settings.config_dir .. "/cds.json"))
  end)

  it("logs one line for an outage and one for its end, and leaves warnings in the snapshot",
    function()
      local lines = {}
      stub(log, "warn", function(event) lines[#lines + 1] = event end)
      stub(log, "info", function(event)
        if event == "fresh" or event == "resolved" then lines[#lines + 1] = event end
      end)
      finally(function()
        log.warn:revert()
        log.info:revert()
      end)
      mesh { ["web-blue"] = 9, ["web-green"] = 1 }
      assert.is_true(run())
      lines = {}
      os.remove(folder .. "/mesh.json")
      for _ = 1, 3 do assert.is_true(run()) end
      assert.same({ "stale" }, lines)
      assert.equal("mesh_stale", kept.snapshot.warnings[1].code)
      mesh { ["web-blue"] = 9, ["web-green"] = 1 }
      for _ = 1, 2 do assert.is_true(run()) end
      assert.same({ "stale", "fresh" }, lines)
    end)

  it("logs what was never read by its own warning", function()
    one.warned:look { { code = "service_unread", message = "x" },
      { code = "mesh_unread", message = "y" }, { code = "service_stale", message = "z" },
      { code = "mesh_stale", message = "z" } }
    assert.equal(2, one.counts.warnings)
  end)

  it("names a service that was never read though another one failed alike before", function()
    local a = { code = "service_unread", mesh = "m", service = "a", message = "x" }
    local b = { code = "service_unread", mesh = "m", service = "b", message = "x" }
    one.warned:look { a }
    one.warned:look { a, b }
    assert.equal(2, one.counts.warnings)
  end)

  it("tells each warning once, until it is over", function()
    one.warned:look { { code = "bad_weight", message = "x" } }
    one.warned:look { { code = "bad_weight", message = "x" } }
    assert.equal(1, one.counts.warnings)
    one.warned:look {}
    one.warned:look { { code = "bad_weight", message = "x" } }
    assert.equal(2, one.counts.warnings)
  end)
end)
