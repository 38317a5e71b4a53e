-- Specs of the planner, with the real nightjar-plan: results, limits and their messages.
local cli = require "spec.support.cli"
local planner = require "nightjar.agent.planner"
local program = require "host.program"
local sched = require "nightjar.agent.sched"
local snapshot = require "nightjar.cli.snapshot"

local POLICY = [[
return { about = "a policy of the spec", settings = {},
  apply = function(mesh, settings, now)
    %s
    return mesh
  end, examples = {} }
]]

describe("planner", function()
  local folder, settings

  local function plan(more)
    local input = { snapshot = snapshot.empty(settings, 1000), now = 1000 }
    for key, value in pairs(more or {}) do input[key] = value end
    return sched.run(planner.run, input, settings)
  end

  local function policy(body)
    cli.write(folder .. "/policies/init.lua", 'return { "one" }')
    cli.write(folder .. "/policies/one.lua", POLICY:format(body))
  end

  local function refused(pattern)
    local response, err = plan()
    assert.is_nil(response)
    assert.matches(pattern, err)
    assert.is_nil(err:find("%c"))
  end

  before_each(function()
    folder = cli.folder()
    settings = { policy_dir = folder .. "/policies", envoy_template_dir = folder .. "/templates",
      config_dir = "/out", envoy_configuration_file = "envoy-config.yaml", ping_path = "/ping",
      envoy_admin_port = 9901, service_container_name = "NOT_SET", envoy_base_id = 0,
      discovery = "file", gateway = true, policies = {}, environment = {
        SECRET = "s", ASAN_OPTIONS = os.getenv("ASAN_OPTIONS") },
      namespaces = { { ref = "NAMESPACE_0", namespace = "m", port = 9000 } },
      plan_max_memory = 64, plan_max_instructions = 20000000, plan_max_cpu = 1.5,
      plan_deadline = 10 }
    cli.write(folder .. "/templates/envoy-config.yaml.mustache", "x: {{admin_port}}\n")
    cli.write(folder .. "/templates/static/a.bin", "\0\255")
    policy ""
  end)
  after_each(function() cli.remove(folder) end)

  it("says how nightjar-plan ended where that was no way to end", function()
    local execute = sched.exec
    finally(function() sched.exec = execute end)
    local function ends(result, message)
      sched.exec = function()
        result.stdout = result.stdout or ""
        return result
      end
      local response, err = plan()
      assert.is_nil(response)
      assert.equal("plan: " .. message, err)
    end
    ends({ signal = "SEGV" }, "nightjar-plan: ended by signal SEGV")
    ends({ status = 70, stdout = "it\27[2J\n" }, "nightjar-plan: internal error: it\\x1b[2J")
    ends({ status = 9, stdout = "x" }, "nightjar-plan: ended with status 9: x")
    ends({ status = 3, stdout = "the request: needs more\n" }, "the request: needs more")
    ends({ status = 0, stdout = "[1]" },
      "nightjar-plan: unusable answer: expected an object with `ok`")
    ends({ status = 0, stdout = '{"ok":true,"files":[{"path":5,"content":"x"}]}' },
      "nightjar-plan: unusable answer: expected files with `path` and `content`")
    ends({ status = 0, stdout = '{"ok":true,"files":[{"path":"../x","content":"x"}]}' },
      'nightjar-plan: unusable answer: file "../x": expected a path below the output folder, got '
      .. 'one with ".." in it')
    ends({ status = 0, stdout = '{"ok":false,"error":{"stage":"view","policy":"one",'
      .. '"field":"routes","message":"too many"}}' }, "view: one: routes: too many")
    ends({ status = 0, stdout = '{"ok":false,"error":{"stage":"view","file":"x.yaml","line":3,'
      .. '"field":"routes","message":"too many"}}' }, "view: x.yaml:3: routes: too many")
  end)

  it("names the files of policies and templates in the folders that the operator gave", function()
    os.execute(("mv %s/policies %s/ours; mv %s/templates %s/pages"):format(folder, folder, folder,
      folder))
    settings.policy_dir, settings.envoy_template_dir = folder .. "/ours/", folder .. "/pages"
    cli.write(folder .. "/ours/one.lua", POLICY:format("error('x')"))
    refused("policy one: " .. folder:gsub("%p", "%%%0") .. "/ours/one%.lua:3: x$")
    cli.write(folder .. "/ours/one.lua", POLICY:format("while true do end"))
    refused("^plan: " .. folder:gsub("%p", "%%%0") .. "/ours/one%.lua:3: used more than")
    cli.write(folder .. "/ours/one.lua", POLICY:format(""))
    cli.write(folder .. "/pages/envoy-config.yaml.mustache", "x: {{nme}}\n")
    refused("^plan: render: " .. folder:gsub("%p", "%%%0") .. "/pages/envoy%-config")
    settings.policies = { two = {} }
    cli.write(folder .. "/pages/envoy-config.yaml.mustache", "x: 1\n")
    assert.equal(("settings policies.two: %s/ours/init.lua names no such policy"):format(folder),
      assert(plan()).warnings[1].message)
  end)

  it("makes the files of a snapshot, and adds the copies", function()
    local response = assert(plan())
    assert.is_true(response.ok)
    assert.same({ { path = "static/a.bin", content = "\0\255" } }, response.copies)
    local contents = {}
    for _, one in ipairs(response.files) do contents[one.path] = one.content end
    assert.equal("x: 9901\n", contents["envoy-config.yaml"])
    assert.equal("public-9000", response.plan.listeners[1].name)
  end)

  it("gives equal bytes for equal input", function()
    assert.same(plan(), plan())
  end)

  it("runs the policies' examples", function()
    local response = assert(plan { command = "examples" })
    assert.equal("table", type(response.examples))
  end)

  it("names file and line of an endless loop, within any pcall", function()
    policy "while true do pcall(function() while true do end end) end"
    refused "^plan: policies/one%.lua:3: used more than 20000000 instructions$"
  end)

  it("names file and line of one call of C that does not return", function()
    settings.plan_max_cpu = 0.3
    policy 'string.find(("a"):rep(60), ("a?"):rep(60) .. ("a"):rep(60))'
    refused "^plan: policies/one%.lua:3: used more than 0%.3 seconds of processor time$"
  end)

  it("names file and line of a memory bomb", function()
    policy "local t = {} for i = 1, 1e9 do t[i] = { i } end"
    refused "^plan: policies/one%.lua:3: needs more than 64 MiB$"
  end)

  it("stops all else at the deadline", function()
    settings.plan_deadline = 0.3
    policy 'string.find(("a"):rep(60), ("a?"):rep(60) .. ("a"):rep(60))'
    refused "^plan: not done within 0%.3 s %(PLAN_DEADLINE%)"
  end)

  it("names file and line of an error, once, and shows no control characters", function()
    policy 'error("\\27[31mno\\nsecond line")'
    refused "policies/one%.lua:3: .*no"
    local _, err = plan()
    assert.equal(1, select(2, err:gsub("one%.lua:3", "")))
  end)

  it("names a policy that returns nonsense, with the field", function()
    policy 'mesh.listeners[1].port = "http" '
    refused "listeners%[1%]%.port: expected integer"
  end)

  it("names template and line", function()
    cli.write(folder .. "/templates/envoy-config.yaml.mustache", "a: 1\nb: {{#x}}\n")
    refused "^plan: render: .*envoy%-config%.yaml%.mustache:2"
  end)

  it("names a folder that cannot be read", function()
    settings.envoy_template_dir = folder .. "/none"
    refused("^plan: templates: .*" .. folder:gsub("%p", "%%%0") .. "/none: No such file")
  end)

  it("keeps text of others on one line and within bounds", function()
    assert.equal("a\\nb\\x1bc", planner.plain "a\nb\27c\n\n")
    assert.is_true(#planner.plain(("x"):rep(100000)) < 5000)
  end)

  it("believes no name of a file that leads out of the output folder", function()
    local execute = sched.exec
    finally(function() sched.exec = execute end)
    for _, name in ipairs { "../escaped.txt", "/etc/escaped", "a/../../b", ".hidden", "a//b",
      "" } do
      -- What somebody could say who has taken nightjar-plan over.
      sched.exec = function(options)
        local result = assert(execute(options))
        result.stdout = result.stdout:gsub('"path":"envoy%-config%.yaml"', function()
          return '"path":"' .. name .. '"'
        end)
        assert(result.stdout:find('"path":"' .. name .. '"', 1, true))
        return result
      end
      local response, err = plan()
      assert.is_nil(response, name)
      assert.matches("^plan: nightjar%-plan: unusable answer: file \".*\": expected", err)
    end
  end)

  it("hands on that this host has no IPv6, unless another host's plan is made again", function()
    local has_ipv6 = program.has_ipv6
    finally(function() program.has_ipv6 = has_ipv6 end)
    for _, has in ipairs { true, false } do
      program.has_ipv6 = function() return has end
      for _, of_record in ipairs { true, false } do
        settings.no_ipv6 = of_record
        assert.equal(of_record or nil, planner.plan_settings(settings).no_ipv6)
      end
      settings.no_ipv6 = nil
      assert.equal(not has or nil, planner.plan_settings(settings).no_ipv6)
    end
  end)

  it("hands nothing on that a plan does not depend on", function()
    local handed = planner.plan_settings(settings)
    assert.is_nil(handed.environment)
    assert.is_nil(handed.tmp_dir)
  end)
end)
