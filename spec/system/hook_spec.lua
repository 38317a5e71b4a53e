-- Hooks in reality: the real agent, a real Envoy that refuses, real programs.

local cli = require("spec.support.cli")
local file = require("host.file")
local json = require("host.json")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("hooks: " .. missing)
  return
end

describe("the agent's hook", function()
  local sidecar, world

  before_each(function()
    sidecar = sidecar_of.of_one()
    world = sidecar.world
  end)

  after_each(function() assert.are.same({}, world:close()) end)

  local function program(text)
    local path = world.directory .. "/hook"
    assert(file.write(path, "#!/bin/sh\ncd '" .. world.directory .. "' || exit\n" .. text .. "\n",
      { mode = 493 }))
    return path
  end

  local function told()
    local list = {}
    for line in (file.read(world.directory .. "/told") or ""):gmatch("[^\n]+") do
      list[#list + 1] = assert(json.decode(line))
    end
    return list
  end

  local function eventually_told(count)
    return sidecar.eventually(function()
      local all = told()
      return #all >= count and all
    end, 15, count .. " events are told")
  end

  it("is told of what comes into force, is refused, gets stale and is fresh again", function()
    local templates = sidecar:own_templates()
    sidecar:start { HOOK = program("cat >>told"), ENVOY_TEMPLATE_DIR = templates }
    eventually_told(1)
    sidecar:answers("/web", 200)
    local name = templates .. "/cds.json.yaml.mustache"
    local text = assert(file.read(name))
    assert(file.write(name, (text:gsub("idle_timeout: 60s", "idle_timeout: -5s"))))
    local refused = eventually_told(2)[2]
    assert.equal("refused", refused.event)
    assert.equal(told()[1].generation, refused.in_force)
    assert.same("cds.json", refused.files[1])
    assert.is_truthy(refused.reason:find("positive duration", 1, true), refused.reason)
    assert(file.write(name, text))
    sidecar:mesh { sidecar.service("web-blue", { ["/web"] = 7 }, { sidecar.ports.blue }) }
    local third = eventually_told(3)[3]
    assert.equal("accepted", third.event)
    assert.equal(("route public-%d /web web-blue@mesh.local 1→7 why=attribute"):format(
      sidecar.port), third.difference[1])
    local mesh = assert(file.read(sidecar.mesh_file))
    os.remove(sidecar.mesh_file)
    local stale = eventually_told(4)[4]
    assert.equal("stale", stale.event)
    assert.equal(third.generation, stale.generation)
    assert(file.write(sidecar.mesh_file, mesh))
    assert.equal("fresh", eventually_told(5)[5].event)
    assert.is_nil(world:log(sidecar.agent):find("hook_", 1, true))
  end)

  it("holds up no pass when it hangs, and is one warning", function()
    sidecar:start { ENVOY_BIN = "", HOOK = program("echo $$ >>pids; sleep 60"), HOOK_TIMEOUT = 60,
      REFRESH_TIME = 0.2, LOG_LEVEL = "debug" }
    sidecar.eventually(function()
      local _, passes = world:log(sidecar.agent):gsub("event=unchanged", "")
      return passes >= 10
    end, 10, "ten passes beside a hook that hangs")
    assert.equal(1, select(2, file.read(world.directory .. "/pids"):gsub("%d+", "")))
    -- The end of the agent is the end of the hook.
    assert.equal(0, world:stop(sidecar.agent, 5))
    local pid = file.read(world.directory .. "/pids"):match("%d+")
    local state = (file.read(("/proc/%s/stat"):format(pid)) or ""):match("%) (%a)")
    assert.is_true(state == nil or state == "Z")
    assert.is_truthy(world:log(sidecar.agent):find("event=hook_given_up", 1, true))
  end)

  it("that fails at each event is one line, and one when it is over", function()
    sidecar:start { ENVOY_BIN = "", LOG_LEVEL = "info", REFRESH_TIME = 0.2,
      HOOK = program("[ -e fine ] && exec cat >>told; cat >/dev/null; echo x >>tries; exit 1") }
    sidecar:logged("event=published")
    for weight = 2, 4 do
      sidecar:publishes(function()
        sidecar:mesh { sidecar.service("web-blue", { ["/web"] = weight }, { sidecar.ports.blue }) }
      end)
    end
    sidecar.eventually(function()
      return #(file.read(world.directory .. "/tries") or "") >= 8
    end, 5, "four tries")
    local _, count = world:log(sidecar.agent):gsub("event=hook_failed", "")
    assert.equal(1, count)
    assert(file.write(world.directory .. "/fine", ""))
    sidecar:mesh { sidecar.service("web-blue", { ["/web"] = 9 }, { sidecar.ports.blue }) }
    eventually_told(1)
    sidecar:logged("event=over", 5)
    assert.matches("event=over [^\n]*repeated=3 [^\n]*what=hook_failed", world:log(sidecar.agent))
  end)

  it("goes on after a restart in place, and leaves no zombie there", function()
    sidecar:start { ENVOY_BIN = "", HOOK = program("cat >>told; sleep 30"), HOOK_TIMEOUT = 60 }
    eventually_told(1)
    local from = sidecar:mark()
    world:signal(sidecar.agent, "USR2")
    sidecar:logged("event=started", 15, from)
    for _, state in pairs(sidecar.children(sidecar.agent.pid)) do
      assert.not_equal("Z", state)
    end
    sidecar:publishes(function()
      sidecar:mesh { sidecar.service("web-blue", { ["/web"] = 9 }, { sidecar.ports.blue }) }
    end)
    eventually_told(2)
  end)

  it("that does not exist ends the agent before it starts", function()
    local got = cli.run { "run", environment = { TMP_DIR = world.directory .. "/tmp",
      MESH_FILE = sidecar.mesh_file, DISCOVERY = "file", HOOK = world.directory .. "/none" } }
    assert.equal(2, got.status)
    assert.matches("^nightjar: run: HOOK %(environment%): .*/none", got.stderr)
    assert.is_nil(file.stat(world.directory .. "/tmp/nightjar-state"))
  end)
end)
