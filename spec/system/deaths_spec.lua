-- Envoys that die, hang, or cannot be restarted hot: each is told apart, in a real Envoy's life.

local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("deaths: " .. missing)
  return
end

-- A program that stands in for Envoy, which it becomes as long as `file` is not there.
local STAND_IN = [[#!/bin/sh
[ -e "$0.%s" ] && %s
exec envoy "$@"
]]

describe("an Envoy", function()
  local sidecar, world, templates, bootstrap

  before_each(function()
    sidecar = sidecar_of.new("blue")
    world = sidecar.world
    templates = sidecar:own_templates()
    bootstrap = assert(file.read(templates .. "/envoy-config.yaml.mustache"))
    sidecar:mesh { service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }) }
  end)

  after_each(function()
    assert.are.same({}, world:close())
  end)

  local function start(settings, argv)
    settings = settings or {}
    settings.ENVOY_TEMPLATE_DIR = templates
    sidecar:start(settings, argv)
  end

  local function started(settings, argv)
    start(settings, argv)
    sidecar:answers("/web", 200)
    sidecar:logged("event=published")
  end

  local function template(text)
    assert(file.write(templates .. "/envoy-config.yaml.mustache", text))
  end

  local function stand_in(name, does)
    local path = world.directory .. "/stand-in"
    assert(file.write(path, STAND_IN:format(name, does), { mode = 493 }))
    return path
  end

  local function never_logged(text)
    assert.is_nil(world:log(sidecar.agent):find(text, 1, true))
  end

  local function kill(signal)
    assert(os.execute(("kill -%s %d"):format(signal, sidecar:envoy())))
  end

  -- Another program has the port.
  local function hold(port)
    local holder = world:start("holder", { "python3", "-c", [[
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print("up", flush=True)
time.sleep(60)]], port })
    world_of.eventually(function() return (file.read(holder.base .. ".out") or "") ~= "" end, 5,
      "the port is held")
    return holder
  end

  describe("that does not start", function()
    it("because it is missing is told so, and started once it is there", function()
      local path = world.directory .. "/late-envoy"
      start { ENVOY_BIN = path }
      sidecar:logged("event=envoy_missing")
      sidecar:logged("ENVOY_BIN")
      assert(os.execute(("ln -s $(command -v envoy) %s"):format(path)))
      sidecar:answers("/web", 200, 20)
      never_logged("envoy_crash")
    end)

    it("because it may not be executed is told so", function()
      local path = world.directory .. "/plain"
      assert(file.write(path, "no program", { mode = 420 }))
      start { ENVOY_BIN = path }
      sidecar:logged("event=envoy_not_executable")
      never_logged("envoy_crash")
    end)

    it("because it refuses its bootstrap is told so, with its reason", function()
      started()
      world:signal(sidecar.agent, "TERM")
      world:ended(sidecar.agent, 10)
      -- Nobody may edit this file, but somebody did.
      local path = sidecar.folder .. "/envoy-config.yaml"
      assert(file.write(path, assert(file.read(path)) .. "\nno_such_field: 1\n"))
      os.remove(sidecar.mesh_file)
      start()
      sidecar:logged("event=envoy_refused")
      sidecar:logged("no_such_field")
      never_logged("envoy_crash")
    end)

    it("because the host has no inotify instances left is told so, with what to raise", function()
      local limited = 'echo 1 > /proc/sys/user/max_inotify_instances && exec "$0" "$@"'
      local wrap = { "unshare", "--user", "--map-root-user", "sh", "-c", limited }
      if not os.execute("unshare --user --map-root-user sh -c '"
        .. limited:gsub('%$0', "true") .. "' 2>/dev/null") then
        return pending("unshare may not make a user namespace here")
      end
      wrap[#wrap + 1] = sidecar_of.program
      wrap[#wrap + 1] = "run"
      start({}, wrap)
      sidecar:logged("event=envoy_inotify_exhausted", 10)
      assert.matches('event=envoy_inotify_exhausted [^\n]*sysctl %-w [%w_.]+=%d+',
        world:log(sidecar.agent))
      never_logged("envoy_crash")
    end)

    it("because its port is taken is told so, and is no crash", function()
      started()
      world:signal(sidecar.agent, "TERM")
      world:ended(sidecar.agent, 10)
      local holder = hold(sidecar.admin_port)
      start()
      sidecar:logged("event=envoy_start_failed")
      never_logged("envoy_crash")
      world:stop(holder)
      sidecar:answers("/web", 200, 20)
    end)
  end)

  describe("that dies", function()
    it("once is a crash; again and again a crash loop, with count and last cause", function()
      started { ENVOY_BIN = stand_in("dead", "kill -SEGV $$") }
      assert(file.write(world.directory .. "/stand-in.dead", ""))
      kill("ABRT")
      sidecar:logged("event=envoy_crashed", 3)
      sidecar:logged("event=envoy_crash_loop", 15)
      assert.matches('event=envoy_crash_loop count=3 [^\n]*last="signal SEGV"',
        world:log(sidecar.agent))
      os.remove(world.directory .. "/stand-in.dead")
      sidecar:answers("/web", 200, 20)
    end)
  end)

  describe("that hangs", function()
    it("is killed when neither admin nor listeners answer, and another is started", function()
      started()
      local envoy = sidecar:envoy()
      kill("STOP")
      sidecar:logged("event=envoy_silent", 10)
      sidecar:logged("event=envoy_hangs", 25)
      sidecar:answers("/web", 200, 10)
      assert.are_not.equal(envoy, sidecar:envoy())
      never_logged("envoy_crash")
    end)

    it("only for a while is left alone, and each time is told", function()
      started()
      local envoy = sidecar:envoy()
      for _ = 1, 2 do
        local from = sidecar:mark()
        kill("STOP")
        sidecar:logged("event=envoy_silent", 10, from)
        kill("CONT")
        sidecar:logged("event=envoy_answers", 10, from)
        sidecar:logged("event=unchanged", 10, sidecar:mark())
      end
      assert.equal(envoy, sidecar:envoy())
      never_logged("envoy_hangs")
      assert.are.equal(200, (world:get(sidecar:url("/web"))))
    end)

    it("does not hold up passes, nor an end within STOP_TIMEOUT", function()
      started { STOP_TIMEOUT = 6 }
      local from = sidecar:mark()
      local envoy = sidecar:envoy()
      kill("STOP")
      sidecar:logged("event=envoy_silent", 10, from)
      from = sidecar:mark()
      sidecar:logged("event=unchanged", 5, from)
      local before = os.time()
      world:signal(sidecar.agent, "TERM")
      assert.are.equal(0, world:ended(sidecar.agent, 9))
      assert.is_true(os.time() - before <= 8)
      assert.is_nil(file.stat("/proc/" .. envoy))
    end)
  end)

  describe("that cannot be restarted hot", function()
    -- A mount namespace of its own, in which /dev/shm cannot be written.
    local function without_shared_memory(settings)
      if not os.execute("unshare --mount true 2>/dev/null") then
        return pending("unshare may not make a mount namespace here")
      end
      started(settings, { "unshare", "--mount", "sh", "-c",
        'mount -t tmpfs -o ro none /dev/shm && exec "$0" run', sidecar_of.program })
      return true
    end

    it("runs all the same, and is drained and restarted when the bootstrap changes", function()
      if not without_shared_memory { STOP_TIMEOUT = 5 } then return end
      sidecar:logged("hot_restart=false")
      local envoy, from = sidecar:envoy(), sidecar:mark()
      -- A request that takes its time ends well.
      local slow = world:start("slow", { "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
        sidecar:url("/web/slow") })
      os.execute("sleep 0.5")
      template(bootstrap .. "\n# another\n")
      sidecar:logged("event=envoy_cold_restart", 5, from)
      assert.matches('event=envoy_cold_restart reason="[^\n]*/dev/shm[^\n]*Read%-only',
        world:log(sidecar.agent))
      assert.equal(0, world:ended(slow, 10))
      assert.equal("200", file.read(slow.base .. ".out"))
      sidecar:logged("event=published", 20, from)
      sidecar:answers("/web", 200, 5)
      assert.are_not.equal(envoy, sidecar:envoy())
      never_logged("envoy_crash")
      never_logged("envoy_handover_failed")
      assert.are.equal(0, world:stop(sidecar.agent))
    end)

    it("and does not start from a new bootstrap starts from the one before, at once", function()
      if not without_shared_memory() then return end
      local port = world:ports(1)
      hold(port)
      local path = sidecar.folder .. "/envoy-config.yaml"
      local before, from = assert(file.read(path)), sidecar:mark()
      template((bootstrap:gsub("port_value: {{admin_port}}", "port_value: " .. port)))
      sidecar:logged("event=envoy_cold_restart", 5, from)
      sidecar:logged("event=refused", 20, from)
      sidecar:logged("event=restored", 5, from)
      sidecar:answers("/web", 200, 5)
      sidecar:logged("it is not tried again", 5, from)
      assert.equal(before, file.read(path))
      local said = world:log(sidecar.agent):sub(from)
      local _, starts = said:gsub("event=envoy_started", "")
      assert.equal(2, starts) -- from the new one, and from the one before
    end)

    it("is taken over by the next agent as well", function()
      if not without_shared_memory() then return end
      local envoy = sidecar:envoy()
      world:signal(sidecar.agent, "KILL")
      world:ended(sidecar.agent, 5)
      start()
      sidecar:logged("event=envoy_taken_over")
      local from = sidecar:mark()
      template(bootstrap .. "\n# another\n")
      sidecar:logged("event=envoy_cold_restart", 5, from)
      sidecar:logged("event=published", 20, from)
      assert.are_not.equal(envoy, sidecar:envoy())
    end)
  end)
end)
