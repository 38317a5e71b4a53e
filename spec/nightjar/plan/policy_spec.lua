-- The policies as a whole: their order, their data, their errors, their record.

local build = require("spec.support.mesh")

local function snapshot()
  return build.own({
    build.service("shop-blue", { SERVICE = "shop", COLOR = "blue", ["/shop"] = "90" }),
    build.service("shop-green", { SERVICE = "shop", COLOR = "green", ["/shop"] = "10" }),
  })
end

local function run(texts, options)
  options = options or {}
  options.policies = build.policies(texts, options.order)
  return build.run(options.snapshot or snapshot(), options)
end

local function fails(texts, options)
  local made, err = run(texts, options)
  assert.is_nil(made)
  return err
end

local FIRST = "mesh.listeners[1].routes[1].clusters[1]"

describe("policies", function()
  it("run in the order of init.lua, each on what the last one returned", function()
    local double = build.policy(FIRST .. ".weight = " .. FIRST .. ".weight * 2")
    local add = build.policy(FIRST .. ".weight = " .. FIRST .. ".weight + 1")
    local made = run({ double = double, add = add }, { order = { "double", "add" } })
    assert.equal(181, build.weights(made.policy, "private-8080", "/shop").blue)
    made = run({ double = double, add = add }, { order = { "add", "double" } })
    assert.equal(182, build.weights(made.policy, "private-8080", "/shop").blue)
  end)

  it("are recorded in the why of what they change, with the reason they give", function()
    local made = run({
      a = build.policy(FIRST .. ".weight = 100\ntable.insert(" .. FIRST .. '.why, "Friday")'),
      b = build.policy(FIRST .. ".weight = 50"),
      c = build.policy("table.insert(" .. FIRST .. '.why, "looked at it")'),
      d = build.policy(FIRST .. ".why = {}"),
    })
    assert.same({ 'key "/shop": 90', "a: 90 → 100 (Friday)", "b: 100 → 50",
      "c: looked at it" }, made.policy.listeners[1].routes[1].clusters[1].why)
  end)

  it("may add a route, and what is added says by whom", function()
    local made = run({ a = build.policy('table.insert(mesh.listeners[1].routes, { path = "/new", '
      .. 'service = "shop", audience = "public", why = {"sale"}, clusters = { { weight = 1, '
      .. 'cluster = mesh.clusters[1].name, service = "shop", color = "blue", '
      .. 'audience = "public", why = {} } } })') })
    local route = build.route(made.policy, "private-8080", "/new")
    assert.same({ "a: added (sale)" }, route.why)
    assert.same({ "a: added with weight 1" }, route.clusters[1].why)
  end)

  it("may take things out, and what is gone keeps its history", function()
    local made = run({
      a = build.policy(FIRST .. ".weight = 1"),
      b = build.policy("mesh.listeners[1].routes = {}\nmesh.listeners[1].removed = nil"),
      c = build.policy("mesh.listeners[1].removed = {}"),
    })
    local removed = made.policy.listeners[1].removed
    assert.equal(2, #removed)
    assert.same({ 'key "/shop": 90', "a: 90 → 1", "b: removed" }, removed[1].why)
    assert.equal("/shop", removed[1].path)
    assert.equal(1, removed[1].weight)
  end)

  it("may warn", function()
    local made = run({ a = build.policy('table.insert(mesh.warnings, { code = "late", '
      .. 'message = "it is late", path = "/shop" })') })
    assert.same({ { code = "late", message = "it is late", path = "/shop", policy = "a" } },
      made.warnings)
    assert.is_nil(made.policy.warnings)
  end)

  it("get the time of the pass", function()
    local made = run({ a = build.policy(FIRST .. ".weight = now - 1000") }, { now = 1042 })
    assert.equal(42, build.weights(made.policy, "private-8080", "/shop").blue)
  end)

  it("get data that nobody else holds", function()
    local made = run({
      a = build.policy("local shared = mesh.clusters[1].attributes\n"
        .. "mesh.clusters[2].attributes = shared"),
      b = build.policy('mesh.clusters[1].attributes.x = "changed"'),
    })
    assert.equal("changed", made.policy.clusters[1].attributes.x)
    assert.is_nil(made.policy.clusters[2].attributes.x)
  end)

  it("reach no other policy through the libraries", function()
    local made = run({
      a = build.policy('string.format = nil\ntable.insert = function() error("broken") end\n'
        .. "math.floor = nil"),
      b = build.policy("local list = {}\ntable.insert(list, math.floor(7.5))\n"
        .. FIRST .. '.weight = tonumber(("%d"):format(list[1]))'),
    })
    assert.equal(7, build.weights(made.policy, "private-8080", "/shop").blue)
  end)
end)

describe("an error of a policy", function()
  it("names policy, file and line", function()
    local err = fails({ foo = build.policy("local x\nmesh = x.y") })
    assert.same({ stage = "policy", policy = "foo", file = "policies/foo.lua", line = 4,
      message = "policy foo: policies/foo.lua:4: attempt to index a nil value (local 'x')" }, err)
  end)

  it("while it is loaded names them too", function()
    local err = fails({ foo = "local a = 1\nfoo = 2" })
    assert.same({ "foo", "policies/foo.lua", 2 }, { err.policy, err.file, err.line })
    assert.matches("^policies/foo.lua:2: a policy cannot set the global", err.message)
  end)

  it("in what it returns names the field", function()
    local err = fails({ foo = build.policy(FIRST .. '.weight = "x"') })
    assert.equal('policy foo: listeners[1].routes[1].clusters[1].weight: expected integer '
      .. '0..65535, got "x"', err.message)
    assert.same({ "foo", "listeners[1].routes[1].clusters[1].weight" }, { err.policy, err.field })
    assert.equal(2, err.line, "where `apply` begins")
  end)

  local wrong = {
    ["return nil"] = "apply returned nothing",
    ["return 1"] = "expected a table, got 1",
    ["mesh.foo = 1"] = "foo: unknown field",
    ["mesh.listeners[1].prot = 1"] = 'prot: unknown field; did you mean "port"',
    ["mesh.listeners = {}"] = '"private%-8080" is gone; a listener stays',
    ["mesh.clusters = {}"] = "clusters%[1%].cluster: no cluster has the name",
    ["mesh.clusters[2].name = mesh.clusters[1].name"] = "clusters%[2%].name: .* stands at "
      .. "clusters%[1%] too",
    ["mesh.listeners[2] = { name = 'x', mesh = 'm', port = 8080, audience = 'public', "
      .. "routes = {} }"] = "listeners%[2%].port: 8080 stands at listeners%[1%] too",
    ["mesh.listeners[1].routes[2] = mesh.listeners[1].routes[1]"] = "stands at .*routes%[1%] too",
    ["mesh.listeners[1].routes[1].path = '/a/../b'"] = "path: expected a path",
    ["mesh.listeners[1].routes[1].path = '/a/'"] = "path: expected a path",
    ["mesh.listeners[1].name = '../x'"] = "name: expected a name of at most 100 letters",
    ["mesh.clusters[1].endpoints[1].port = 0"] = "port: expected integer 1..65535, got 0",
    ["mesh.clusters[1].endpoints[1].address = 'fd00::1'"] = "address: expected an address of "
      .. "family ipv4",
    ["setmetatable(mesh.clusters[1], {})"] = "clusters%[1%]: expected a table, got a table with",
    ["mesh.clusters[1].attributes.x = print"] = "no global",
    ["mesh.clusters[1].attributes.x = pairs"] = "attributes.x: expected text .*got a function",
    ["mesh.clusters[1].endpoints[1].x = mesh"] = "endpoints%[1%].x: unknown field",
    [FIRST .. ".why[1] = '\\xff'"] = "why%[1%]: expected text",
    ["table.insert(" .. FIRST:gsub("%.clusters%[1%]$", "") .. ".clusters, {cluster=mesh.clusters[1]"
      .. ".name,service='a',color='a',weight=1,audience='public',why={}})"] = "names .* twice",
  }
  for body, message in pairs(wrong) do
    it("is found in: " .. body:sub(1, 60), function()
      local text = body:find("^return") and ("return { about = 'x', apply = function() %s end }")
        :format(body) or build.policy(body)
      assert.matches(message, fails({ foo = text }).message)
    end)
  end

  local records = {
    ["return 1"] = "policies/foo.lua: the record: expected a table, got 1",
    ["return { about = 'x' }"] = "policies/foo.lua: the record: apply: expected a function, "
      .. "got nothing",
    ["return { about = 'x', aply = next, apply = next }"] = "policies/foo.lua: the record: aply: "
      .. 'unknown field; did you mean "apply"?',
    ["return { about = 'x', apply = next, settings = { a = { type = 'int' } } }"] =
      "policies/foo.lua: the record: settings.a.type: expected "
      .. '"boolean" or "integer" or "number" or "string" or "strings", got "int"',
    ["return { about = 'x', apply = next, settings = { a = { type = 'integer', "
      .. "default = 'x' } } }"] =
      "policies/foo.lua: the record: settings.a.default: expected integer, got \"x\"",
    ["return { about = 'x', apply = next, settings = { a = { type = 'integer', default = 0, "
      .. "min = 1, max = 5 } } }"] =
      "policies/foo.lua: the record: settings.a.default: expected integer 1..5, got 0",
    ["return { about = 'x', apply = next, examples = { { give = 1 } } }"] =
      'policies/foo.lua: the record: examples[1].give: unknown field; did you mean "given"?',
  }
  for text, message in pairs(records) do
    it("is found in the record: " .. text:sub(1, 60), function()
      assert.equal(message, fails({ foo = text }).message)
    end)
  end

  it("in init.lua names it, and the nearest policy", function()
    local err = fails({ weights = build.policy("") }, { order = { "wieghts" } })
    assert.equal('policies/init.lua: names "wieghts", but there is no policies/wieghts.lua; '
      .. 'did you mean "weights"?', err.message)
    assert.matches("names \"a\" twice", fails({ a = build.policy("") },
      { order = { "a", "a" } }).message)
    local made
    made, err = build.run(snapshot(), { policies = {} })
    assert.is_nil(made)
    assert.matches("^policies/init.lua: not there", err.message)
    made, err = build.run(snapshot(), { policies = { { name = "init.lua", text = "return 1" } } })
    assert.is_nil(made)
    assert.equal("policies/init.lua: expected a list of names of policies: expected a list, got 1",
      err.message)
  end)
end)

describe("settings of policies", function()
  local SCHEMA = "{ step = { type = 'integer', default = 5, min = 1, max = 100, about = 'x' }, "
    .. "share = { type = 'number' }, on = { type = 'boolean', default = false }, "
    .. "mode = { type = 'string', default = 'fast', values = { 'fast', 'slow' } }, "
    .. "names = { type = 'strings', default = { 'a' } } }"

  local function with(settings, body)
    return run({ ramp = build.policy(body or (FIRST .. ".weight = settings.step"), SCHEMA) },
      { settings = { policies = settings } })
  end

  it("have their defaults", function()
    local made = assert(with({}))
    assert.equal(5, build.weights(made.policy, "private-8080", "/shop").blue)
  end)

  it("come from the configuration", function()
    local made = assert(with({ ramp = { step = 7 } }))
    assert.equal(7, build.weights(made.policy, "private-8080", "/shop").blue)
  end)

  it("are the policy's own to change", function()
    assert(with({ ramp = { names = { "x" } } }, "settings.names[1] = 'y'\nsettings.foo = 1"))
  end)

  local wrong = {
    { { stpe = 1 }, 'policies.ramp.stpe: unknown setting; did you mean "step"?' },
    { { step = "7" }, 'policies.ramp.step: expected integer 1..100, got "7"' },
    { { step = 0 }, "policies.ramp.step: expected integer 1..100, got 0" },
    { { step = 1.5 }, "policies.ramp.step: expected integer 1..100, got 1.5" },
    { { share = "x" }, 'policies.ramp.share: expected number, got "x"' },
    { { on = "yes" }, 'policies.ramp.on: expected boolean, got "yes"' },
    { { mode = "medium" }, 'policies.ramp.mode: expected string fast|slow, got "medium"' },
    { { names = { 1 } }, "policies.ramp.names: expected list of strings, got a table" },
  }
  for _, case in ipairs(wrong) do
    it("say " .. case[2], function()
      local made, err = with({ ramp = case[1] })
      assert.is_nil(made)
      assert.equal("policy ramp: settings " .. case[2], err.message)
      assert.equal("policies.ramp." .. next(case[1]), err.field)
    end)
  end

  it("are a table", function()
    local made, err = with({ ramp = 5 })
    assert.is_nil(made)
    assert.equal("policy ramp: settings policies.ramp: expected a table of settings, got 5",
      err.message)
    assert.equal("policies.ramp", err.field)
  end)

  it("for a policy that is not in the list are a warning with the nearest", function()
    local made = assert(with({ rmap = { step = 1 } }))
    assert.same({ "unknown_policy" }, build.codes(made.warnings))
    assert.equal('settings policies.rmap: policies/init.lua names no such policy; did you mean '
      .. '"ramp"?', made.warnings[1].message)
  end)
end)
