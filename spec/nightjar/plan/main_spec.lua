-- Requests to nightjar-plan: good ones, and how bad ones are refused.

local build = require("spec.support.mesh")
local json = require("host.json")
local main = require("nightjar.plan.main")

local function request(change)
  local result = { command = "plan", now = build.NOW, settings = { policies = {},
    envoy_configuration_file = "envoy-config.yaml" }, snapshot = build.own({
    build.service("a", { ["/a"] = "1" }) }), previous = json.null,
    policies = json.array(build.shipped_policies()), templates = json.array({}),
    copies = json.array({}) }
  if change then change(result) end
  return assert(json.encode(result))
end

local function answer(text, ...)
  return assert(json.decode(main.run(text, ...)))
end

describe("a request", function()
  it("is answered with plan, files, warnings and layers", function()
    local response = answer(request(), {}, { "seccomp" })
    assert.is_true(response.ok)
    assert.equal("/a", response.plan.listeners[1].routes[1].path)
    assert.equal("input.json", response.files[1].path)
    local view = assert(json.decode(response.files[1].content))
    assert.equal("/a", view.listeners[1].routes[1].route_path)
    assert.same({ "seccomp" }, { table.unpack(response.layers) })
    assert.equal(0, #response.warnings)
  end)

  it("is answered in pieces that are one text, with its fields in their order", function()
    local pieces = main.answer(request())
    assert.is_true(#pieces > 3)
    local text = table.concat(pieces)
    assert.equal(main.run(request()), text)
    assert.equal(text, json.encode(assert(json.decode(text))))
  end)

  it("keeps empty lists of the plan as lists", function()
    local text = main.run(request(function(it) it.snapshot = build.own({}) end))
    assert.matches('"routes":%[%]', text)
    assert.matches('"removed":%[%]', text)
    text = main.run(request(function(it)
      it.snapshot = build.own({ build.service("a", { ["/a"] = "1" }, 0) })
    end))
    assert.matches('"endpoints":%[%]', text)
    assert.matches('"attributes":{}', (main.run(request(function(it)
      it.snapshot.meshes[1].services[1].instances[1].attributes = nil
      it.snapshot.meshes[1].services[1].attributes = { ["/a"] = "1" }
      it.previous = { clusters = json.array({ { name = "z@z", mesh = "z", service = "z",
        color = "z", cloudmap_service = "z", http2 = false, attributes = {}, since = {}, age = 0,
        stale = false, endpoints = json.array({}) } }) }
    end))))
  end)

  it("hands on what discovery warned of, first", function()
    local response = answer(request(function(it)
      it.snapshot.warnings = json.array({ { code = "bad_port", message = "no\nport", mesh = "m" },
        5 })
      it.snapshot.meshes[1].services[1].attributes["/b?"] = "1"
    end))
    assert.same({ "bad_port", "bad_key" }, build.codes(response.warnings))
    assert.equal("no\\nport", response.warnings[1].message)
    assert.equal("m", response.warnings[1].mesh)
  end)

  it("that fails in a stage says which, and what was found so far", function()
    local response = answer(request(function(it)
      it.snapshot.meshes[1].services[1].attributes["/b?"] = "1"
      it.policies = json.array(build.policies({ foo = build.policy("error('no')") }))
    end))
    assert.is_false(response.ok)
    assert.same({ stage = "policy", policy = "foo", file = "policies/foo.lua", line = 3,
      message = "policy foo: policies/foo.lua:3: no" }, response.error)
    assert.same({ "bad_key" }, build.codes(response.warnings))
  end)

  it("with a template that fails names it and its line", function()
    local response = answer(request(function(it)
      it.templates = json.array({ { name = "x.yaml.mustache", text = "a: 1\n{{#b}}\n" } })
    end))
    assert.equal("render", response.error.stage)
    assert.equal("templates/x.yaml.mustache", response.error.file)
    assert.equal("integer", math.type(response.error.line))
  end)

  local wrong = {
    ["{"] = "request", ["[]"] = "expected an object", ['"x"'] = "expected an object",
    ["{}"] = "command: expected", ["null"] = "expected an object",
  }
  for text, message in pairs(wrong) do
    it("is refused when it is " .. text, function()
      local response = answer(text)
      assert.is_false(response.ok)
      assert.equal("request", response.error.stage)
      if message ~= "request" then assert.matches(message, response.error.message) end
    end)
  end

  it("is refused by the name of what is wrong in it", function()
    assert.equal('command: expected "plan" or "examples", got "plam"; did you mean "plan"?',
      answer(request(function(it) it.command = "plam" end)).error.message)
    assert.equal("policies[1].text: expected text of at most 16777216 bytes in UTF-8, got 5",
      answer(request(function(it) it.policies[1].text = 5 end)).error.message)
    assert.equal("snapshto: unknown field; did you mean \"snapshot\"?",
      answer(request(function(it) it.snapshto = 5 end)).error.message)
  end)

  it("for examples is answered with their results", function()
    local response = answer(request(function(it) it.command = "examples" end))
    assert.is_true(response.ok)
    assert.is_true(#response.examples >= 9)
  end)
end)
