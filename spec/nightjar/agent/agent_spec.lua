-- The agent's reactions, with a pass that is told how to end; whole agents are in spec/system.

local agent = require("nightjar.agent.agent")
local discover = require("nightjar.agent.discover")
local file = require("host.file")
local pin = require("nightjar.agent.pin")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")

describe("agent", function()
  local folder, settings

  before_each(function()
    folder = script.folder()
    settings = { config_dir = folder .. "/out", state_dir = folder .. "/state", envoy_bin = "",
      envoy_admin_port = 1, envoy_configuration_file = "b.yaml", envoy_pid_file = folder .. "/pid",
      trigger_stop_file = folder .. "/stop", refresh_time = 60, failure_sleep = 0.3,
      stop_timeout = 1, discovery = "file" }
  end)

  after_each(function() script.discard(folder) end)

  -- Runs an agent whose passes take `seconds` and end as `results` say, the last one for ever;
  -- `beside` runs beside it and gets it.
  local function run(seconds, results, beside)
    local count = 0
    local status = sched.run(function()
      local one = assert(agent.new(settings))
      function one.pass.run()
        count = count + 1
        local ok = results[math.min(count, #results)]
        sched.sleep(seconds)
        return ok
      end
      sched.spawn(function() beside(one, function() return count end) end)
      return one:run()
    end)
    return status, count
  end

  local function stop(one)
    one.events:put({ signal = "TERM" })
  end

  it("outlives an error of its own in a pass", function()
    local count = 0
    local status = sched.run(function()
      local one = assert(agent.new(settings))
      settings.refresh_time = 0.05
      function one.pass.run()
        count = count + 1
        error("a bug")
      end
      sched.spawn(function()
        sched.sleep(0.4)
        stop(one)
      end)
      return one:run()
    end)
    assert.equal(0, status)
    assert.is_true(count > 1)
  end)

  it("makes one pass early when discovery has a wish, and none later than it would", function()
    local take_due, wishes = discover.take_due, { 0.3, 1000 }
    finally(function() discover.take_due = take_due end)
    discover.take_due = function()
      local wish = table.remove(wishes, 1)
      return wish and sched.now() + wish
    end
    settings.refresh_time = 1
    run(0.01, { true }, function(one, count)
      sched.sleep(0.2)
      assert.equal(1, count())
      sched.sleep(0.4)
      assert.equal(2, count())
      sched.sleep(0.5)
      assert.equal(2, count())
      sched.sleep(0.7)
      assert.equal(3, count())
      stop(one)
    end)
  end)

  it("passes as often as discovery says", function()
    local every = discover.every
    finally(function() discover.every = every end)
    discover.every = function(given) return given == settings and 0.2 end
    settings.refresh_time = 1000
    run(0.01, { true }, function(one, count)
      local deadline = sched.now() + 10
      while count() < 3 and sched.now() < deadline do sched.sleep(0.05) end
      assert.equal(3, count())
      stop(one)
    end)
  end)

  it("makes a pass at once when a pin comes or goes", function()
    run(0.01, { true }, function(one, count)
      sched.sleep(0.1)
      assert.equal(1, count())
      assert(pin.write(settings.state_dir, "aaaa1111", 1))
      sched.sleep(1.5)
      assert.equal(2, count())
      assert(pin.remove(settings.state_dir))
      sched.sleep(1.5)
      assert.equal(3, count())
      stop(one)
    end)
  end)

  it("counts REFRESH_TIME from start to start", function()
    settings.refresh_time = 0.2
    local _, count = run(0.15, { true }, function(one)
      sched.sleep(0.9)
      stop(one)
    end)
    assert.is_true(count >= 4 and count <= 5, tostring(count))
  end)

  it("begins a pass at once after one that took longer than REFRESH_TIME", function()
    settings.refresh_time = 0.05
    local _, count = run(0.2, { true }, function(one)
      sched.sleep(0.9)
      stop(one)
    end)
    assert.is_true(count >= 4 and count <= 5, tostring(count))
  end)

  it("makes a pass on HUP, and after the running one when there is one", function()
    run(0.2, { true }, function(one, count)
      sched.sleep(0.05)
      assert.equal(1, count())
      one.events:put({ signal = "HUP" })
      sched.sleep(0.05)
      assert.equal(1, count())
      sched.sleep(0.2)
      assert.equal(2, count())
      sched.sleep(0.3)
      one.events:put({ signal = "HUP" })
      sched.sleep(0.05)
      assert.equal(3, count())
      stop(one)
    end)
  end)

  it("lets HUP try again what Envoy refused", function()
    run(0, { true }, function(one)
      one.state:keep_refused({ generation = "aaaa1111", reason = "why", files = {} })
      one.events:put({ signal = "HUP" })
      sched.sleep(0.05)
      assert.is_nil(one.state.refused)
      stop(one)
    end)
  end)

  it("stops in the midst of a pass", function()
    local started = sched.now()
    assert.equal(0, (run(60, { true }, function(one)
      sched.sleep(0.05)
      stop(one)
    end)))
    assert.is_true(sched.now() - started < 1)
  end)

  it("stops while what a killed agent left unfinished goes back, before any pass", function()
    local seen
    local status, count = run(0, { true }, function(one)
      function one.pass.go_back()
        sched.sleep(60)
        seen = "waited"
      end
      function one.supervisor.stop() seen = seen or "stopped" end
      sched.sleep(0.05)
      one.events:put({ signal = "HUP" })
      stop(one)
    end)
    assert.equal(0, status)
    assert.equal(0, count)
    assert.equal("stopped", seen)
  end)

  it("makes the first pass after that, and one for a HUP that came meanwhile", function()
    local _, count = run(0, { true }, function(one, passes)
      local back
      function one.pass.go_back()
        sched.sleep(0.2)
        assert.equal(0, passes())
        back = true
      end
      sched.sleep(0.05)
      one.events:put({ signal = "HUP" })
      sched.sleep(0.5)
      assert.is_true(back)
      stop(one)
    end)
    assert.equal(1, count)
  end)

  it("goes on after a failure", function()
    settings.refresh_time = 0.1
    local status, count = run(0, { false, true }, function(one)
      sched.sleep(0.35)
      stop(one)
    end)
    assert.equal(0, status)
    assert.is_true(count >= 3)
  end)

  describe("with EXIT_ON_GENERATION_FAILURE", function()
    before_each(function() settings.exit_on_generation_failure = true end)

    it("leaves with 1 after FAILURE_SLEEP", function()
      local started = sched.now()
      assert.equal(1, (run(0, { false }, function() end)))
      assert.is_true(sched.now() - started >= 0.3)
    end)

    it("stops with 0 when it is told to in that time", function()
      settings.failure_sleep = 60
      assert.equal(0, (run(0, { false }, function(one)
        sched.sleep(0.05)
        stop(one)
      end)))
    end)
  end)

  it("removes a stop file that was there before, and its own at the end", function()
    assert(file.write(settings.trigger_stop_file, ""))
    local status = run(0, { true }, function()
      sched.sleep(0.05)
      assert.is_nil(file.stat(settings.trigger_stop_file))
      assert(file.write(settings.trigger_stop_file, ""))
    end)
    assert.equal(0, status)
    assert.is_nil(file.stat(settings.trigger_stop_file))
  end)

  it("ends by a stop file that appears while it is to restart in place", function()
    local status = run(0, { true }, function(one)
      function one.supervisor.hand_on(_, urgent)
        assert(file.write(settings.trigger_stop_file, ""))
        assert.is_true(urgent())
      end
      sched.sleep(0.05)
      one.events:put({ signal = "USR2" })
    end)
    assert.equal(0, status)
    assert.is_nil(file.stat(settings.trigger_stop_file))
  end)

  it("sweeps what a killed agent left half written", function()
    assert(file.mkdir(folder .. "/out/rds"))
    assert(file.write(folder .. "/out/cds.json", "whole"))
    assert(file.write(folder .. "/out/rds/.nightjar-0123456789abcdef.tmp", "half"))
    sched.run(function() assert(agent.new(settings)) end)
    assert.equal("whole", file.read(folder .. "/out/cds.json"))
    assert.same({}, file.list(folder .. "/out/rds"))
  end)

  it("names a folder that it cannot make", function()
    settings.config_dir = "/dev/null/out"
    local one, err = agent.new(settings)
    assert.is_nil(one)
    assert.matches("/dev/null", err)
  end)
end)
