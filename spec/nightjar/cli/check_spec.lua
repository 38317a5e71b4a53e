-- Specs of `nightjar check`, with a real Envoy where there is one.
local cli = require "spec.support.cli"
local program = require "host.program"

local function has_envoy()
  return os.execute("command -v envoy >/dev/null 2>&1") == true
end

describe("nightjar check", function()
  local folder

  local function run(more, ...)
    local words = { "check", ... }
    words.environment = { TMP_DIR = folder, ENVOY_TEMPLATE_DIR = folder .. "/templates",
      POLICY_DIR = folder .. "/policies" }
    for name, value in pairs(more or {}) do words.environment[name] = value end
    return cli.run(words)
  end

  local function edit(path, from, to)
    local text = cli.read(folder .. path)
    local at, last = text:find(from, 1, true)
    assert(at, path .. " does not hold " .. from)
    cli.write(folder .. path, text:sub(1, at - 1) .. to .. text:sub(last + 1))
  end

  local function leftovers()
    local pipe = assert(io.popen("ls " .. folder))
    local text = pipe:read("a")
    pipe:close()
    return text
  end

  before_each(function()
    folder = cli.folder()
    for _, name in ipairs { "templates", "policies" } do
      os.execute(("cp -r '%s/%s' %s"):format(program.data_directory(), name, folder))
    end
  end)
  after_each(function() cli.remove(folder) end)

  it("finds nothing wrong in what is shipped, without touching anything", function()
    local got = run {}
    assert.equal(0, got.status, got.stderr)
    assert.equal("", got.stderr)
    assert.matches("^settings: ok\npolicies: ok, %d+ examples\nsnapshot: .*/examples/mesh.yaml\n"
      .. "plan: ok, 1 listener, %d+ routes, %d+ clusters\n"
      .. "templates: ok, %d+ files, %d+ copied\nenvoy: [^\n]*\nresult: ok\n$", got.stdout)
    assert.equal("policies\ntemplates\n", leftovers())
  end)

  it("plans the second list too", function()
    edit("/policies/init.lua", "return {", 'return { shadow = { "audience", "loud", "weights" },')
    cli.write(folder .. "/policies/loud.lua", 'return { about = "x", apply = function(mesh)\n'
      .. "if mesh.louder then error('louder') end\nreturn mesh end }")
    local got = run {}
    assert.same({ 0, "" }, { got.status, got.stderr })
    assert.matches("\nsecond list: ok, 1 listener, %d+ routes, %d+ clusters\n", got.stdout)
    edit("/policies/loud.lua", "if mesh.louder then", "if mesh.listeners then")
    got = run {}
    assert.same({ 1, "nightjar: plan: policy: policy loud: policies/loud.lua:2: louder\n" },
      { got.status, got.stderr })
    assert.matches("\nsecond list: failed\n", got.stdout, 1, true)
  end)

  it("tries templates with an empty mesh where the real one is in AWS", function()
    local got = run({ SERVICE_MEMBER = "srv-0123456789abcdef", NAMESPACE_0 = "x",
      NAMESPACE_0_PORT = 9001 })
    assert.equal(0, got.status, got.stderr)
    assert.matches("snapshot: an empty mesh", got.stdout, 1, true)
  end)

  it("makes no output folder that is not there", function()
    local got = run { TMP_DIR = folder .. "/none/below" }
    assert.equal(0, got.status, got.stderr)
    assert.equal("policies\ntemplates\n", leftovers())
  end)

  it("says when Envoy was not asked, and why", function()
    local got = run { ENVOY_BIN = "" }
    assert.equal(0, got.status, got.stderr)
    assert.matches("envoy: not validated: ENVOY_BIN is empty\n", got.stdout, 1, true)
    got = run { ENVOY_BIN = folder .. "/none" }
    assert.matches("envoy: not validated: .*/none is no program", got.stdout)
    got = run { ENVOY_BIN = folder .. "/." }
    assert.matches("envoy: not validated: .*/%. is no program", got.stdout)
  end)

  it("tells warnings about settings, without failing", function()
    local got = run { NAMESPACE_0 = "x" }
    assert.equal(0, got.status)
    assert.matches("settings: ok, with 1 warning\n", got.stdout, 1, true)
    assert.matches("NAMESPACE_0_PORT is not set", got.stderr, 1, true)
  end)

  it("names a policy that cannot be loaded, once", function()
    cli.write(folder .. "/policies/init.lua", 'return { "none" }')
    local got = run {}
    assert.equal(1, got.status)
    assert.equal(1, select(2, got.stderr:gsub("\n", "")))
    assert.matches("^nightjar: plan: .*none", got.stderr)
  end)

  it("names an example that does not hold", function()
    cli.write(folder .. "/policies/init.lua", 'return { "one" }')
    cli.write(folder .. "/policies/one.lua", [[
      return { about = "does nothing", settings = {}, apply = function(mesh) return mesh end,
        examples = { { about = "loses every listener",
          given = { listeners = { { port = 1 } } }, expect = { listeners = {} } } } }]])
    local got = run {}
    assert.equal(1, got.status)
    assert.matches("policies: 1 of 1 examples failed\n", got.stdout, 1, true)
    assert.matches("^nightjar: policy: policies/one.lua:2: example 1 %(loses every listener%): ",
      got.stderr)
  end)

  it("names template and line", function()
    cli.write(folder .. "/templates/x.yaml.mustache", "a: 1\nb: {{#c}}\n")
    local got = run {}
    assert.equal(1, got.status)
    assert.matches("^nightjar: plan: render: templates/x.yaml.mustache:2: ", got.stderr)
  end)

  it("names a file that the bootstrap names and no template makes", function()
    os.remove(folder .. "/templates/cds.json.yaml.mustache")
    local got = run {}
    assert.equal(1, got.status)
    assert.matches("^nightjar: plan: render: templates/envoy%-config.yaml.mustache:%d+: Envoy is "
      .. "to read cds.json, which no template makes\n$", got.stderr)
  end)

  it("tells Envoy nothing of the credentials", function()
    local fake = folder .. "/fake-envoy"
    cli.write(fake, ("#!/bin/sh\nenv > '%s/seen'\n"):format(folder))
    assert(os.execute("chmod +x '" .. fake .. "'"))
    local got = run { ENVOY_BIN = fake, AWS_ACCESS_KEY_ID = "AKID",
      AWS_SECRET_ACCESS_KEY = "hush" }
    assert.matches("\nenvoy: ok\n", got.stdout, 1, true)
    local seen = cli.read(folder .. "/seen")
    assert.is_truthy(seen:find("PATH=", 1, true))
    assert.is_nil(seen:find("AKID", 1, true) or seen:find("hush", 1, true))
  end)

  it("has Envoy look into every file, and leaves nothing behind", function()
    if not has_envoy() then
      pending("no envoy on PATH: `make test` puts one there")
      return
    end
    assert.matches("\nenvoy: ok\n", run({}).stdout, 1, true)
    local cases = {
      { "/templates/cds.json.yaml.mustache", "connect_timeout: 1s", "connect_timeout: soon",
        "static_resources.clusters[0].connect_timeout" },
      { "/templates/lds.json.yaml.mustache", "stream_idle_timeout: 300s", "no_such_field: 1",
        "no_such_field" },
      { "/templates/rds/@listeners.json.yaml.mustache", ' cluster: "{{cluster_name}}"',
        " cluster: nowhere", "unknown cluster 'nowhere'" },
    }
    for _, case in ipairs(cases) do
      local path, whole = case[1], cli.read(folder .. case[1])
      edit(path, case[2], case[3])
      local got = run {}
      cli.write(folder .. path, whole)
      assert.equal(1, got.status)
      assert.matches("^nightjar: envoy: [^\n]*\n$", got.stderr)
      assert.matches(case[4], got.stderr, 1, true)
      assert.is_true(#got.stderr < 1500)
    end
    assert.equal("policies\ntemplates\n", leftovers())
  end)
end)
