-- What is known of an agent, gathered from whole agents.

local discover = require("nightjar.agent.discover")
local estimate = require("nightjar.agent.estimate")
local facts = require("nightjar.agent.status.facts")
local file = require("host.file")
local moto = require("spec.support.moto")
local pin = require("nightjar.agent.pin")
local program = require("host.program")
local reference = require("spec.support.reference")
local running = require("spec.support.running")
local sched = require("nightjar.agent.sched")
local world_of = require("spec.support.world")

describe("facts", function()
  local place

  before_each(function()
    place = running.new()
    place:mesh { web = 1 }
  end)

  after_each(function() place:close() end)

  it("tell of an agent before its first pass, and of one that stops", function()
    local first, last
    local settings = place:settings()
    sched.run(function()
      local one = assert(require("nightjar.agent.agent").new(settings))
      first = facts.gather(one)
      sched.spawn(function() one.events:put({ signal = "TERM" }) end)
      one:run()
      last = facts.gather(one)
    end)
    assert.equal(program.version, first.version)
    assert.is_nil(first.generation.in_force)
    assert.is_nil(first.snapshot)
    assert.is_nil(first.pass.last)
    assert.same({ published = 0, unchanged = 0, failed = 0, given_up = 0 }, first.pass.outcomes)
    assert.is_nil(first.stopping)
    assert.equal("signal TERM", last.stopping)
  end)

  it("tell how long a pass may take, by what it may have to wait for", function()
    local function longest(fields)
      local settings = place:settings()
      for name, value in pairs(fields) do settings[name] = value end
      return sched.run(function()
        local one = assert(require("nightjar.agent.agent").new(settings))
        one.state:leave()
        return facts.gather(one).pass.longest
      end)
    end
    local usual = longest { refresh_time = 30, plan_deadline = 30 }
    assert.equal(390, usual)
    assert.equal(usual, longest { refresh_time = 1, plan_deadline = 30 })
    assert.equal(usual + 180, longest { refresh_time = 300, plan_deadline = 30 })
    assert.equal(usual + 120, longest { refresh_time = 30, plan_deadline = 30,
      snapshot_store = "s3://fleet" })
  end)

  it("tell of the last pass, the generation and its weights", function()
    place:mesh({ ["web-blue"] = 80, ["web-green"] = 20 },
      { ["web-blue"] = "blue", ["web-green"] = "green" })
    local settings = place:settings()
    place:run(settings, function(one, after_pass)
      after_pass()
      local known = facts.gather(one)
      assert.equal("published", known.pass.last.outcome)
      assert.is_true(known.pass.last.ended >= known.pass.last.at)
      assert.equal(known.pass.last.ended, known.pass.good)
      assert.is_true(known.pass.next_in > 50 and known.pass.next_in <= 60)
      assert.equal(one.state.accepted.generation, known.generation.in_force.name)
      assert.equal(1, known.generation.accepted)
      assert.equal(0, known.generation.refusals)
      assert.equal(1, known.generation.kept)
      assert.equal("m.local", known.snapshot.meshes[1].name)
      local weights = {}
      for weight in require("nightjar.agent.weights").each(known.weights) do
        weights[weight.color] = weight.weight
      end
      assert.same({ blue = 80, green = 20 }, weights)
      assert.is_nil(known.aws)
      assert.is_true(#known.sandbox > 0)
      one.events:put({ signal = "HUP" })
      after_pass()
      known = facts.gather(one)
      assert.equal(1, known.pass.outcomes.published)
      assert.equal(1, known.pass.outcomes.unchanged)
      assert.equal(1, known.generation.accepted)
    end)
  end)

  it("know the weights in force from the start where an agent before it left them", function()
    place:run(place:settings(), function(_, after_pass) after_pass() end)
    sched.run(function()
      local one = assert(require("nightjar.agent.agent").new(place:settings()))
      assert.is_truthy(facts.gather(one).weights:find("web@m.local", 1, true))
    end)
  end)

  it("keep no weights where nobody shows them", function()
    place:run(place:settings { STATUS_ADDRESS = false }, function(one, after_pass)
      after_pass()
      assert.is_nil(facts.gather(one).weights)
    end)
  end)

  it("tell which stage failed and why, and when that was over", function()
    assert(file.write(place.folder .. "/mesh.json", "{"))
    place:run(place:settings(), function(one, after_pass)
      after_pass()
      local failure = facts.gather(one).pass.failures.discover
      assert.matches("mesh.json", failure.reason)
      assert.is_nil(failure.over)
      assert.is_nil(facts.gather(one).generation.in_force)
      place:mesh { web = 1 }
      one.events:put({ signal = "HUP" })
      after_pass()
      failure = facts.gather(one).pass.failures.discover
      assert.is_number(failure.over)
      assert.same({ discover = 1 }, facts.gather(one).pass.failed)
    end)
  end)

  it("tell an error of nightjar's own", function()
    place:run(place:settings(), function(one, after_pass)
      after_pass()
      function one.pass.discover() error("a bug") end
      one.events:put({ signal = "HUP" })
      after_pass()
      assert.matches("a bug", facts.gather(one).pass.failures.internal.reason)
      assert.equal(1, facts.gather(one).pass.outcomes.failed)
    end)
  end)

  it("tell of a pass under way, and of its stage", function()
    place:run(place:settings(), function(one, after_pass)
      after_pass()
      function one.pass.plan() sched.sleep(0.3) end
      one.events:put({ signal = "HUP" })
      sched.sleep(0.1)
      local under_way = facts.gather(one).pass.under_way
      assert.equal("plan", under_way.stage)
      assert.is_true(under_way.seconds > 0 and under_way.seconds < 30)
      assert.is_nil(facts.gather(one).pass.next_in)
      sched.sleep(0.4)
      assert.is_nil(facts.gather(one).pass.under_way)
    end)
  end)

  it("tell of warnings that hold now, in order", function()
    place:mesh { web = 99999, other = "x" }
    place:run(place:settings(), function(one, after_pass)
      after_pass()
      local known = facts.gather(one).warnings
      assert.is_true(#known.current >= 2)
      assert.equal(known.lines, #known.current)
      for i, warning in ipairs(known.current) do
        assert.is_string(warning.code)
        local before = known.current[i - 1]
        assert.is_true(not before or before.code <= warning.code)
      end
      place:mesh { web = 1 }
      one.events:put({ signal = "HUP" })
      after_pass()
      assert.same({}, facts.gather(one).warnings.current)
    end)
  end)

  it("tell of a pin until it is gone", function()
    local settings = place:settings()
    place:run(settings, function(one, after_pass)
      after_pass()
      local generation = one.state.accepted.generation
      assert(pin.write(settings.state_dir, generation, 1700000000))
      one.events:put({ pin = true })
      after_pass()
      assert.same({ generation = generation, at = 1700000000 }, facts.gather(one).generation.pinned)
      assert(pin.remove(settings.state_dir))
      one.events:put({ signal = "HUP" })
      after_pass()
      assert.is_nil(facts.gather(one).generation.pinned)
    end)
  end)

  it("tell why Envoy does not start, and how often", function()
    local settings = place:settings { ENVOY_BIN = place.folder .. "/no-envoy", STOP_TIMEOUT = "1" }
    place:run(settings, function(one, after_pass)
      after_pass()
      local envoy = facts.gather(one).envoy
      assert.is_true(envoy.supervised)
      assert.equal("missing", envoy.last_cause)
      assert.is_true(envoy.deaths.missing >= 1)
      assert.equal(0, envoy.starts)
      assert.equal(0, envoy.processes)
      assert.is_string(envoy.problem)
    end)
  end)

  it("follow a real Envoy: its start, its death and its next start", function()
    if world_of.missing() then
      pending(world_of.missing())
      return
    end
    local port, admin = world_of:ports(2)
    place:mesh({ web = 1 }, nil, port)
    local settings = place:settings { ENVOY_BIN = "envoy", ENVOY_ADMIN_PORT = tostring(admin),
      ENVOY_BASE_ID = tostring(admin), STOP_TIMEOUT = "1", ENVOY_LOG_LEVEL = "off" }
    place:run(settings, function(one, after_pass)
      after_pass()
      local envoy = facts.gather(one).envoy
      assert.equal("live", envoy.state)
      assert.equal(one.supervisor.processes:newest():pid(), envoy.pid)
      assert.same({ 0, 1, 1, 0 }, { envoy.epoch, envoy.processes, envoy.starts, envoy.restarts })
      assert.same({}, envoy.deaths)
      local before = envoy
      one.supervisor.processes:signal("KILL")
      local deadline = sched.now() + 30
      repeat
        sched.sleep(0.05)
        envoy = facts.gather(one).envoy
        assert.is_true(sched.now() < deadline)
      until envoy.state == "live" and envoy.pid ~= before.pid
      assert.same({ crash = 1 }, envoy.deaths)
      assert.equal("crash", envoy.last_cause)
      assert.same({ 2, 1 }, { envoy.starts, envoy.restarts })
      assert.is_true(envoy.since > before.since)
    end)
  end)

  it("name the first file of the generation that is not there", function()
    local settings = place:settings()
    place:run(settings, function(one, after_pass)
      assert.is_nil(facts.missing(one))
      after_pass()
      assert.is_nil(facts.missing(one))
      assert(file.remove(settings.config_dir .. "/lds.json"))
      assert.matches("lds.json", facts.missing(one))
    end)
  end)

  it("name the settings that differ, without their values", function()
    place:run(place:settings { AWS_REGION = "eu-central-1" }, function(one)
      local names = {}
      for _, known in ipairs(facts.gather(one).settings) do
        names[known.name] = known.source
        assert.same({ "name", "source" }, (function()
          local keys = {}
          for key in pairs(known) do keys[#keys + 1] = key end
          table.sort(keys)
          return keys
        end)())
      end
      assert.equal("environment", names.AWS_REGION)
      assert.equal("environment", names.TMP_DIR)
      assert.is_nil(names.LOG_LEVEL)
    end)
  end)

  it("tell of this process what the kernel does", function()
    place:run(place:settings(), function(one)
      local process = facts.gather(one).process
      assert.is_true(process.cpu_seconds > 0)
      assert.is_true(process.resident_bytes > 1 << 20 and process.resident_bytes < 1 << 31)
      assert.is_true(process.virtual_bytes >= process.resident_bytes)
      assert.is_true(process.open_fds >= 3 and process.open_fds <= process.max_fds)
    end)
  end)

  describe("of an agent that reads Cloud Map", function()
    local missing = moto.missing()
    if missing then
      pending(missing)
      return
    end

    local endpoint

    setup(function() endpoint = moto.faulty() end)
    teardown(function() endpoint:stop() end)
    before_each(function() endpoint:state(reference.state()) end)

    it("tell what was asked, what a day costs and whose keys are used", function()
      local settings = place:cloudmap(endpoint.endpoint)
      place:run(settings, function(one, after_pass)
        after_pass()
        local aws = facts.gather(one).aws
        assert.equal(40, aws.operations.servicediscovery.DiscoverInstances)
        assert.equal("eu-central-1", aws.region)
        assert.equal(0, aws.retries)
        assert.equal(0, aws.throttles)
        assert.equal(0, aws.slowed)
        assert.same({ source = "environment", method = "environment", troubled = false },
          aws.credentials)
        assert.equal(estimate.dollars(aws.day.operations), aws.day.dollars)
        assert.is_true(aws.day.dollars > 0.05 and aws.day.dollars < 0.06,
          tostring(aws.day.dollars))
      end)
    end)

    it("count what AWS throttles, and which services keep old data", function()
      local settings = place:cloudmap(endpoint.endpoint, { AWS_MAX_ATTEMPTS = "1" })
      place:run(settings, function(one, after_pass)
        after_pass()
        place:faults(endpoint.endpoint, { { operation = "DiscoverInstances",
          match = { ServiceName = "svc3-blue" },
          fault = "throttle" } })
        one.events:put({ signal = "HUP" })
        after_pass()
        local known = facts.gather(one)
        assert.is_true(known.aws.throttles >= 1)
        assert.equal(1, known.stale.services)
        place:faults(endpoint.endpoint, {})
        one.events:put({ signal = "HUP" })
        after_pass()
        assert.is_nil(facts.gather(one).stale)
      end)
    end)
  end)

  describe("of the agents of a fleet", function()
    local missing = moto.missing()
    if missing then
      pending(missing)
      return
    end

    local BUCKET = "my-bucket" -- which docs/fleet.md allows
    local cloud, member, other

    setup(function()
      cloud = moto.start()
      cloud:call { { service = "s3", operation = "create_bucket", parameters = { Bucket = BUCKET,
        CreateBucketConfiguration = { LocationConstraint = "eu-central-1" } } } }
      local services = {}
      for number = 1, 3 do
        services[number] = { name = "web-" .. number, settings = { SERVICE = "web", ["/"] = "1" } }
      end
      member = select(2, cloud:fill("shop.local", services))["web-1"]
    end)
    teardown(function() cloud:stop() end)
    before_each(function() other = running.new() end)
    after_each(function() other:close() end)

    local function settings_of(its, bucket)
      local keys = cloud.users.fleet
      return its:cloudmap(cloud.endpoint, { SERVICE_MEMBER = member, AWS_SESSION_TOKEN = false,
        AWS_ACCESS_KEY_ID = keys.id, AWS_SECRET_ACCESS_KEY = keys.secret, REFRESH_TIME = "30",
        SNAPSHOT_STORE = ("s3://%s/mesh"):format(bucket or BUCKET) })
    end

    -- What a day asks of an agent, by operation, after its first pass.
    local function day_of(settings)
      local found
      place:run(settings, function(one, after_pass)
        after_pass()
        found = facts.gather(one).aws.day
      end)
      local counts = {}
      for _, operations in pairs(found.operations) do
        for name, count in pairs(operations) do counts[name] = math.floor(count + 0.5) end
      end
      return counts, found.dollars
    end

    it("give the one that leads its readings and each other one its looks", function()
      local leader = day_of(settings_of(place))
      assert.same({ 3 * 3200, 3200, nil },
        { leader.DiscoverInstances, leader.PutObject, leader.GetObject })
      local follower, dollars = day_of(settings_of(other))
      assert.same({ GetObject = 1600 }, follower)
      assert.near(1600 * 0.4 / 1e6, dollars, 1e-12)
    end)

    it("give an agent its own readings where the store cannot be used", function()
      local alone = day_of(settings_of(place, "no-such-bucket"))
      assert.same({ nil, nil }, { alone.PutObject, alone.GetObject })
      assert.is_true(alone.DiscoverInstances > 0 and alone.DiscoverInstances <= 3 * 3200)
    end)

    it("say nothing of a day before the first pass has shown whether it leads", function()
      day_of(settings_of(place)) -- so that the mesh is known
      local settings = settings_of(place)
      sched.run(function()
        local one = assert(require("nightjar.agent.agent").new(settings))
        assert(discover.check(settings))
        local aws = facts.gather(one).aws
        assert.equal("eu-central-1", aws.region)
        assert.is_nil(aws.day)
      end)
    end)
  end)
end)
