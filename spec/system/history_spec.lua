-- History, rollback and resume in reality: another shell's commands, the real agent, a real Envoy.

local file = require("host.file")
local json = require("host.json")
local program = require("host.program")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("history: " .. missing)
  return
end

describe("history", function()
  local sidecar, world, ports, templates

  -- A command as an operator gives it in another shell of the container.
  local function command(...)
    local process = world:start("command-" .. #world.running,
      { sidecar.program, ... }, { TMP_DIR = world.directory .. "/tmp", DISCOVERY = "file",
        MESH_FILE = sidecar.mesh_file })
    local status = world:ended(process, 30)
    return status, file.read(process.base .. ".out") or "", world:log(process)
  end

  local function list()
    local _, text = command("history", "--json")
    return assert(json.decode(text))
  end

  local function web(blue, green, blue_ports)
    return {
      service("web-blue", { ["/web"] = blue }, blue_ports or { ports.blue }),
      service("web-green", { ["/web"] = green }, { ports.green }),
    }
  end

  local function only()
    local seen = world:split(sidecar:url("/web"), 30)
    local name, count = next(seen)
    return count == 30 and name or seen
  end

  -- The generation in force, once nothing more is about to change.
  local function settled()
    local from = sidecar:mark()
    local at = sidecar:logged("event=unchanged", 10, from)
    return world:log(sidecar.agent):match("generation=(%x+)", at)
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green", "spare")
    world, ports = sidecar.world, sidecar.ports
    templates = sidecar:own_templates()
    sidecar:mesh(web(100, 0))
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
    sidecar:logged("event=published")
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("tells of each generation what caused it and what it changed", function()
    sidecar:publishes(function() sidecar:mesh(web(0, 100)) end)
    local name = templates .. "/cds.json.yaml.mustache"
    local text = assert(file.read(name))
    sidecar:publishes(function()
      assert(file.write(name, (text:gsub("idle_timeout: 60s", "idle_timeout: 59s"))))
    end)
    settled()
    local all = list().generations
    assert.are.equal(3, #all)
    assert.are.equal("templates", all[1].cause)
    assert.are.same({ "files cds.json" }, all[1].difference)
    assert.are.equal("mesh", all[2].cause)
    assert.are.same({ ("route public-%d /web web-blue@mesh.local 100→0 web-green@mesh.local 0→100 "
      .. "why=attribute"):format(sidecar.port) }, all[2].difference)
    assert.are.equal("first", all[3].cause)
    assert.is_true(all[1].in_force)
    local status, plain = command("history")
    assert.are.equal(0, status)
    assert.matches("^%* 0  " .. all[1].generation .. "  %d+%-%d+%-%d+T%d+:%d+:%d+Z  templates\n",
      plain)
  end)

  it("goes back to a numbered generation byte for byte, and stays there", function()
    local routes = sidecar.folder .. ("/rds/public-%d.json"):format(sidecar.port)
    local target = list().generations[3]
    assert.are.equal("green", only())
    local seen = sidecar:under_load("/web", function()
      local status, said = command("rollback", "2")
      assert.are.equal(0, status, said)
      assert.matches("pinned generation " .. target.generation, said)
      assert.matches("it is in force", said)
      assert.are.equal("blue", only())
    end)
    assert.is_true(seen.requests > 50)
    local before = file.read(routes)
    assert.matches("idle_timeout.-60s", file.read(sidecar.folder .. "/cds.json"))
    sidecar:logged("event=pinned")
    -- What the mesh says waits.
    sidecar:mesh { service("web-green", { ["/web"] = 100 }, { ports.green }) }
    settled()
    assert.are.equal(before, file.read(routes))
    assert.are.equal("blue", only())
    local state = list()
    assert.are.equal(target.generation, state.pinned.generation)
    assert.are.equal(3, #state.generations) -- it stands still
    local _, plain = command("history")
    assert.matches("PINNED since", plain)
  end)

  it("lets endpoints follow the mesh while the routes are pinned", function()
    sidecar:mesh(web(0, 100, { ports.spare }))
    world_of.eventually(function() return only() == "spare" end, 10, "the new endpoint is used")
    -- Envoy runs it before it is accepted; an agent that stops in between goes back.
    settled()
  end)

  it("holds a pin through a restart, without discovery too", function()
    assert.are.equal(0, world:stop(sidecar.agent))
    sidecar:start { ENVOY_TEMPLATE_DIR = templates, MESH_FILE = world.directory .. "/none.json" }
    sidecar:answers("/web", 200)
    sidecar:logged("event=pinned")
    assert.are.equal("spare", only())
    assert.are.equal(0, world:stop(sidecar.agent))
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
    settled()
    assert.are.equal("spare", only())
  end)

  it("holds a pin while the policies are broken, and says so once", function()
    assert.are.equal(0, world:stop(sidecar.agent))
    local policies = world.directory .. "/policies"
    assert(os.execute(("cp -R %s/policies %s"):format(program.data_directory(), policies)))
    assert(file.write(policies .. "/weights.lua", "return 1"))
    sidecar:start { ENVOY_TEMPLATE_DIR = templates, POLICY_DIR = policies }
    sidecar:answers("/web", 200)
    settled()
    local _, count = world:log(sidecar.agent):gsub("event=plan_failed", "")
    assert.are.equal(1, count)
    assert.are.equal("spare", only())
    assert.are.equal(0, world:stop(sidecar.agent))
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
  end)

  it("follows the mesh again after resume", function()
    sidecar:mesh(web(0, 100))
    sidecar:under_load("/web", function()
      local status, said = command("resume")
      assert.are.equal(0, status, said)
      assert.matches("follows the mesh again", said)
      assert.are.equal("green", only())
    end)
    settled()
    local all = list()
    -- The generation of before the rollback: it is not listed twice.
    assert.are.equal(3, #all.generations)
    assert.is_true(all.generations[1].in_force)
    assert.is_truthy(world:log(sidecar.agent):find("cause=resume", 1, true))
    assert.are.equal(json.null, all.pinned)
    assert.are.equal(0, (command("resume"))) -- nothing was pinned
  end)

  it("loses no request when what is pinned has other clusters", function()
    local services = web(0, 100)
    services[3] = service("shop-blue", { ["/shop"] = 1 }, { ports.spare })
    sidecar:publishes(function() sidecar:mesh(services) end)
    sidecar:publishes(function()
      sidecar:mesh { service("shop-blue", { ["/web"] = 1 }, { ports.spare }) }
    end)
    settled()
    assert.are.equal("spare", only())
    sidecar:under_load("/web", function()
      assert.are.equal(0, (command("rollback", "2")))
      assert.are.equal("green", only())
      settled()
      assert.are.equal(0, (command("resume")))
      assert.are.equal("spare", only())
      settled()
    end)
    assert.are.same({ "shop-blue" }, sidecar:clusters())
  end)

  it("goes back over a changed bootstrap by a hot restart", function()
    local name = templates .. "/envoy-config.yaml.mustache"
    local path, text = sidecar.folder .. "/envoy-config.yaml", assert(file.read(name))
    local before = assert(file.read(path))
    finally(function()
      assert(file.write(name, text))
      command("resume")
    end)
    sidecar:publishes(function() assert(file.write(name, text .. "\n# another\n")) end)
    assert.are_not.equal(before, file.read(path))
    local from = sidecar:mark()
    local seen = sidecar:under_load("/web", function()
      assert.are.equal(0, (command("rollback")))
    end)
    assert.are.equal(before, file.read(path))
    sidecar:logged("event=envoy_hot_restart", 1, from)
    assert.are.equal("2", sidecar:stat("server.hot_restart_epoch"))
    assert.is_true(seen.requests > 50)
  end)

  it("keeps ten generations, and nothing of older ones", function()
    for weight = 1, 11 do
      sidecar:publishes(function() sidecar:mesh(web(weight, 100)) end)
    end
    settled()
    assert.are.equal(10, #list().generations)
    local named = { ["index.json"] = true }
    local index = assert(json.decode(assert(file.read(sidecar.state .. "/history/index.json"))))
    for _, entry in ipairs(index.entries) do
      named[entry.memory] = true
      for _, one in ipairs(entry.files) do named[one.hash] = true end
    end
    for _, item in ipairs(assert(file.list(sidecar.state .. "/history"))) do
      assert.is_true(named[item.name], item.name)
    end
  end)

  it("names what cannot be meant", function()
    local status, _, said = command("rollback", "11")
    assert.are.equal(1, status)
    assert.matches("rollback: 11: expected a number from 0 to 9", said)
    status, _, said = command("rollback", "abcdef")
    assert.are.equal(1, status)
    assert.matches("expected a number or a generation of `nightjar history`", said)
  end)

  it("stays with what is in force when the pin cannot be followed", function()
    local force = settled()
    assert(file.write(sidecar.state .. "/pin.json",
      '{"format":1,"generation":"0123456789abcdef","at":1}'))
    sidecar:logged("is not in the history", 10)
    sidecar:mesh(web(100, 0))
    sidecar:logged("is not in the history", 10, sidecar:mark())
    assert.matches(force, world:log(sidecar.agent):match(".*(in_force=%x+)"))
    assert.are.equal(0, (command("resume")))
    world_of.eventually(function() return only() == "blue" end, 5, "the mesh is followed again")
  end)
end)
