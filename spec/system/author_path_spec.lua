-- The path of a policy's author beside a running agent with a real Envoy: edit, record, replay,
-- explain, compare, try beside, and break something.

local cli = require("spec.support.cli")
local json = require("host.json")
local program = require("host.program")
local share = require("spec.support.share")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("an author's path: " .. missing)
  return
end

local REQUESTS = 2000
local LISTS = 'return { "own_service", "audience", %s "weights", shadow = { "own_service", '
  .. '"audience", "gentle", "weights" } }\n'

-- Gives green what its line says.
local GENTLE = [[
local function apply(mesh)
  for _, listener in ipairs(mesh.listeners) do
    for _, route in ipairs(listener.routes) do
      for _, entry in ipairs(route.clusters) do
        if entry.color == "green" then entry.weight = %s end
      end
    end
  end
  return mesh
end
return { about = "A gentle start.", apply = apply }
]]

describe("an author's path beside a running agent", function()
  local it_is, policies

  local function run(...)
    local words = { ... }
    words.environment = { TMP_DIR = it_is.world.directory .. "/tmp", DISCOVERY = "file",
      MESH_FILE = it_is.mesh_file, POLICY_DIR = policies, ENVOY_ADMIN_PORT = it_is.admin_port }
    return cli.run(words)
  end

  -- Another machine: nothing of the agent is there but the record and the policies.
  local function elsewhere(...)
    local words = { ... }
    words.environment = { POLICY_DIR = policies }
    return cli.run(words)
  end

  local function gentle(weight, first)
    cli.write(policies .. "/gentle.lua", GENTLE:format(weight))
    cli.write(policies .. "/init.lua", LISTS:format(first and '"gentle",' or ""))
  end

  setup(function()
    it_is = sidecar_of.new("blue", "green")
    policies = it_is.world.directory .. "/ours"
    assert(os.execute(("cp -R %s/policies %s"):format(program.data_directory(), policies)))
    gentle(10, false)
    it_is:mesh { it_is.service("shop-blue", { ["/shop"] = 50 }, { it_is.ports.blue }),
      it_is.service("shop-green", { ["/shop"] = 50 }, { it_is.ports.green }) }
    it_is:start { POLICY_DIR = policies }
    it_is:answers("/shop", 200, 30)
    it_is:logged("event=shadow", 20)
  end)

  teardown(function() assert.same({}, it_is.world:close()) end)

  it("the log and `diff --list shadow` tell what the second list would change", function()
    assert.matches("difference=\"route public%-%d+ /shop shop%-green@mesh.local 50→10 why=gentle\"",
      it_is.world:log(it_is.agent))
    local got = run("diff", policies, policies, "--list", "shadow")
    assert.equal(1, got.status, got.stderr)
    assert.matches("^public%-%d+  /shop  green  50 → 10\n    B: gentle: 50 → 10\n$", got.stdout)
  end)

  it("an edit is in force at the next pass, and `explain` tells the split that is measured",
    function()
      it_is:publishes(function() gentle(150, true) end)
      it_is:logged("event=unchanged", 10, it_is:mark())
      local facts = assert(json.decode(run("explain", "/shop", "--json").stdout))
      local wanted = {}
      for _, one in ipairs(facts.listeners[1].routes[1].clusters) do
        wanted[one.color] = one.share
      end
      assert.same({ blue = 0.25, green = 0.75 }, wanted)
      assert.is_nil(share.fault(wanted, it_is.world:split(it_is:url("/shop"), REQUESTS), REQUESTS))
    end)

  it("`render` makes of a record, anywhere, the very files that are in force", function()
    local folder = it_is.world.directory
    assert.equal(0, run("record", "--output", folder .. "/kept.json").status)
    local got = elsewhere("render", "--snapshot", folder .. "/kept.json", "--output",
      folder .. "/replayed")
    assert.equal(0, got.status, got.stderr)
    local pipe = io.popen(("diff -r '%s' '%s' 2>&1"):format(it_is.folder, folder .. "/replayed"))
    local difference = pipe:read("a")
    pipe:close()
    assert.equal("", difference)
    assert.is_false(assert(json.decode(elsewhere("explain", "--json", "--snapshot",
      folder .. "/kept.json").stdout)).other_policies)
  end)

  it("`explain` says when something else is in force: a generation is pinned", function()
    assert.is_nil(run("explain").stdout:find("in force", 1, true))
    assert.equal(0, run("rollback", "1").status)
    local got = run("explain", "/shop")
    assert.matches("\nin force: generation %x+, pinned, which this is not: route public%-%d+ /shop "
      .. "shop%-green@mesh.local 50→150\n", got.stdout)
    assert.matches("weight 150", got.stdout, 1, true)
    assert.is_nil(run("explain", "--at", "+1h").stdout:find("in force", 1, true))
    assert.equal(0, run("resume").status)
    assert.is_nil(run("explain").stdout:find("in force", 1, true))
  end)

  it("a policy that breaks costs no request, and log, `explain` and `check` name its line",
    function()
      local from = it_is:mark()
      gentle("entry.wieght + 1", true)
      it_is:logged("event=pass_failed", 10, from)
      local place = policies .. "/gentle.lua:5: attempt to perform arithmetic on a nil value"
      assert.is_truthy(it_is.world:log(it_is.agent):find(place, from, true))
      for _, command in ipairs { "explain", "check" } do
        local got = run(command)
        assert.equal(1, got.status)
        assert.matches(place, got.stderr, 1, true)
      end
      local seen = it_is.world:split(it_is:url("/shop"), 100)
      assert.equal(100, (seen.blue or 0) + (seen.green or 0))
      from = it_is:mark()
      gentle(150, true)
      it_is:logged("event=unchanged", 10, from)
    end)
end)
