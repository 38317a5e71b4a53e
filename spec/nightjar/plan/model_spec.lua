-- The rules of single keys, weights and endpoints stand in defects_spec.lua,
-- hostile input in property_spec.lua; here is what the model as a whole makes.

local build = require("spec.support.mesh")
local mesh_shape = require("nightjar.plan.mesh_shape")
local plan = require("spec.support.plan")

local function model(snapshot, options)
  options = options or {}
  options.until_stage = "model"
  return assert(build.run(snapshot, options)).model
end

describe("the mesh model", function()
  local services = {
    build.service("b", { ["/b"] = "1", ["?/p"] = "2" }),
    build.service("a", { SERVICE = "own", COLOR = "blue", ["/a"] = "3" }, nil,
      { since = { ["/a"] = 77, ["/b"] = "x" } }),
  }

  it("decides nothing: each listener has every route of its mesh", function()
    local mesh = model(build.snapshot({ build.namespace("own", "m", 8080, services),
      build.namespace("NAMESPACE_0", "m", 9000, services) }, "a"))
    assert.same({ "/a", "/b", "/p" }, build.paths(mesh, "private-8080"))
    assert.same({ "/a", "/b", "/p" }, build.paths(mesh, "public-9000"))
    assert.same({ mesh = "m", service = "own", color = "blue", cloudmap_service = "a" },
      mesh.member)
    assert.is_nil((mesh_shape.check(mesh)))
  end)

  it("is the same in whatever order a snapshot lists its services", function()
    local other = { services[2], services[1] }
    assert.same(model(build.own(services)), model(build.own(other)))
  end)

  it("keeps what policies need of the past", function()
    local cluster = build.cluster(model(build.own(services)), "a@example.local")
    assert.same({ ["/a"] = 77 }, cluster.since)
    assert.equal(build.NOW - 60, cluster.endpoints[1].since)
    assert.equal(build.NOW - 50, cluster.endpoints[1].health_since)
    assert.equal("3", cluster.attributes["/a"])
  end)

  it("shares no table between two listeners of one mesh", function()
    local mesh = model(build.snapshot({ build.namespace("own", "m", 8080, services),
      build.namespace("NAMESPACE_0", "m", 9000, services) }))
    mesh.listeners[1].routes[1].clusters[1].weight = 50
    assert.equal(3, mesh.listeners[2].routes[1].clusters[1].weight)
  end)

  it("finds the own service by its id when its name changed", function()
    local snapshot = build.own(services, "a")
    snapshot.member.service = "old-name"
    assert.equal("own", model(snapshot).member.service)
  end)
end)

-- As Cloud Map allows it: 25 attributes of 1024 bytes, and what stands at the end is no blank.
local function blanks(bytes, attributes)
  local values = {}
  for i = 1, attributes do values["note" .. i] = "a" .. (" "):rep(bytes - 3) .. "\tb" end
  return values
end

-- Of nightjar-plan itself, under the limits of an agent.
local function answer(attributes, instances)
  local request = plan.request("return { about = 'x', apply = function(mesh) return mesh end }")
  request.snapshot = build.own({ build.service("a", attributes, instances) })
  local result = plan.run(request, { milliseconds = 1000, instructions = 100000000 })
  assert.equal(0, result.status, result.output:sub(1, 300) .. result.stderr:sub(1, 300))
  return result.response
end

describe("blanks within a value", function()
  it("cost what other characters do, in each attribute of many instances", function()
    local instances = {}
    for i = 1, 40 do
      instances[i] = build.instance(i)
      for name, value in pairs(blanks(1024, 22)) do instances[i].attributes[name] = value end
    end
    local response = answer({ ["/a"] = "1" }, instances)
    assert.is_true(response.ok, response.error and response.error.message)
    assert.same({}, build.codes(response.warnings))
    assert.equal(40, #response.plan.clusters[1].endpoints)
  end)

  it("cost no more in a value too long to be kept, or of nothing else", function()
    local instance = build.instance(1)
    instance.attributes.long = blanks(1000000, 1).note1
    instance.attributes.nothing = (" "):rep(8192)
    local response = answer({ ["/a"] = "1" }, { instance })
    assert.is_true(response.ok, response.error and response.error.message)
    assert.same({ "bad_value" }, build.codes(response.warnings))
    assert.equal("", response.plan.clusters[1].endpoints[1].attributes.nothing)
  end)
end)

describe("noughts before what is no number", function()
  it("cost what other characters do, as weights and as ports", function()
    local zeros, attributes, instances = ("0"):rep(8190) .. "x", {}, {}
    for i = 1, 10 do
      attributes["/" .. i], instances[i] = zeros, build.instance(i)
      instances[i].attributes.AWS_INSTANCE_PORT = zeros
    end
    local response = answer(attributes, instances)
    assert.is_true(response.ok, response.error and response.error.message)
    assert.equal(20, #response.warnings)
  end)
end)
