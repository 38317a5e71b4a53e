-- Supervision of programs that do what a real Envoy cannot be brought to do; a real one is in
-- spec/system.

local file = require("host.file")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local supervise = require("nightjar.agent.supervise")

describe("supervisor", function()
  local folder, settings

  before_each(function()
    folder = script.folder()
    settings = { envoy_bin = folder .. "/envoy", envoy_admin_port = 1, envoy_base_id = 7,
      envoy_log_level = "info", envoy_pid_file = folder .. "/envoy.pid", stop_timeout = 1,
      envoy_configuration_file = "b.yaml", config_dir = folder, state_dir = folder,
      environment = { PATH = os.getenv("PATH"), AWS_SECRET_ACCESS_KEY = "hush" } }
    assert(file.write(folder .. "/b.yaml", "{}"))
  end)

  after_each(function() script.discard(folder) end)

  local function program(text)
    assert(file.write(settings.envoy_bin, "#!/bin/sh\n" .. text, { mode = 493 }))
  end

  local function await(probe)
    for _ = 1, 100 do
      if probe() then return true end
      sched.sleep(0.05)
    end
  end

  it("writes the process id while the program runs", function()
    program("exec sleep 60")
    sched.run(function()
      local one = supervise.new(settings)
      assert.is_true(one:start())
      assert.equal(("%d\n"):format(one.processes:newest():pid()),
        file.read(settings.envoy_pid_file))
      assert.is_true(one:start()) -- once
      one:stop(function() return false end)
      assert.is_false(one:running())
      assert.is_nil(file.stat(settings.envoy_pid_file))
    end)
  end)

  it("gives it its place among others and no environment of ours", function()
    program('echo "$@" > ' .. folder .. "/args; env > " .. folder .. "/env; exec sleep 60")
    sched.run(function()
      local one = supervise.new(settings)
      one:start()
      assert.is_true(await(function() return file.read(folder .. "/env") ~= "" and
        file.read(folder .. "/env") end))
      one:stop(function() return false end)
    end)
    local arguments = file.read(folder .. "/args")
    assert.matches("%-%-base%-id 7 %-%-restart%-epoch 0", arguments)
    assert.matches("%-%-config%-path " .. folder:gsub("%p", "%%%0") .. "/b.yaml", arguments)
    assert.is_nil(file.read(folder .. "/env"):find("hush", 1, true))
  end)

  it("starts what dies again, later each time", function()
    program("echo >> " .. folder .. "/starts")
    sched.run(function()
      local one = supervise.new(settings)
      one:start()
      assert.is_true(await(function() return one.restarts >= 2 end))
      assert.is_true(one.backoff.deaths >= 2)
      one:stop(function() return false end)
      local starts = #file.read(folder .. "/starts")
      sched.sleep(0.1)
      assert.equal(starts, #file.read(folder .. "/starts"))
    end)
  end)

  it("tells a program that is not there, and starts it once it is", function()
    sched.run(function()
      local one = supervise.new(settings)
      local ok, err = one:start()
      assert.is_nil(ok)
      assert.matches("^envoy: .*/envoy: No such file", err)
      assert.is_nil(one:reachable())
      assert.matches("No such file", one:trouble())
      program("exec sleep 60")
      assert.is_true(await(function() return one:running() end))
      one:stop(function() return false end)
    end)
  end)

  it("tells a bootstrap that is not there", function()
    file.remove(folder .. "/b.yaml")
    program("exec sleep 60")
    sched.run(function()
      local one = supervise.new(settings)
      local ok, err = one:start()
      assert.is_nil(ok)
      assert.matches("b.yaml", err)
      one:stop(function() return false end)
    end)
  end)

  it("kills what does not end within the stop time-out", function()
    program("trap '' TERM; : > " .. folder .. "/up; while :; do sleep 0.1; done")
    sched.run(function()
      local one = supervise.new(settings)
      one:start()
      assert.is_true(await(function() return file.stat(folder .. "/up") end))
      local started = sched.now()
      one:stop(function() return false end)
      assert.is_false(one:running())
      assert.is_true(sched.now() - started < 2)
    end)
  end)

  it("kills at once when somebody insists", function()
    settings.stop_timeout = 60
    program("trap '' TERM; : > " .. folder .. "/up; while :; do sleep 0.1; done")
    sched.run(function()
      local one = supervise.new(settings)
      one:start()
      assert.is_true(await(function() return file.stat(folder .. "/up") end))
      one:stop(function() return true end)
      assert.is_false(one:running())
    end)
  end)

  it("leaves to the next agent that another process is to take this one's place", function()
    program("exec sleep 60")
    sched.run(function()
      local one, later = supervise.new(settings), supervise.new(settings)
      one:start()
      assert.is_false(one.processes:outdated())
      one.processes:outdate()
      later.processes:take_over()
      assert.is_true(later.processes:is_outdated())
      assert.is_true(later.processes:outdated())
      one:stop(function() return true end)
      assert.is_false(one.processes:is_outdated())
    end)
  end)

  it("saves with the next pass what the next agent needs, where it could not", function()
    program("exec sleep 60")
    local path = folder .. "/envoy.json"
    sched.run(function()
      local one = supervise.new(settings)
      assert(file.mkdir(path .. "/in the way"))
      one:start()
      assert.is_true(one.processes.unsaved)
      script.discard(path)
      one.processes:keep_ports {}
      assert.equal("file", file.stat(path).type)
      assert.is_false(one.processes.unsaved)
      one:stop(function() return true end)
    end)
  end)

  describe("that is to reopen its logs", function()
    local function told(one)
      one:reopen_logs()
      assert.is_true(await(function() return file.stat(folder .. "/told") end))
      assert.equal(0, one.backoff.deaths)
      file.remove(folder .. "/told")
    end

    it("is told when it listens, since before that SIGUSR1 would end it", function()
      program("sleep 0.4; trap ': > " .. folder .. "/told' USR1; while :; do sleep 0.05; done")
      sched.run(function()
        local one = supervise.new(settings)
        one:start()
        told(one)
        told(one)
        one:stop(function() return true end)
      end)
    end)

    it("is left alone where it never listens", function()
      program("exec sleep 60")
      sched.run(function()
        local one = supervise.new(settings, { live_within = 0.2 })
        one:start()
        one:reopen_logs()
        sched.sleep(0.5)
        assert.is_true(one:running())
        assert.is_nil(one.tasks.reopen_logs)
        one:stop(function() return true end)
      end)
    end)
  end)

  describe("check", function()
    local ONE = { path = "b.yaml", content = "new" }

    local function check(text)
      program(text)
      return sched.run(function() return supervise.new(settings):check(ONE) end)
    end

    it("shows the program a candidate of the same format, and leaves nothing behind", function()
      assert.is_true(check('for last; do case $last in *.yaml) cat "$last" > ' .. folder
        .. "/seen;; esac; done"))
      assert.equal("new", file.read(folder .. "/seen"))
      assert.is_nil(file.stat(folder .. "/candidate-b.yaml"))
    end)

    it("passes the program's reason on", function()
      local ok, err, code = check(
        "echo \"[x] error initializing configuration 'p': no such field\" >&2; exit 1")
      assert.is_nil(ok)
      assert.equal("b.yaml: Envoy refuses it: no such field", err)
      assert.equal("refused", code)
    end)

    it("leaves a program that cannot be started to its start", function()
      settings.envoy_bin = "/nowhere/envoy"
      assert.is_true(sched.run(function() return supervise.new(settings):check(ONE) end))
    end)
  end)

  it("starts nothing where there is no program to start", function()
    settings.envoy_bin = ""
    sched.run(function()
      local one = supervise.new(settings)
      assert.is_true(one:run { files = {} })
      assert.is_false(one:running())
      assert.is_nil(one:reachable())
      one:stop(function() return false end)
    end)
  end)
end)
