-- What the passes of an agent ask of AWS on the reference mesh: real discovery, real plans, real
-- publication; the clock is the spec's. docs/cost.md has the figures.

local calls = require("nightjar.agent.calls")
local cli = require("spec.support.cli")
local discover = require("nightjar.agent.discover")
local estimate = require("nightjar.agent.estimate")
local file = require("host.file")
local moto = require("spec.support.moto")
local moved = require("spec.support.moved")
local pass = require("nightjar.agent.pass")
local program = require("host.program")
local reference = require("spec.support.reference")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local settings_of = require("nightjar.settings")
local state = require("nightjar.agent.state")
local supervise = require("nightjar.agent.supervise")
local world_of = require("spec.support.world")

-- Two rounds of service-level attributes, each of about 80 passes.
local PASSES = 160

describe("the calls of an agent on the reference mesh", function()
  if moto.missing() then
    pending(moto.missing())
    return
  end

  local endpoint, folder, settings, one, guide

  local function run()
    endpoint:change { clock = moved.ahead } -- AWS's clock moves on as well
    assert.is_true(sched.run(one.run, one))
    moved.by(settings.refresh_time)
  end

  local function asked()
    return discover.counts(settings).operations.servicediscovery
  end

  setup(function()
    endpoint, folder = moto.faulty(), script.folder()
    endpoint:state(reference.state())
    moved.install()
    guide = assert(file.read(program.data_directory() .. "/docs/cost.md"))
    settings = assert(settings_of.load { flags = {}, data_directory = program.data_directory(),
      environment = { PATH = os.getenv("PATH"), SERVICE_MEMBER = reference.MEMBER, TMP_DIR = folder,
        ENVOY_BIN = "", ENVOY_ADMIN_PORT = "1", AWS_REGION = "eu-central-1",
        AWS_ENDPOINT_URL = endpoint.endpoint, AWS_ACCESS_KEY_ID = "A",
        AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" } })
    assert(file.mkdir(settings.config_dir))
    local kept = assert(state.open(settings.state_dir))
    one = pass.new(settings, kept, supervise.new(settings))
  end)

  teardown(function()
    moved.remove()
    endpoint:stop()
    script.discard(folder)
  end)

  it("are, in the first pass, all that there is to ask", function()
    run()
    assert.same({ GetService = 1, GetNamespace = 1, ListServices = 1, DiscoverInstances = 40,
      GetServiceAttributes = 40 }, asked())
  end)

  it("are from then on at most 40 a pass, as docs/cost.md says and `nightjar cost` estimates",
    function()
      local before = asked()
      for _ = 1, PASSES do run() end
      local after = asked()
      local total = 0
      for operation, count in pairs(after) do
        total = total + count - (before[operation] or 0)
      end
      local mean = total / PASSES
      assert.is_true(mean <= 40, mean)
      -- Each is asked for once in each of its own times, give or take the dice.
      local meshes = calls.meshes(one.state.snapshot, one.resting)
      assert.same({ 40, 2, 0 },
        { meshes[1].services, meshes[1].resting, meshes[1].attributed })
      local day = estimate.day(meshes, settings)
      local estimated = estimate.total(day.operations) / day.passes
      assert.is_true(math.abs(mean - estimated) < 0.5, ("%.2f, %.2f"):format(mean, estimated))
      local written = tonumber(guide:match("| all | ([%d.]+) |"))
      assert.equal(("%.1f"):format(estimated), ("%.1f"):format(written))
      print(("# %.2f calls a pass; estimated %.2f"):format(mean, estimated))
    end)

  it("need no second try, and keep to the service model", function()
    assert.equal(0, discover.counts(settings).retries)
    assert.same({}, endpoint:asked().violations)
  end)
end)

describe("the record of calls of a running agent", function()
  if moto.missing() then
    pending(moto.missing())
    return
  end

  local endpoint, world, agent, environment

  setup(function()
    endpoint, world = moto.faulty(), world_of.new()
    endpoint:state(reference.state())
    environment = { PATH = os.getenv("PATH"), SERVICE_MEMBER = reference.MEMBER,
      TMP_DIR = world.directory .. "/tmp", ENVOY_BIN = "", ENVOY_ADMIN_PORT = "1",
      TRIGGER_STOP_FILE = world.directory .. "/stop", REFRESH_TIME = "0.5",
      AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint.endpoint, AWS_ACCESS_KEY_ID = "A",
      AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" }
    agent = world:start("agent", { world_of.nightjar, "run" }, environment)
  end)

  teardown(function()
    assert.same({}, world:close())
    endpoint:stop()
  end)

  local function record()
    return (calls.read(environment.TMP_DIR .. "/nightjar-state"))
  end

  it("is there after the first pass, and `nightjar cost` shows it", function()
    world_of.eventually(record, 10, "the first pass is written down")
    local result = cli.run { "cost", environment = environment }
    assert.same({ 0, "" }, { result.status, result.stderr })
    assert.matches("Cloud Map DiscoverInstances +40 +40 ", result.stdout)
  end)

  it("goes on over a restart in place", function()
    local first = record()
    world:signal(agent, "USR2")
    local second = world_of.eventually(function()
      local now = record()
      return now and now.passes > first.passes and now or nil
    end, 10, "the restart has written it down")
    assert.equal(first.process, second.process)
    assert.equal(first.since, second.since)
    assert.same(first.first, second.first)
    -- The pass after the restart reads everything again, and writes that down.
    world_of.eventually(function()
      return record().operations.servicediscovery.GetService == 2
    end, 10, "the pass after the restart is written down")
  end)

  it("is complete when the agent has stopped", function()
    assert.equal(0, world:stop(agent))
    local counted = record().operations.servicediscovery
    local asked = {}
    for _, one in ipairs(endpoint:asked().requests) do
      asked[one.operation] = (asked[one.operation] or 0) + 1
    end
    assert.same(asked, counted)
  end)
end)
