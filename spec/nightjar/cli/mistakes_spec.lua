-- Common mistakes, and what `nightjar check` says to each: where, what was expected, what to do.
local cli = require "spec.support.cli"
local program = require "host.program"

-- A policy file with this `apply`, and more of its record.
local function policy(body, more)
  return ('return { about = "of a spec",\napply = function(mesh)\n%s\nreturn mesh end%s }')
    :format(body, more and ",\n" .. more or "")
end

local INIT = 'return { "one", "own_service", "audience", "weights" }'

-- What is written where, and the finding. `one` is policies/one.lua, listed in init.lua.
local MISTAKES = {
  { "a name in init.lua is misspelt", init = 'return { "own_servce" }',
    expect = 'plan: policy: policies/init.lua: names "own_servce", but there is no '
      .. 'policies/own_servce.lua; did you mean "own_service"?' },
  { "init.lua lacks a comma", init = 'return {\n"own_service"\n"audience" }',
    expect = "plan: policy: policies/init.lua:3: '}' expected (to close '{' at line 1) near "
      .. "'\"audience\"'; is a comma missing before it?" },
  { "init.lua lacks its return", init = '{ "own_service" }',
    expect = "plan: policy: policies/init.lua:1: unexpected symbol near '{'; is `return` missing "
      .. "before it?" },
  { "init.lua returns nothing", init = 'local list = { "own_service" }',
    expect = "plan: policy: policies/init.lua: expected a list of names of policies: expected a "
      .. 'list, got nothing; does the file end with `return { "own_service", … }`?' },
  { "a policy returns nothing", one = "local record = {}",
    expect = "plan: policy: policies/one.lua: the record: expected a table, got nothing; does the "
      .. "file end with `return { … }`?" },
  { "a policy does not say what it is for",
    one = "return { apply = function(mesh) return mesh end }",
    expect = "plan: policy: policies/one.lua: the record: about: expected a name of 1 to 4096 "
      .. "bytes without control characters, got nothing; a record says in one sentence what it "
      .. 'is for: about = "…"' },
  { "`apply` is misspelt", one = 'return { about = "x", aply = function(mesh) return mesh end }',
    expect = "plan: policy: policies/one.lua: the record: apply: expected a function, got "
      .. "nothing; a record holds the function that changes the mesh: apply = …" },
  { "a field of the mesh is misspelt", one = policy "for _ in ipairs(mesh.listener) do end",
    expect = "plan: policy: policy one: policies/one.lua:3: attempt to index a nil value; a name "
      .. "is misspelt, or the field is not there; docs/policies.md shows the mesh" },
  { "a policy uses what there is not", one = policy "os.time()",
    expect = 'plan: policy: policy one: policies/one.lua:3: no global "os" in a policy' },
  { "a weight is no integer", one = policy "mesh.listeners[1].routes[1].clusters[1].weight = 4.5",
    expect = "plan: policy: policies/one.lua:2: policy one: listeners[1].routes[1].clusters[1]"
      .. ".weight: expected integer 0..65535, got 4.5 (math.floor makes an integer)" },
  { "a default is of another type",
    one = policy("", 'settings = { limit = { type = "integer", default = "5" } }'),
    expect = 'plan: policy: policies/one.lua: the record: settings.limit.default: expected '
      .. 'integer, got "5"' },
  { "a setting is of another type",
    one = policy("", 'settings = { limit = { type = "integer", default = 5 } }'),
    config = "policies:\n  one:\n    limit: five\n",
    expect = 'plan: policy: policies/one.lua: policy one: settings policies.one.limit: expected '
      .. 'integer, got "five"; set at CONFIG:3' },
  { "a setting is misspelt",
    one = policy("", 'settings = { limit = { type = "integer", default = 5 } }'),
    config = "policies:\n  one: {limt: 7}\n",
    expect = "plan: policy: policies/one.lua: policy one: settings policies.one.limt: unknown "
      .. 'setting; did you mean "limit"?; set at CONFIG:2' },
  { "an example does not hold", one = policy("", 'examples = { { about = "turns a into b",\n'
      .. 'given = { listeners = { { routes = { { path = "/a" } } } } },\n'
      .. 'expect = { listeners = { { routes = { { path = "/b" } } } } } } }'),
    expect = "policy: policies/one.lua:5: example 1 (turns a into b): listeners[1].routes[1]"
      .. '.path: expected "/b", got "/a"' },
  { "a field of an example is misspelt",
    one = policy("", 'examples = { { about = "has none", given = { listener = {} },\n'
      .. "expect = {} } }"),
    expect = "policy: policies/one.lua:5: example 1 (has none): given: listener: unknown field; "
      .. 'did you mean "listeners"?' },
  { "a template names a field that is not there", template = "a: 1\nb: {{nme}}\n",
    expect = "plan: render: templates/x.yaml.mustache:2: {{nme}}: there is no such field; "
      .. "`nightjar render` prints input.json, which holds all fields" },
  { "a field within a list is misspelt",
    template = "a:\n{{#listeners}}\n- {{nme}}\n{{/listeners}}\n",
    expect = "plan: render: templates/x.yaml.mustache:3: {{nme}}: there is no such field; did "
      .. 'you mean "name"?' },
  { "Envoy's admin port is that of a listener", flags = { "--envoy-admin-port", "8080" },
    expect = "discovery: ENVOY_ADMIN_PORT: 8080 is the port of the listener of mesh "
      .. "example.local too; expected another one" },
  { "the folder of policies is not there", flags = { "--policy-dir", "nowhere" },
    expect = "plan: policies: cannot open folder: nowhere: No such file or directory; POLICY_DIR "
      .. "names it" },
}

describe("nightjar check names the place and the way out when", function()
  local folder

  local function check(mistake)
    local words = { "check", table.unpack(mistake.flags or {}) }
    words.environment = { TMP_DIR = folder, ENVOY_BIN = "", POLICY_DIR = folder .. "/policies",
      ENVOY_TEMPLATE_DIR = folder .. "/templates" }
    if mistake.config then
      cli.write(folder .. "/config.yaml", mistake.config)
      words.environment.NIGHTJAR_CONFIG = folder .. "/config.yaml"
    end
    return cli.run(words)
  end

  before_each(function()
    folder = cli.folder()
    for _, name in ipairs { "templates", "policies" } do
      os.execute(("cp -r '%s/%s' %s"):format(program.data_directory(), name, folder))
    end
  end)
  after_each(function() cli.remove(folder) end)

  for _, mistake in ipairs(MISTAKES) do
    it(mistake[1], function()
      if mistake.init or mistake.one then
        cli.write(folder .. "/policies/init.lua", mistake.init or INIT)
        cli.write(folder .. "/policies/one.lua", mistake.one or policy "")
      end
      if mistake.template then
        cli.write(folder .. "/templates/x.yaml.mustache", mistake.template)
      end
      local got = check(mistake)
      local expected = mistake.expect:gsub("CONFIG:", folder .. "/config.yaml:")
      assert.equal("nightjar: " .. expected .. "\n", got.stderr)
      assert.equal(1, got.status)
      assert.matches("\nresult: 1 problem\n$", got.stdout)
    end)
  end

  it("the plan fails before any template, or a template does", function()
    cli.write(folder .. "/policies/weights.lua", policy "error('x')")
    assert.matches("\nplan: failed\nresult: 1 problem\n$", check({}).stdout)
    cli.write(folder .. "/policies/weights.lua", policy "")
    cli.write(folder .. "/templates/x.yaml.mustache", "a: {{#b}}\n")
    assert.matches("\nplan: ok\ntemplates: failed\nresult: 1 problem\n$", check({}).stdout)
  end)

  it("settings are for a policy that is not in the list: a warning, with their line", function()
    local got = check { config = "# ours\npolicies:\n  no_weight: {}\n  weight: {}\n" }
    assert.equal(0, got.status)
    assert.matches(("settings policies.weight: policies/init.lua names no such policy; did you "
      .. 'mean "weights"?; set at %s/config.yaml:4\n'):format(folder), got.stderr, 1, true)
  end)

  it("the mesh file has a mistake: a warning, once", function()
    cli.write(folder .. "/mesh.yaml", "member: x\nnamespaces:\n  - name: a\n    own: true\n"
      .. "    services: [{name: x, attribute: {}}]\n")
    local got = check { flags = { "--mesh-file", folder .. "/mesh.yaml" } }
    assert.equal(1, select(2, got.stderr:gsub("namespaces%[1%]%.services%[1%]%.attribute: unknown "
      .. 'key; did you mean "attributes"%?', "")))
  end)

  it("Envoy refuses a cluster: the file that it is in", function()
    local fake = folder .. "/fake-envoy"
    cli.write(fake, "#!/bin/sh\necho \"error initializing configuration 'x': bad "
      .. "static_resources.clusters[0].connect_timeout\" >&2\nexit 1\n")
    assert(os.execute("chmod +x '" .. fake .. "'"))
    local got = check { flags = { "--envoy-bin", fake } }
    assert.equal(1, got.status)
    assert.matches("clusters[0].connect_timeout", got.stderr, 1, true)
    assert.matches("; the clusters are in cds.json\n$", got.stderr)
  end)
end)

describe("nightjar check with a record", function()
  it("tries the policies on it, at its time and with its settings", function()
    local folder = cli.folder()
    local environment = { TMP_DIR = folder, ENVOY_BIN = "" }
    assert.equal(0, cli.run { "record", "--discover", "--output", folder .. "/kept.json",
      environment = environment }.status)
    local got = cli.run { "check", "--snapshot", folder .. "/kept.json", "--at", "+1h",
      environment = environment }
    assert.equal(0, got.status, got.stderr)
    assert.matches("snapshot: " .. folder .. "/kept.json, a record\nplan: ok, 1 listener",
      got.stdout, 1, true)
    assert.equal(2, cli.run { "check", "--at", "soon" }.status)
    cli.remove(folder)
  end)
end)
