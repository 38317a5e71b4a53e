-- Supervision in reality: a real Envoy is started, killed, handed over, drained and missed.

local file = require("host.file")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("supervision: " .. missing)
  return
end

local function alive(pid)
  local text = file.read(("/proc/%d/stat"):format(pid), 4096)
  return text ~= nil and text:match("^.*%) (%a)") ~= "Z"
end

describe("supervision", function()
  local sidecar, world, templates, bootstrap

  local function template(name, text)
    assert(file.write(templates .. "/" .. name, text))
  end

  local function zombies()
    local list = {}
    for pid, state in pairs(sidecar.children(sidecar.agent.pid)) do
      if state == "Z" then
        list[#list + 1] = pid
      end
    end
    return list
  end

  local function start(settings, argv)
    settings = settings or {}
    settings.ENVOY_TEMPLATE_DIR = settings.ENVOY_TEMPLATE_DIR or templates
    sidecar:start(settings, argv)
  end

  local function started(settings, argv)
    start(settings, argv)
    sidecar:answers("/web", 200)
    sidecar:passed()
  end

  local function running()
    return sidecar.agent and not world:status(sidecar.agent)
  end

  local function ensure()
    if not running() then
      started()
    end
  end

  local function halt()
    if running() then
      assert.are.equal(0, world:stop(sidecar.agent))
    end
  end

  local function dies(pid, seconds)
    world_of.eventually(function() return not alive(pid) end, seconds, pid .. " is gone")
  end

  setup(function()
    sidecar = sidecar_of.new("blue")
    world = sidecar.world
    templates = sidecar:own_templates()
    bootstrap = assert(file.read(templates .. "/envoy-config.yaml.mustache"))
    sidecar:mesh { service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }) }
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  describe("defect 16: a crash", function()
    it("is seen at once, and Envoy is back", function()
      ensure()
      local envoy, from = sidecar:envoy(), sidecar:mark()
      assert(os.execute("kill -9 " .. envoy))
      sidecar:logged("event=envoy_crashed", 2, from)
      sidecar:answers("/web", 200, 4)
      assert.are_not.equal(envoy, sidecar:envoy())
      assert.is_true(alive(sidecar:envoy()))
      assert.are.same({}, zombies())
      assert.is_nil(world:log(sidecar.agent):find("pass_failed", from, true))
    end)

    it("that repeats makes the pauses longer", function()
      ensure()
      local from = sidecar:mark()
      for deaths = 2, 3 do
        assert(os.execute("kill -9 " .. sidecar:envoy()))
        sidecar:logged(("deaths=%d"):format(deaths), 3, from)
        sidecar:answers("/web", 200, 6)
      end
    end)
  end)

  it("keeps the agent's secrets from Envoy", function()
    halt()
    started { AWS_SECRET_ACCESS_KEY = "hush-hush", AWS_ACCESS_KEY_ID = "AKIDHUSH" }
    local environment = assert(file.read(("/proc/%d/environ"):format(sidecar:envoy())))
    assert.is_nil(environment:find("hush", 1, true))
    assert.is_nil(environment:find("AKID", 1, true))
    assert.is_truthy(environment:find("PATH=", 1, true))
  end)

  it("passes USR1 on, so that Envoy reopens its logs", function()
    ensure()
    local from = sidecar:mark()
    world:signal(sidecar.agent, "USR1")
    sidecar:logged("SIGUSR1", 3, from)
    assert.are.equal(200, (world:get(sidecar:url("/web"))))
  end)

  it("does not end an Envoy that starts, alone or in a hot restart, by USR1", function()
    halt()
    start()
    sidecar:logged("event=envoy_started")
    world:signal(sidecar.agent, "USR1")
    sidecar:logged("SIGUSR1", 10)
    sidecar:answers("/web", 200)
    sidecar:passed()
    local from = sidecar:mark()
    finally(function() template("envoy-config.yaml.mustache", bootstrap) end)
    template("envoy-config.yaml.mustache", bootstrap .. "\n# to reopen logs\n")
    sidecar:logged("event=envoy_started", 5, from)
    world:signal(sidecar.agent, "USR1")
    sidecar:logged("event=published", 10, from)
    world_of.eventually(function()
      local _, count = world:log(sidecar.agent):sub(from):gsub("SIGUSR1", "")
      return count >= 2
    end, 5, "both Envoys reopen their logs")
    assert.equal("1", sidecar:stat("server.hot_restart_epoch"))
    assert.is_nil(world:log(sidecar.agent):find("envoy_crashed", 1, true))
    assert.is_nil(world:log(sidecar.agent):find("envoy_handover_failed", 1, true))
    halt()
  end)

  it("makes a pass on HUP, without waiting for its time", function()
    halt()
    finally(halt)
    started { REFRESH_TIME = 600 }
    local from = sidecar:mark()
    world:signal(sidecar.agent, "HUP")
    sidecar:logged("event=unchanged", 3, from)
  end)

  it("refuses to work beside another agent", function()
    ensure()
    local other = world:start("other", { sidecar.program, "once" }, {
      TMP_DIR = world.directory .. "/tmp", MESH_FILE = sidecar.mesh_file, DISCOVERY = "file" })
    assert.are.equal(1, world:ended(other, 5))
    assert.matches("nightjar runs with it already", world:log(other))
  end)

  describe("defect 16: a changed bootstrap", function()
    it("reaches Envoy by a hot restart, with no failed request", function()
      ensure()
      local old, from = sidecar:envoy(), sidecar:mark()
      finally(function() template("envoy-config.yaml.mustache", bootstrap) end)
      local load = world:load(sidecar:url("/web"), 10, 300)
      template("envoy-config.yaml.mustache", bootstrap .. "\n# another\n")
      sidecar:logged("event=envoy_hot_restart", 5, from)
      sidecar:logged("event=published", 15, from)
      local seen = world:finish_load(load)
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      assert.are_not.equal(old, sidecar:envoy())
      assert.are.equal("1", sidecar:stat("server.hot_restart_epoch"))
    end)

    it("that the new process fails with leaves the old one alone", function()
      halt()
      started()
      sidecar:logged("event=unchanged")
      local old, from = sidecar:envoy(), sidecar:mark()
      local before = assert(file.read(sidecar.folder .. "/envoy-config.yaml"))
      finally(function() template("envoy-config.yaml.mustache", bootstrap) end)
      -- Valid, but no process can listen there; TEST-NET-1 (RFC 5737) is nobody's address.
      local load = world:load(sidecar:url("/web"), 10, 300)
      template("envoy-config.yaml.mustache",
        (bootstrap:gsub("address: 127.0.0.1", "address: 192.0.2.1")))
      -- The hot restart of the spec before this one must be over first.
      sidecar:logged("event=envoy_handover_failed", 25, from)
      sidecar:logged("event=restored", 10, from)
      template("envoy-config.yaml.mustache", bootstrap)
      local seen = world:finish_load(load)
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      assert.are.equal(old, sidecar:envoy())
      assert.is_true(alive(old))
      assert.are.equal(before, file.read(sidecar.folder .. "/envoy-config.yaml"))
      -- It has given its admin interface away, but reads on.
      sidecar:publishes(function()
        sidecar:mesh { service("web-blue", { ["/web"] = 1, ["/more"] = 1 },
          { sidecar.ports.blue }) }
      end)
      sidecar:answers("/more", 200, 3)
      assert.are.equal(old, sidecar:envoy())
      template("envoy-config.yaml.mustache", bootstrap .. "\n# yet another\n")
      sidecar:logged("event=envoy_cold_restart", 5, from)
      sidecar:logged("changed=envoy-config.yaml", 15, from)
      assert.are.equal(200, (world:get(sidecar:url("/web"))))
      halt()
    end)
  end)

  describe("the end", function()
    for _, name in ipairs { "TERM", "INT", "QUIT" } do
      it("comes after a drain on " .. name, function()
        halt()
        -- So that health checks fail for three seconds before the end: time enough to look.
        started { STOP_TIMEOUT = 8 }
        local envoy, from = sidecar:envoy(), sidecar:mark()
        world:signal(sidecar.agent, name)
        sidecar:logged("event=draining", 2, from)
        sidecar:answers("/ping", 503, 3)
        assert.are.equal(0, world:ended(sidecar.agent, 8))
        assert.is_false(alive(envoy))
        assert.is_nil(file.stat(world.directory .. "/envoy.pid"))
      end)
    end

    it("comes at once on a second TERM, whatever Envoy does", function()
      started { STOP_TIMEOUT = 60 }
      local envoy, from = sidecar:envoy(), sidecar:mark()
      os.execute("kill -STOP " .. envoy) -- hangs
      world:signal(sidecar.agent, "TERM")
      sidecar:logged("event=draining", 2, from)
      world:signal(sidecar.agent, "TERM")
      assert.are.equal(0, world:ended(sidecar.agent, 2))
      assert.is_false(alive(envoy))
    end)

    it("comes in the midst of a hot restart, after a drain of what serves", function()
      halt()
      started { STOP_TIMEOUT = 6 }
      sidecar:logged("event=unchanged")
      local from = sidecar:mark()
      finally(function() template("envoy-config.yaml.mustache", bootstrap) end)
      template("envoy-config.yaml.mustache", bootstrap .. "\n# at the end\n")
      sidecar:logged("event=envoy_hot_restart", 25, from)
      local before = os.time()
      world:signal(sidecar.agent, "TERM")
      assert.are.equal(0, world:ended(sidecar.agent, 9))
      assert.is_true(os.time() - before <= 8)
      assert.is_nil(world:log(sidecar.agent):find("envoy_killed", from, true))
      assert.is_nil(file.stat(world.directory .. "/envoy.pid"))
    end)

    it("lets a request end that takes its time, and fails health checks first", function()
      started { STOP_TIMEOUT = 8 }
      local slow = world:start("slow", { "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
        sidecar:url("/web/slow") })
      os.execute("sleep 0.5")
      local from = sidecar:mark()
      world:signal(sidecar.agent, "TERM")
      sidecar:logged("event=draining", 2, from)
      sidecar:answers("/ping", 503, 2)
      assert.are.equal(200, (world:get(sidecar:url("/web")))) -- who comes is still served
      assert.are.equal(0, world:ended(slow, 6))
      assert.are.equal("200", file.read(slow.base .. ".out"))
      assert.are.equal(0, world:ended(sidecar.agent, 8))
    end)

    it("comes when the stop file appears, and one from before is removed", function()
      assert(file.write(world.directory .. "/stop.txt", ""))
      started()
      assert.is_nil(file.stat(world.directory .. "/stop.txt"))
      assert(file.write(world.directory .. "/stop.txt", ""))
      assert.are.equal(0, world:ended(sidecar.agent, 6))
      assert.is_nil(file.stat(world.directory .. "/stop.txt"))
    end)

    it("comes before Envoy was ever started, too", function()
      start { MESH_FILE = world.directory .. "/none.yaml", TMP_DIR = world.directory .. "/none" }
      sidecar:logged("pass_failed")
      assert.are.equal(0, world:stop(sidecar.agent, 2))
    end)

  end)

  describe("USR2", function()
    -- What a process hands on besides its memory: descriptors, blocked and ignored signals. Pipes,
    -- sockets and pidfds come and go with each pass.
    local function shape(pid)
      local status = assert(file.read(("/proc/%d/status"):format(pid)))
      local fds = {}
      local pipe = assert(io.popen(("ls -l /proc/%d/fd | sed -n 's/.* -> //p' | sort"):format(pid)))
      for line in pipe:lines() do
        if not line:find("^pipe:") and not line:find("^socket:") and not line:find("pidfd") then
          fds[#fds + 1] = line
        end
      end
      pipe:close()
      return { blocked = status:match("SigBlk:%s*(%x+)"), ignored = status:match("SigIgn:%s*(%x+)"),
        fds = fds }
    end

    it("restarts the agent in place, and costs no request", function()
      halt()
      started { REFRESH_TIME = 1 }
      local envoy, pid, before = sidecar:envoy(), sidecar.agent.pid, nil
      local load = world:load(sidecar:url("/web"), 10, 300)
      for i = 1, 3 do
        local from = sidecar:mark()
        sidecar:logged("event=unchanged", 5, from)
        before = before or shape(pid)
        world:signal(sidecar.agent, "USR2")
        sidecar:logged("event=restarting", 5, from)
        sidecar:logged("event=envoy_taken_over", 5, from)
        sidecar:logged("event=unchanged", 5, from)
        assert.is_true(running(), "restart " .. i)
        assert.equal(envoy, sidecar:envoy())
        assert.is_truthy(sidecar.children(pid)[envoy]) -- it is the agent's child still
      end
      sidecar:logged("event=unchanged", 5, sidecar:mark())
      assert.same(before, shape(pid))
      local seen = world:finish_load(load)
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      assert.are.equal(0, seen.closed)
      -- Envoy is still the agent's child: how it ends is known.
      local from = sidecar:mark()
      assert(os.execute("kill -SEGV " .. envoy))
      sidecar:logged("signal=SEGV", 3, from)
      sidecar:answers("/web", 200, 5)
      assert.are.same({}, zombies())
    end)

    it("in the midst of a hot restart waits for its end", function()
      ensure()
      local from = sidecar:mark()
      finally(function() template("envoy-config.yaml.mustache", bootstrap) end)
      local load = world:load(sidecar:url("/web"), 10, 300)
      template("envoy-config.yaml.mustache", bootstrap .. "\n# before a restart\n")
      sidecar:logged("event=envoy_hot_restart", 5, from)
      world:signal(sidecar.agent, "USR2")
      sidecar:logged("event=envoy_taken_over", 10, from)
      assert.are.equal("1", sidecar:stat("server.hot_restart_epoch"))
      from = sidecar:mark()
      template("envoy-config.yaml.mustache", bootstrap)
      sidecar:logged("event=published", 30, from)
      local seen = world:finish_load(load)
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      halt()
    end)
  end)

  describe("an agent that was killed", function()
    it("costs no request: the next one takes Envoy over", function()
      ensure()
      sidecar:logged("event=unchanged")
      local envoy = sidecar:envoy()
      local load = world:load(sidecar:url("/web"), 10, 300)
      for _ = 1, 3 do
        world:signal(sidecar.agent, "KILL")
        world:ended(sidecar.agent, 3)
        assert.is_true(alive(envoy))
        started()
        sidecar:logged("event=envoy_taken_over")
        sidecar:logged("event=unchanged")
        assert.equal(envoy, sidecar:envoy())
        assert.is_nil(world:log(sidecar.agent):find("envoy_started", 1, true))
      end
      sidecar:publishes(function()
        sidecar:mesh { service("web-blue", { ["/web"] = 1, ["/next"] = 1 },
          { sidecar.ports.blue }) }
      end)
      assert.are.equal(200, (world:get(sidecar:url("/next"))))
      local seen = world:finish_load(load)
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      assert.are.equal(0, seen.closed)
      assert.is_true(seen.requests > 100)
    end)

    it("has left an Envoy that is watched: its death is seen, and another started", function()
      ensure()
      local envoy, from = sidecar:envoy(), sidecar:mark()
      assert(os.execute("kill -9 " .. envoy))
      sidecar:logged("event=envoy_died", 3, from)
      sidecar:answers("/web", 200, 5)
      assert.are_not.equal(envoy, sidecar:envoy())
    end)

    it("has left an Envoy that is handed over when the bootstrap is another", function()
      ensure()
      local envoy = sidecar:envoy()
      local load = world:load(sidecar:url("/web"), 10, 300)
      finally(function() template("envoy-config.yaml.mustache", bootstrap) end)
      world:signal(sidecar.agent, "KILL")
      world:ended(sidecar.agent, 3)
      template("envoy-config.yaml.mustache", bootstrap .. "\n# of the next agent\n")
      started()
      sidecar:logged("event=envoy_hot_restart", 10)
      sidecar:logged("event=published", 15)
      assert.are.equal("1", sidecar:stat("server.hot_restart_epoch"))
      assert.are_not.equal(envoy, sidecar:envoy())
      -- Killed once more, while two Envoys run.
      world:signal(sidecar.agent, "KILL")
      world:ended(sidecar.agent, 3)
      started()
      sidecar:logged("event=envoy_taken_over")
      dies(envoy, 20)
      local seen = world:finish_load(load)
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      halt() -- or the bootstrap that comes back would have it hand over in the midst of the next
    end)

    it("has left an Envoy that keeps its base id, until one starts alone", function()
      ensure()
      local envoy, other = sidecar:envoy(), world:ports(1)
      local function base_id()
        local words = assert(file.read(("/proc/%d/cmdline"):format(sidecar:envoy()), 65536))
        return tonumber(words:match("%-%-base%-id\0(%d+)\0"))
      end
      world:signal(sidecar.agent, "KILL")
      world:ended(sidecar.agent, 3)
      started { ENVOY_BASE_ID = other }
      sidecar:logged("event=envoy_base_id")
      assert.are.equal(envoy, sidecar:envoy())
      assert.are.equal(sidecar.admin_port, base_id())
      local from = sidecar:mark()
      assert(os.execute("kill -9 " .. envoy))
      sidecar:logged("event=envoy_started", 5, from)
      sidecar:answers("/web", 200, 5)
      assert.are.equal(other, base_id())
      halt()
      started()
    end)

    it("has left an Envoy that a stop ends as its own", function()
      ensure()
      local envoy, from = sidecar:envoy(), sidecar:mark()
      world:signal(sidecar.agent, "TERM")
      sidecar:logged("event=draining", 2, from)
      assert.are.equal(0, world:ended(sidecar.agent, 5))
      assert.is_false(alive(envoy))
      assert.is_nil(file.stat(sidecar.state .. "/envoy.json"))
    end)

    it("has left an Envoy that hangs: a second TERM ends both", function()
      halt()
      started()
      local envoy = sidecar:envoy()
      world:signal(sidecar.agent, "KILL")
      world:ended(sidecar.agent, 3)
      assert(os.execute("kill -STOP " .. envoy))
      start { STOP_TIMEOUT = 60 }
      sidecar:logged("event=envoy_taken_over")
      world:signal(sidecar.agent, "TERM")
      sidecar:logged("event=draining")
      world:signal(sidecar.agent, "TERM")
      assert.are.equal(0, world:ended(sidecar.agent, 20))
      assert.is_false(alive(envoy))
    end)

    it("has left an Envoy that is asked to end where it cannot be taken over", function()
      if not script.can_trace() then return pending(script.NO_TRACE) end
      started()
      local envoy = sidecar:envoy()
      world:signal(sidecar.agent, "KILL")
      world:ended(sidecar.agent, 3)
      -- A kernel without pidfds; -D makes strace the child. The leak check of a sanitized build
      -- stops at the sight of a tracer.
      local sanitizer = (os.getenv("ASAN_OPTIONS") or "") .. ":detect_leaks=0"
      started({ ASAN_OPTIONS = sanitizer }, { "strace", "-D", "-qq", "-o", "/dev/null", "-e",
        "trace=pidfd_open", "-e", "inject=pidfd_open:error=ENOSYS", sidecar.program, "run" })
      sidecar:logged("event=envoy_not_taken_over")
      sidecar:logged("event=envoy_started", 10)
      dies(envoy, 5)
      sidecar:answers("/web", 200)
      assert.are_not.equal(envoy, sidecar:envoy())
      halt()
    end)

    it("and whose Envoy ended as well is followed by a new start", function()
      started()
      local envoy = sidecar:envoy()
      world:signal(sidecar.agent, "KILL")
      assert(os.execute("kill -9 " .. envoy))
      world:ended(sidecar.agent, 3)
      dies(envoy, 3)
      started()
      sidecar:logged("event=envoy_started")
      assert.is_nil(world:log(sidecar.agent):find("envoy_taken_over", 1, true))
      halt()
    end)
  end)

  it("leaves with status 1 when a generation fails, Envoy supervised until then", function()
    started { EXIT_ON_GENERATION_FAILURE = 1, FAILURE_SLEEP = 3 }
    local clusters = assert(file.read(templates .. "/cds.json.yaml.mustache"))
    finally(function() template("cds.json.yaml.mustache", clusters) end)
    template("cds.json.yaml.mustache", "{{#clusters}}")
    sidecar:logged("event=leaving")
    local from = sidecar:mark()
    assert(os.execute("kill -9 " .. sidecar:envoy()))
    sidecar:answers("/web", 200, 3)
    assert.are.equal(1, world:ended(sidecar.agent, 8))
    assert.is_truthy(world:log(sidecar.agent):find('reason="a generation failed"', from, true))
  end)

  it("names an Envoy that cannot be started, and goes on trying", function()
    start { ENVOY_BIN = "/nowhere/envoy" }
    sidecar:logged("event=envoy_missing")
    assert.matches("/nowhere/envoy: No such file", world:log(sidecar.agent))
    sidecar:logged("event=envoy_restart")
    assert.are.equal(0, world:stop(sidecar.agent, 3))
  end)

  it("does not start Envoy with a first bootstrap that it refuses", function()
    finally(function() template("envoy-config.yaml.mustache", bootstrap) end)
    template("envoy-config.yaml.mustache", bootstrap .. "\nno_such_field: 1\n")
    start { TMP_DIR = world.directory .. "/first" }
    sidecar:logged("Envoy refuses it")
    assert.is_nil(world:log(sidecar.agent):find("envoy_started", 1, true))
    template("envoy-config.yaml.mustache", bootstrap)
    sidecar:answers("/web", 200)
    assert.are.equal(0, world:stop(sidecar.agent))
  end)

  describe("defect 16: as process 1 of a namespace of its own", function()
    local ORPHANS = 50
    -- The shell that becomes the agent leaves children behind, which end at once and while it
    -- runs; none of them is the agent's own.
    local SCRIPT = ('i=0; while [ $i -lt %d ]; do sleep $((i %% 3)) & i=$((i+1)); done; '
      .. 'exec "$0" run'):format(ORPHANS)

    local function inner()
      return next(sidecar.children(sidecar.agent.pid))
    end

    local function envoy_of(first)
      for pid in pairs(sidecar.children(first)) do
        if (file.read(("/proc/%d/comm"):format(pid)) or "") == "envoy\n" then return pid end
      end
    end

    local function as_first(settings)
      if not os.execute("unshare --pid --fork --mount-proc true 2>/dev/null") then
        return pending("unshare may not make a process namespace here")
      end
      halt()
      started(settings, { "unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c",
        SCRIPT, sidecar.program })
      return true
    end

    it("reaps 50 orphans, leaves no zombie, and stops on TERM within the time", function()
      if not as_first { STOP_TIMEOUT = 4 } then return end
      local first = inner()
      assert.equal("nightjar", (file.read(("/proc/%d/comm"):format(first)):match("%S+")))
      -- More of them, whose parents end while the agent runs.
      assert(os.execute(("nsenter --target %d --pid --mount sh -c 'for i in $(seq %d); do "
        .. "(sleep 0.2 & sleep 0.1 &); done'"):format(first, ORPHANS)))
      world_of.eventually(function()
        local count, zombie = 0, false
        for _, state in pairs(sidecar.children(first)) do
          count, zombie = count + 1, zombie or state == "Z"
        end
        return count == 1 and not zombie -- Envoy
      end, 10, "the orphans are reaped")
      local before = os.time()
      assert(os.execute("kill -TERM " .. first))
      assert.are.equal(0, world:ended(sidecar.agent, 8))
      assert.is_true(os.time() - before <= 6)
      assert.is_nil(file.stat("/proc/" .. first))
    end)

    it("takes Envoy along when it is killed", function()
      if not as_first() then return end
      local first = inner()
      local envoy = envoy_of(first)
      assert.is_true(alive(envoy))
      assert(os.execute("kill -KILL " .. first))
      dies(envoy, 5)
      world:ended(sidecar.agent, 5)
    end)

    it("restarts itself in place, and goes on reaping", function()
      if not as_first() then return end
      local first, from = inner(), sidecar:mark()
      local envoy = envoy_of(first)
      assert(os.execute("kill -USR2 " .. first))
      sidecar:logged("event=envoy_taken_over", 10, from)
      assert(os.execute(("nsenter --target %d --pid --mount sh -c '(sleep 0.1 &)'"):format(first)))
      world_of.eventually(function()
        local list = sidecar.children(first)
        return list[envoy] and not next(list, next(list))
      end, 10, "Envoy alone is left")
      assert(os.execute("kill -TERM " .. first))
      assert.are.equal(0, world:ended(sidecar.agent, 6))
    end)
  end)

  describe("without an Envoy of its own (shared volume)", function()
    it("publishes, and asks an Envoy that somebody started", function()
      local folder = world.directory .. "/shared/active-envoy-config"
      start { ENVOY_BIN = "", TMP_DIR = world.directory .. "/shared" }
      sidecar:logged("event=published")
      local envoy = world:start("envoy", { "envoy", "--config-path",
        folder .. "/envoy-config.yaml", "--use-dynamic-base-id", "--log-level", "warning" })
      sidecar:answers("/web", 200)
      local cds = assert(file.read(folder .. "/cds.json"))
      sidecar:publishes(function()
        sidecar:mesh { service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }),
          service("shop-blue", { ["/shop"] = 1 }, { sidecar.ports.blue }) }
      end)
      -- Published means that Envoy runs it: no waiting here.
      assert.are.equal(200, (world:get(sidecar:url("/shop"))))
      assert.are_not.equal(cds, file.read(folder .. "/cds.json"))
      world:stop(envoy)
      -- Nobody answers now: the steps settle, and it is published all the same.
      sidecar:publishes(function()
        sidecar:mesh { service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }) }
      end)
      assert.are.equal(0, world:stop(sidecar.agent, 3))
    end)
  end)
end)
