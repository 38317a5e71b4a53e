-- The examples that policies bring, and how a difference is told.

local build = require("spec.support.mesh")
local compare = require("nightjar.plan.compare")
local examples = require("nightjar.plan.examples")

local function run(example, body)
  local text = ("return { about = 'x', apply = function(mesh, settings, now) %s return mesh end, "
    .. "settings = { n = { type = 'integer', default = 3 } }, examples = { %s } }")
    :format(body or "", example)
  local results, err = examples.run(build.policies({ foo = text }))
  assert.is_nil(err)
  return results[1].ok, results[1].message, results
end

local ROUTE = "listeners = { { routes = { { path = '/a', clusters = { { cluster = 'blue', "
  .. "weight = 90 }, { cluster = 'green', weight = 10 } } } } } }"

describe("examples of policies", function()
  it("hold when what they expect is among what came out", function()
    local ok, message, results = run("{ about = 'nothing changes', given = { " .. ROUTE
      .. " }, expect = { " .. ROUTE .. " } }")
    assert.is_nil(message)
    assert.is_true(ok)
    assert.same({ policy = "foo", index = 1, about = "nothing changes", ok = true }, results[1])
  end)

  it("say what differs, where, and by what it is known", function()
    local ok, message = run("{ given = { " .. ROUTE .. " }, expect = { listeners = { { port = 1, "
      .. "routes = { { path = '/b', clusters = { { weight = 90 } } } } } } } }")
    assert.is_false(ok)
    assert.equal('listeners[1].port: expected 1, got 8080\n'
      .. 'listeners[1].routes[1].clusters: expected 1 element (…), got 2 elements '
      .. '("blue", "green")\n'
      .. 'listeners[1].routes[1].path: expected "/b", got "/a"', message)
  end)

  it("give settings and a time", function()
    local body = "mesh.listeners[1].routes[1].clusters[1].weight = settings.n + now"
    local expect = "expect = { listeners = { { routes = { { clusters = { { weight = %d }, {} } } } "
      .. "} } }"
    assert.is_true(run("{ given = { " .. ROUTE .. " }, " .. expect:format(3) .. " }", body))
    assert.is_true(run("{ given = { " .. ROUTE .. " }, now = 40, settings = { n = 2 }, "
      .. expect:format(42) .. " }", body))
  end)

  it("see what the policy removed and warned of", function()
    assert.is_true(run("{ given = { " .. ROUTE .. " }, expect = { warnings = { { code = 'w' } }, "
      .. "listeners = { { routes = {}, removed = { { cluster = 'blue' }, { cluster = 'green' } } "
      .. "} } } }", "mesh.listeners[1].routes = {} table.insert(mesh.warnings, { code = 'w', "
      .. "message = 'm' })"))
  end)

  it("tell an empty list from one that is not", function()
    local ok, message = run("{ given = { " .. ROUTE .. " }, expect = { listeners = { { routes = "
      .. "{} } } } }")
    assert.is_false(ok)
    assert.equal('listeners[1].routes: expected 0 elements, got 1 element ("/a")', message)
  end)

  it("name what is wrong with themselves", function()
    assert.equal('given: listeners[1].prot: unknown field; did you mean "port"?',
      select(2, run("{ given = { listeners = { { prot = 1 } } }, expect = {} }")))
    assert.equal("given: expected a table, got 1", select(2, run("{ given = 1, expect = {} }")))
    assert.equal("expect: expected a table, got nothing", select(2, run("{ given = {} }")))
    assert.equal("policy foo: settings policies.foo.m: unknown setting; did you mean \"n\"?",
      select(2, run("{ given = {}, expect = {}, settings = { m = 1 } }")))
  end)

  it("fail with the policy's error", function()
    assert.matches("^policy foo: policies/foo.lua:1: attempt to index",
      select(2, run("{ given = {}, expect = {} }", "mesh = mesh.a.b")))
  end)

  it("do not change what they are given", function()
    local text = "local part = { " .. ROUTE .. " } return { about = 'x', apply = function(mesh) "
      .. "mesh.listeners[1].routes = {} return mesh end, examples = { "
      .. "{ given = part, expect = {} }, { given = part, expect = {} } } }"
    local results = examples.run(build.policies({ foo = text }))
    assert.is_true(results[1].ok and results[2].ok)
  end)

  it("of every shipped policy hold, three at least", function()
    local results = examples.run(build.shipped_policies())
    local counts = {}
    for _, result in ipairs(results) do
      assert.is_true(result.ok, ("%s %d: %s"):format(result.policy, result.index, result.message))
      counts[result.policy] = (counts[result.policy] or 0) + 1
    end
    for _, name in ipairs({ "own_service", "audience", "weights" }) do
      assert.is_true(counts[name] >= 3, name)
    end
  end)
end)

describe("differences", function()
  it("are cut to what can be read", function()
    local expected = {}
    for i = 1, 30 do expected["k" .. i] = i end
    local message = compare.subset(expected, {})
    assert.matches("and 20 more$", message)
  end)
end)
