-- Specs of the helpers for the authors of policies: `require "nightjar.testing"`.
local cli = require "spec.support.cli"
local program = require "host.program"
local t = require "nightjar.testing"

describe("nightjar.testing", function()
  it("makes a plan of a mesh in two lines", function()
    local plan = t.plan { policies = { "weights" }, ["/shop"] = { blue = 90, green = 10 } }
    assert.same({ blue = 90, green = 10 }, plan:weights "/shop")
    assert.same({ blue = 90.0, green = 10.0 }, plan:shares "/shop")
    assert.same({ "/shop" }, plan:routes())
    assert.is_nil(plan:weights "/none")
    assert.is_nil(plan:shares "/none")
  end)

  it("runs the shipped policies in their order unless others are named", function()
    local plan = t.plan { member = "web", ["/"] = 1, ["/shop"] = 1, ["?/stock"] = 1 }
    assert.same({ "/stock", "/shop" }, plan:routes())
    assert.is_true(plan:removed "/")
    assert.matches("own_service: removed", plan:why("/", "default"), 1, true)
  end)

  it("gives a color endpoints: a number, a list, zones, unhealthy ones, none", function()
    local plan = t.plan { policies = { "audience" }, ["/a"] = {
      blue = { 1, endpoints = 3, unhealthy = 1 }, green = { 1, zones = { a = 2, b = 1 } },
      red = { 1, endpoints = { { id = "x", health = "unknown", zone = "c" } } },
      gray = { 1, endpoints = 0 }, pink = 1 } }
    assert.equal(4, #plan:endpoints "blue")
    assert.equal("unhealthy", plan:cluster("blue").endpoints[4].health)
    assert.same({ "a", "a", "b" }, { plan:cluster("green").endpoints[1].zone,
      plan:cluster("green").endpoints[2].zone, plan:cluster("green").endpoints[3].zone })
    assert.same({ "x" }, plan:endpoints "red")
    assert.equal("unknown", plan:cluster("red").endpoints[1].health)
    assert.same({}, plan:endpoints "gray")
    assert.same({ "task-1" }, plan:endpoints "pink")
    assert.is_nil(plan:endpoints "black")
  end)

  it("gives a color attributes, with the time at which they got their values", function()
    local plan = t.plan { policies = { "audience" },
      ["/a"] = { blue = { 1, ACTIVE_COLOR = "blue", since = { ACTIVE_COLOR = 5 } },
        green = { 1, MIN_ENDPOINTS = 2, since = 7, age = 60, stale = true } } }
    local blue, green = plan:cluster "blue", plan:cluster "green"
    assert.equal("blue", blue.attributes.ACTIVE_COLOR)
    assert.same({ 5, t.NOW - 3600 }, { blue.since.ACTIVE_COLOR, blue.since["/a"] })
    assert.same({ "2", 7, 60, true }, { green.attributes.MIN_ENDPOINTS, green.since["/a"],
      green.age, green.stale })
  end)

  it("joins the paths of one service, and takes services by name", function()
    local plan = t.plan { policies = { "audience" }, ["/shop"] = { blue = 9, green = 1 },
      ["/shop/cart"] = { blue = { 1, endpoints = 2 } },
      services = { stock = { default = { ["/stock"] = 1, ["/shop"] = 5 } } } }
    assert.equal(2, #plan:endpoints "blue")
    assert.same({ "/shop/cart", "/stock", "/shop" }, plan:routes())
    assert.same({ blue = 9, green = 1, default = 5 }, plan:weights "/shop")
    assert.equal("stock@mesh", plan:cluster("default").name)
  end)

  it("names clusters where two of a route have one color", function()
    local plan = t.plan { policies = { "audience" }, services = {
      one = { blue = { ["/a"] = 1 } }, two = { blue = { ["/a"] = 3 } } } }
    assert.same({ ["one-blue@mesh"] = 1, ["two-blue@mesh"] = 3 }, plan:weights "/a")
    assert.same({ ["one-blue@mesh"] = 25.0, ["two-blue@mesh"] = 75.0 }, plan:shares "/a")
    assert.matches('key "/a": 3', plan:why("/a", "two-blue@mesh"), 1, true)
  end)

  it("shows what each listener carries", function()
    local plan = t.plan { ["/shop"] = 1, ["[private]/stock"] = 1,
      meshes = { partner = { ["/bill"] = 1, ["[private]/secret"] = 1 } } }
    assert.same({ "/stock", "/shop" }, plan:routes())
    assert.same({ "/bill" }, plan:on("partner"):routes())
    assert.same({ default = 1 }, plan:on("public-9001"):weights "/bill")
    assert.same({ "/shop" }, t.plan { audience = "public", ["/shop"] = 1,
      ["[private]/stock"] = 1 }:routes())
    assert.has_error(function() plan:on "public-9002" end, 'no listener "public-9002"; did you '
      .. 'mean "public-9001"?; there are private-8080, public-9001')
  end)

  it("finds the routes of a path by their conditions", function()
    local plan = t.plan { ["/shop"] = { blue = 90, green = { 10, HEADER_ROUTE = "x-beta=yes" } } }
    assert.same({ "/shop when x-beta is yes", "/shop" }, plan:routes())
    local beta = { header = "x-beta", values = { "yes" } }
    assert.same({ green = 1 }, plan:weights("/shop", beta))
    assert.equal("/shop", plan:route("/shop", { beta }).path)
    assert.same({ blue = 90, green = 10 }, plan:weights "/shop")
    assert.is_nil(plan:weights("/shop", { header = "x-other" }))
  end)

  it("puts the sidecar into a zone", function()
    local plan = t.plan { zone = "b",
      ["/shop"] = { blue = { 1, zones = { a = 1, b = 2 }, ZONE_AWARE = "yes" } } }
    local priorities = {}
    for i, endpoint in ipairs(plan:cluster("blue").endpoints) do
      priorities[i] = endpoint.zone .. endpoint.priority
    end
    assert.same({ "a1", "b0", "b0" }, priorities)
  end)

  it("tells why: of a weight, of a route, and of what is gone", function()
    local plan = t.plan { ["/a"] = { blue = 90, green = { 10, endpoints = 0 } },
      ["/b"] = { blue = { 1, endpoints = 0 } } }
    assert.equal('key "/a": 90\nweights: its share goes from 90 of 100 to 90 of 90, as color '
      .. "green has no usable endpoint", plan:why("/a", "blue"))
    assert.matches("no usable endpoint", plan:why("/a", "green"), 1, true)
    assert.is_true(plan:removed("/a", "green"))
    assert.is_false(plan:removed("/a", "blue"))
    assert.matches("answers 503", plan:why "/b", 1, true)
    assert.is_nil(plan:why("/a", "red"))
    assert.same({ "no_endpoints" }, plan:warnings())
    assert.matches("route /b of b answers 503", plan:warning "no_endpoints", 1, true)
    assert.is_nil(plan:warning "other")
  end)

  it("makes the mesh as old as its time says", function()
    assert.equal(1795687200, t.time "2026-11-26T11:00:00+01:00")
    local plan = t.plan { policies = { "audience" }, now = t.time "2026-11-26", ["/a"] = 1 }
    assert.equal(t.time "2026-11-26" - 3600, plan:cluster("default").endpoints[1].since)
    assert.has_error(function() t.time "+2h" end, 'time: expected no relative time, got "+2h"')
    assert.error_matches(function() t.time "soon" end, "^time: expected unix seconds")
  end)

  it("says what is wrong with a mesh, a color or an endpoint", function()
    for _, case in ipairs {
      { 'a mesh: unknown field "polices"; did you mean "policies"?', { polices = {} } },
      { 'a mesh: policies: expected a table, got "weights"', { policies = "weights" } },
      { 'a mesh: now: expected an integer, got "noon"', { now = "noon" } },
      { 'a mesh: audience: expected "private" or "public", got "pub"', { audience = "pub" } },
      { "a mesh: expected a table, got 5", 5 },
      { "a mesh: expected a table, got 7", { meshes = { other = 7 } } },
      { '["/a"].blue: unknown field "endpoint"; did you mean "endpoints"?',
        { ["/a"] = { blue = { 1, endpoint = 1 } } } },
      { 'endpoints: unknown field "zones"; did you mean "zone"?',
        { ["/a"] = { blue = { 1, endpoints = { { zones = "a" } } } } } },
      { '["/a"].blue: expected a weight or a table, got "90"', { ["/a"] = { blue = "90" } } },
      { 'policies/init.lua: names "weight", but there is no policies/weight.lua; did you mean '
        .. '"weights"?', { policies = { "weight" }, ["/a"] = 1 } },
    } do
      assert.has_error(function() t.plan(case[2]) end, case[1])
    end
  end)

  it("tells with which message a mesh is refused", function()
    assert.matches('does policies/init.lua name "audience"?', t.refusal { policies = { "weights" },
      audience = "public", ["[private]/a"] = 1 }, 1, true)
    assert.has_error(function() t.refusal { ["/a"] = 1 } end, "expected a refusal, got a plan")
  end)
end)

-- Everything below is in one policy folder, and run as its author would.
local HALVE = [[
local function apply(mesh, settings, now, previous)
  for _, listener in ipairs(mesh.listeners) do
    for _, route in ipairs(listener.routes) do
      for _, entry in ipairs(route.clusters) do
        if entry.color == settings.color then
          entry.weight = entry.weight // 2
          table.insert(entry.why, previous and "it was there before" or "it is new")
        end
      end
    end
  end
  return mesh
end
return { about = "halves a color", apply = apply,
  settings = { color = { type = "string", default = "green" } } }]]

local SPEC = [[
local t = require "nightjar.testing"
local halve = t.policy "halve"

describe("halve", function()
  it("halves green", function()
    local plan = halve { ["/shop"] = { blue = 90, green = 10 } }
    assert.same({ blue = 90, green = 5 }, plan:weights "/shop")
    assert.matches("halve: 10 → 5 (it is new)", plan:why("/shop", "green"), 1, true)
  end)

  it("halves what its settings say", function()
    local plan = halve { settings = { color = "blue" }, ["/shop"] = { blue = 90, green = 10 } }
    assert.same({ blue = 45, green = 10 }, plan:weights "/shop")
  end)

  it("refuses a setting of another type", function()
    assert.matches("expected string, got 7", t.refusal { policies = { "halve" },
      settings = { halve = { color = 7 } }, ["/shop"] = 1 }, 1, true)
  end)

  it("sees what is in force", function()
    local before = halve { ["/shop"] = { blue = 90, green = 10 } }
    local plan = halve { previous = before, ["/shop"] = { blue = 90, green = 20 } }
    assert.matches("it was there before", plan:why("/shop", "green"), 1, true)
  end)
end)]]

describe("a spec of an author's policy", function()
  local folder
  before_each(function()
    folder = cli.folder()
    os.execute(("cp -r '%s/policies' '%s'"):format(program.data_directory(), folder))
    cli.write(folder .. "/policies/halve.lua", HALVE)
    cli.write(folder .. "/policies/halve_spec.lua", SPEC)
  end)
  after_each(function() cli.remove(folder) end)

  local function test()
    return cli.run { "test", "-o", "TAP", folder .. "/policies/halve_spec.lua",
      environment = { POLICY_DIR = folder .. "/policies" } }
  end

  it("stands beside it and runs with `nightjar test` and POLICY_DIR", function()
    local got = test()
    assert.equal(0, got.status, got.stdout .. got.stderr)
    assert.matches("ok 4 - ", got.stdout, 1, true)
  end)

  it("fails with file and line where the policy never ends", function()
    for _, endless in ipairs { "while true do end", "while true do pcall(error) end",
      "string.find((\"a\"):rep(30000), (\".-\"):rep(9) .. \"b\")" } do
      cli.write(folder .. "/policies/halve.lua",
        (HALVE:gsub("local function apply%(.-%)\n", "%0  " .. endless:gsub("%%", "%%%%") .. "\n")))
      local got = test()
      assert.equal(1, got.status, endless)
      assert.matches("policies/halve.lua:2: used more than", got.stdout, 1, true)
    end
  end)

  it("fails with the policy's file and line", function()
    cli.write(folder .. "/policies/halve.lua", (HALVE:gsub("// 2", "// nothing")))
    local got = test()
    assert.equal(1, got.status)
    assert.matches('policies/halve.lua:6: no global "nothing" in a policy', got.stdout, 1, true)
  end)
end)
