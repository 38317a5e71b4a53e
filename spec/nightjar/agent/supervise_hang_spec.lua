-- Silence of the admin interface, with a stand-in for Envoy whose parts fall silent one by one and
-- with less patience than the agent has; a real Envoy that is stopped is in spec/system.

local file = require("host.file")
local program = require("host.program")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local supervise = require("nightjar.agent.supervise")
local world = require("spec.support.world")

describe("a supervised Envoy", function()
  local folder, settings, port
  local NO = function() return false end

  before_each(function()
    folder = script.folder()
    port = world:ports(1)
    settings = { envoy_bin = "spec/support/stand_in.py", envoy_admin_port = 1,
      envoy_base_id = 70000 + port, envoy_log_level = "info", stop_timeout = 5,
      envoy_pid_file = folder .. "/envoy.pid", envoy_configuration_file = "b.json",
      config_dir = folder, state_dir = folder, environment = program.environment() }
    assert(file.write(folder .. "/b.json", ('{"port": %d}'):format(port)))
  end)

  after_each(function() script.discard(folder) end)

  local function be(name) assert(file.write(folder .. "/" .. name, "")) end
  local function stop_being(name) assert(file.remove(folder .. "/" .. name)) end

  -- What a pass hands over: the generation in force, or one with changed files.
  local function input(changed)
    return { files = {}, plan = { listeners = { { port = port } } },
      done = { changed = changed or {}, removed = {} }, accepted = changed == nil }
  end

  -- Runs `fn(supervisor, pid)` with a stand-in that runs.
  local function with(fn, times)
    times = times or { silence = 1, live_within = 8 }
    sched.run(function()
      local one = supervise.new(settings, times)
      one:start()
      one.processes:keep_ports { port }
      one:settle()
      fn(one, one.processes:newest() and one.processes:newest():pid())
      os.remove(folder .. "/silent")
      one:stop(NO)
      assert.is_false(one:running())
    end)
  end

  local function await(one, state)
    for _ = 1, 400 do
      if one.state == state then return end
      sched.sleep(0.05)
    end
    error(("expected state %s, it is %s"):format(state, one.state))
  end

  it("that is busy is not killed while its listeners answer", function()
    with(function(one, pid)
      assert.equal("live", one.state)
      be("silent")
      assert.is_nil(one:reachable())
      assert.equal("suspect", one.state)
      await(one, "busy")
      assert.equal(pid, one.processes:newest():pid())
      -- A pass without changes is none that failed; one with changes is not confirmed.
      assert.is_true(one:run(input()))
      local ok, err, code = one:run(input { "cds.json" })
      assert.is_nil(ok)
      assert.equal("supervise: envoy: its admin interface is silent", err)
      assert.equal("lost", code)
      -- It is asked once more with each pass, and found out when it hangs wholly.
      stop_being("silent")
      assert.is_truthy(one:reachable())
      assert.equal("live", one.state)
      assert.equal(0, one.restarts)
    end)
  end)

  it("that falls wholly silent after it was busy is killed then", function()
    with(function(one, pid)
      be("silent")
      one:reachable()
      await(one, "busy")
      be("deaf")
      one:reachable()
      await(one, "waiting")
      assert.equal("hang", one.last_cause)
      stop_being("silent")
      stop_being("deaf")
      await(one, "live")
      assert.are_not.equal(pid, one.processes:newest():pid())
      assert.equal(1, one.restarts)
    end)
  end)

  it("costs a pass no more than a time-out while it is silent", function()
    with(function(one)
      be("silent")
      local started = sched.now()
      one:reachable()
      assert.is_true(sched.now() - started < 4)
      started = sched.now()
      for _ = 1, 5 do assert.is_nil(one:reachable()) end
      assert.equal("suspect", one.state)
      assert.is_true(sched.now() - started < 1)
    end, { silence = 20 })
  end)

  it("without an admin interface is mute: it runs, and is not waited for twice", function()
    be("mute")
    with(function(one)
      await(one, "mute")
      local started = sched.now()
      assert.is_nil(one:reachable())
      assert.is_true(one:run(input { "cds.json" }))
      assert.is_true(sched.now() - started < 1)
    end, { live_within = 1 })
  end)

  it("with an unchanged bootstrap is asked nothing but what a pass asks", function()
    with(function(one)
      local asked, request = 0, one.admin.request
      function one.admin.request(...)
        asked = asked + 1
        return request(...)
      end
      one.look, one.confirmed = function(self)
        return self.admin:stats("state") and "live" or "nobody"
      end, true
      sched.sleep(1)
      assert.equal(0, asked)
      one:reachable()
      one:run(input())
      assert.equal(1, asked)
    end)
  end)

  it("goes on when its successor cannot be started, and that is forgotten then", function()
    with(function(one, pid)
      settings.envoy_bin = folder .. "/none"
      assert(file.write(folder .. "/b.json", ('{"port": %d, "new": true}'):format(port)))
      local ok, err = one:run(input())
      assert.is_nil(ok)
      assert.matches("^supervise: envoy: .*/none: No such file", err)
      await(one, "live")
      assert.equal(pid, one.processes:newest():pid())
      assert.is_nil(one.problem)
      assert.equal(0, one.restarts)
    end)
  end)

  it("that was drained for a new bootstrap waits for the one before when a start fails", function()
    with(function(one)
      one.processes.cold = "a spec"
      assert(file.write(folder .. "/b.json", "{}")) -- it ends at once: there is no port
      one.before_start = function()
        assert(file.write(folder .. "/b.json", ('{"port": %d}'):format(port)))
      end
      local starts = one.starts
      local ok, err, code = one:run(input())
      assert.is_nil(ok)
      assert.equal("refused", code)
      assert.matches("^supervise: envoy: ended while it started", err)
      assert.equal("waiting", one.state)
      assert.equal(starts + 1, one.starts)
      await(one, "live")
      assert.equal(starts + 2, one.starts)
    end)
  end)

  it("that was drained for a program that is gone waits for the one before, too", function()
    with(function(one)
      one.processes.cold = "a spec"
      local bin = settings.envoy_bin
      settings.envoy_bin = folder .. "/none"
      assert(file.write(folder .. "/b.json", ('{"port": %d, "new": true}'):format(port)))
      local ok, err, code = one:run(input())
      assert.is_nil(ok)
      assert.equal("refused", code)
      assert.matches("none: No such file", err)
      settings.envoy_bin = bin
      await(one, "live")
    end)
  end)

  describe("is stopped in time", function()
    local function stops(one, seconds)
      local started = sched.now()
      one:stop(NO)
      assert.equal("ended", one.state)
      assert.is_false(one:running())
      assert.is_true(sched.now() - started < seconds, tostring(sched.now() - started))
      assert.is_nil(file.stat(settings.envoy_pid_file))
      assert.is_nil(file.stat(folder .. "/envoy.json"))
    end

    it("while it starts", function()
      be("mute")
      sched.run(function()
        local one = supervise.new(settings)
        one:start()
        assert.equal("starting", one.state)
        stops(one, 4)
      end)
    end)

    it("in a pause between two starts", function()
      assert(file.write(folder .. "/b.json", "{}")) -- it ends at once: there is no port
      sched.run(function()
        local one = supervise.new(settings)
        one:start()
        for _ = 1, 200 do
          if one.backoff.deaths >= 2 and one.state == "waiting" then break end
          sched.sleep(0.02)
        end
        assert.equal("waiting", one.state)
        stops(one, 1)
      end)
    end)

    it("while the program is missing", function()
      settings.envoy_bin = folder .. "/none"
      sched.run(function()
        local one = supervise.new(settings)
        one:start()
        assert.equal("waiting", one.state)
        stops(one, 1)
      end)
    end)

    it("while it is suspected to hang", function()
      sched.run(function()
        local one = supervise.new(settings)
        one:start()
        one:settle()
        be("silent")
        one:reachable()
        assert.equal("suspect", one.state)
        stops(one, 6)
      end)
    end)

    it("in the midst of a replacement", function()
      sched.run(function()
        local one = supervise.new(settings)
        one:start()
        one:settle()
        one:feed("changed_cold", "a spec")
        assert.equal("replacing", one.state)
        stops(one, 6)
      end)
    end)
  end)

  it("is not started beside one that cannot be taken over", function()
    with(function(one, pid)
      local other = supervise.new(settings)
      other.processes.stranger = { pid = pid,
        start = require("nightjar.agent.owner").identity(pid) }
      other:start()
      assert.equal("waiting", other.state)
      assert.matches("process " .. pid .. " of an earlier agent still runs", other.problem)
      other:feed("stop")
      assert.equal("ended", other.state)
      assert.equal("live", one.state)
    end)
  end)
end)
