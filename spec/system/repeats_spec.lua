-- What an agent logs while the same goes wrong again and again: one line, and one when it is over.

local file = require("host.file")
local program = require("host.program")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("repeats: " .. missing)
  return
end

describe("an agent for which the same goes wrong at each pass", function()
  local sidecar, world

  before_each(function()
    sidecar = sidecar_of.of_one()
    world = sidecar.world
  end)

  after_each(function() assert.are.same({}, world:close()) end)

  local function start(more)
    local settings = { LOG_LEVEL = "info", REFRESH_TIME = 0.2, ENVOY_LOG_LEVEL = "error" }
    for name, value in pairs(more) do settings[name] = value end
    sidecar:start(settings)
  end

  -- Lines of warnings and errors by event, but for Envoy's own.
  local function troubles()
    local seen = {}
    for level, event in world:log(sidecar.agent):gmatch("level=(%l+) event=(%S+)") do
      if level == "warn" or level == "error" then seen[event] = (seen[event] or 0) + 1 end
    end
    return seen
  end

  it("says once that the policies are broken, and once that they are not any more", function()
    local policies = world.directory .. "/policies"
    assert(os.execute(("cp -R %s/policies %s"):format(program.data_directory(), policies)))
    local text = assert(file.read(policies .. "/weights.lua"))
    assert(file.write(policies .. "/weights.lua", "return 1"))
    start { ENVOY_BIN = "", POLICY_DIR = policies }
    sidecar:logged("event=pass_failed")
    os.execute("sleep 2")
    assert.same({ pass_failed = 1 }, troubles())
    -- Another fault is told at once.
    local from = sidecar:mark()
    assert(file.write(policies .. "/weights.lua", "return nothing.at.all"))
    sidecar:logged("event=pass_failed", 5, from)
    os.execute("sleep 1")
    assert.same({ pass_failed = 2 }, troubles())
    assert(file.write(policies .. "/weights.lua", text))
    sidecar:logged("event=published")
    sidecar:logged("event=over", 5)
    assert.matches("event=over [^\n]*repeated=%d+ since=%S+ what=pass_failed\n",
      world:log(sidecar.agent))
  end)

  it("says once what Envoy refuses", function()
    local templates = sidecar:own_templates()
    start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
    sidecar:logged("event=published")
    local name = templates .. "/cds.json.yaml.mustache"
    local text = assert(file.read(name))
    assert(file.write(name, (text:gsub("idle_timeout: 60s", "idle_timeout: -5s"))))
    sidecar:logged("event=refused")
    os.execute("sleep 3")
    local seen = troubles()
    assert.equal(1, seen.refused)
    -- That it is refused, and that it was and is not tried again.
    assert.is_true(seen.pass_failed <= 2, tostring(seen.pass_failed))
  end)

  it("says once that the mesh cannot be read", function()
    os.remove(sidecar.mesh_file)
    start { ENVOY_BIN = "" }
    os.execute("sleep 2")
    for event, count in pairs(troubles()) do assert.equal(1, count, event) end
  end)

  it("says each time that data are old, or a weight is wrong, once it has said that it is over",
    function()
      local mesh = assert(file.read(sidecar.mesh_file))
      start { ENVOY_BIN = "" }
      sidecar:logged("event=published")
      for _ = 1, 2 do
        local from = sidecar:mark()
        os.remove(sidecar.mesh_file)
        sidecar:logged("event=stale", 5, from)
        assert(file.write(sidecar.mesh_file, (mesh:gsub('"/web": *1', '"/web":"x"'))))
        sidecar:logged("event=fresh", 5, from)
        sidecar:logged("event=bad_weight", 5, from)
        assert(file.write(sidecar.mesh_file, mesh))
        sidecar:logged("event=resolved", 5, from)
      end
    end)

  it("says it again to somebody who asks for a pass", function()
    start { ENVOY_BIN = "", POLICY_DIR = world.directory .. "/none" }
    sidecar:logged("event=pass_failed")
    os.execute("sleep 1")
    local from = sidecar:mark()
    world:signal(sidecar.agent, "HUP")
    sidecar:logged("event=pass_requested", 5, from)
    sidecar:logged("in_force=none reason=\"plan: policies", 5, sidecar:logged("repeated=", 5, from))
  end)

  it("says how often at its end", function()
    os.remove(sidecar.mesh_file)
    start { ENVOY_BIN = "", POLICY_DIR = world.directory .. "/none" }
    sidecar:logged("event=pass_failed")
    os.execute("sleep 1.5")
    assert.equal(0, world:stop(sidecar.agent))
    assert.matches("event=pass_failed [^\n]*repeated=%d+ since=", world:log(sidecar.agent))
  end)
end)
