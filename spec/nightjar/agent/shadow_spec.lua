-- The second list of policies: told of, never in force, and no burden when it is broken.

local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")
local pass = require("nightjar.agent.pass")
local pin = require("nightjar.agent.pin")
local program = require("host.program")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local settings_of = require("nightjar.settings")
local state = require("nightjar.agent.state")

describe("a second list of policies", function()
  local folder, settings, one, told, original

  local function policy(name, body)
    assert(file.write(("%s/policies/%s.lua"):format(folder, name), ('return { about = "%s", '
      .. "apply = function(mesh)\n%s\nreturn mesh end }"):format(name, body)))
  end

  local function list(shadow)
    assert(file.write(folder .. "/policies/init.lua",
      ('return { "own_service", "audience", "weights"%s }'):format(shadow)))
  end

  before_each(function()
    folder = script.folder()
    assert(os.execute(("cp -R '%s/policies' '%s/'"):format(program.data_directory(), folder)))
    assert(file.write(folder .. "/mesh.json", assert(json.encode {
      namespaces = { { name = "m.local", port = 9000, services = { { name = "web",
        attributes = { ["/web"] = 7 },
        instances = { { id = "a", ipv4 = "127.0.0.1", port = 9001 } } } } } } })))
    settings = assert(settings_of.load { flags = {}, environment = {
      PATH = os.getenv("PATH"), DISCOVERY = "file", MESH_FILE = folder .. "/mesh.json",
      TMP_DIR = folder, ENVOY_BIN = "", POLICY_DIR = folder .. "/policies", PLAN_DEADLINE = 5 } })
    assert(file.mkdir(settings.config_dir))
    one = pass.new(settings, assert(state.open(settings.state_dir)), {
      reachable = function() end, running = function() return false end,
      supervises = function() return true end, silence = function() end,
      check = function() return true end, run = function() return true end,
      processes = { is_outdated = function() return false end },
    })
    told, original = {}, { info = log.info, warn = log.warn }
    for level, write in pairs(original) do
      log[level] = function(event, fields)
        if event:find("^shadow") then
          told[#told + 1] = event .. ": " .. (fields.difference or fields.reason)
        else
          write(event, fields)
        end
      end
    end
    policy("half", "mesh.listeners[1].routes[1].clusters[1].weight = 3")
  end)

  after_each(function()
    log.info, log.warn = original.info, original.warn
    script.discard(folder)
  end)

  local function run()
    assert(sched.run(one.run, one))
    return assert(json.decode(file.read(settings.config_dir .. "/input.json")))
      .listeners[1].routes[1].clusters[1].route_weight
  end

  it("is told of once, and the first is published", function()
    list(', shadow = { "own_service", "audience", "half", "weights" }')
    assert.equal(7, run())
    assert.equal(7, run())
    assert.same({ "shadow: route public-9000 /web web@m.local 7→3 why=half" }, told)
  end)

  it("is told of again when it comes to something else, and when it is gone", function()
    list(', shadow = { "half" }')
    run()
    policy("half", "")
    run()
    list("")
    run()
    run()
    assert.same({ "shadow: route public-9000 /web web@m.local 7→3 why=half", "shadow: none",
      "shadow: no second list" }, told)
  end)

  for name, case in pairs({
    ["an error"] = { "error('no')", "policies/half.lua:2: no" },
    ["an endless loop"] = { "while true do end", "policies/half.lua:2: used more than" },
    ["a wrong result"] = { "mesh.listeners = nil", "listeners: expected a list" },
  }) do
    it("costs nothing but a line of its own: " .. name, function()
      policy("half", case[1])
      list(', shadow = { "half" }')
      assert.equal(7, run())
      assert.equal(1, #told)
      assert.matches("shadow_failed: plan: ", told[1], 1, true)
      assert.matches(case[2], told[1], 1, true)
    end)
  end

  it("is not talked of while a generation is pinned", function()
    list(', shadow = { "half" }')
    run()
    assert(pin.write(settings.state_dir, one.state.accepted.generation, 1))
    policy("half", "")
    run()
    assert.equal(1, #told)
    assert(pin.remove(settings.state_dir))
    run()
    assert.same({ "shadow: route public-9000 /web web@m.local 7→3 why=half", "shadow: none" }, told)
  end)

  it("may stand in the configuration, by the policy `shadow`", function()
    list(', "shadow"')
    settings.policies = { shadow = { list = { "half" } } }
    assert.equal(7, run())
    assert.same({ "shadow: route public-9000 /web web@m.local 7→3 why=half" }, told)
  end)

  it("that init.lua does not spell right fails the pass, as any error there does", function()
    list(', shadow = { "hlaf" }')
    local ok, err = sched.run(one.run, one)
    assert.is_nil(ok)
    assert.matches('names "hlaf", but there is no policies/hlaf.lua; did you mean "half"?', err, 1,
      true)
  end)
end)
