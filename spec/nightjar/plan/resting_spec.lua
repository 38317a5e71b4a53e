-- Which service-colors discovery need not read at each pass, since no listener could show them.
local program = require "host.program"
local file = require "host.file"
local json = require "host.json"
local plan = require "spec.support.plan"

local NOW = 1700000000

local function instance(id)
  return { id = id, health = "HEALTHY", since = NOW, health_since = NOW,
    attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = "80" .. id } }
end

local function service(name, attributes, instances)
  return { id = "srv-" .. name, name = name, read_at = NOW, since = json.decode("{}"),
    attributes = next(attributes) and attributes or json.decode("{}"),
    instances = json.array(instances or { instance("01") }) }
end

local function mesh(ref, name, port, audience, services)
  return { ref = ref, name = name, id = "ns-" .. name, port = port, audience = audience,
    read_at = NOW, services = json.array(services) }
end

-- All policies that are shipped, in their order.
local function shipped()
  local folder = assert(file.folder(assert(program.data_directory()) .. "/policies"))
  local list = {}
  for _, name in ipairs(assert(folder:list())) do
    if name:match("%.lua$") and not name:match("^meta/") then
      list[#list + 1] = { name = name, text = assert(folder:read(name)) }
    end
  end
  folder:close()
  return list
end

describe("a service-color", function()
  local policies
  setup(function() policies = shipped() end)

  local function response_for(meshes, member, more)
    local request = plan.request("")
    request.snapshot.meshes, request.snapshot.member = json.array(meshes), member
    request.policies = more or policies
    local response = plan.run(request).response
    assert(response.ok, response.error and response.error.message)
    return response
  end

  local function resting(...)
    local names = {}
    for i, item in ipairs(response_for(...).resting) do
      names[i] = item.mesh .. "/" .. item.service
    end
    return names
  end

  it("rests without a path, and does not with one", function()
    assert.same({ "m/batch" }, resting { mesh("own", "m", 8080, "private", {
      service("web", { ["/"] = "1" }), service("batch", { SERVICE = "batch" }) }) })
  end)

  it("rests when it is the own one, which a sidecar never shows", function()
    local services = { service("web", { ["/"] = "1" }), service("shop", { ["/shop"] = "1" }) }
    assert.same({ "m/web" }, resting({ mesh("own", "m", 8080, "private", services) },
      { mesh = "m", mesh_id = "ns-m", service = "web", id = "srv-web" }))
  end)

  it("rests with private paths where only public listeners are", function()
    local services = { service("stock", { ["?/stock"] = "1" }),
      service("shop", { ["/shop"] = "1", ["?/admin"] = "1" }) }
    assert.same({ "m/stock" }, resting { mesh("NAMESPACE_0", "m", 9000, "public", services) })
  end)

  it("does not rest while any listener shows it", function()
    local services = { service("stock", { ["?/stock"] = "1" }) }
    assert.same({}, resting { mesh("own", "m", 8080, "private", services),
      mesh("NAMESPACE_0", "m", 9000, "public", services) })
  end)

  it("does not rest with weight 0, nor without endpoints: both may change at any time", function()
    assert.same({}, resting { mesh("own", "m", 8080, "private", {
      service("green", { SERVICE = "web", COLOR = "green", ["/"] = "0" }),
      service("blue", { SERVICE = "web", COLOR = "blue", ["/"] = "9" }, {}),
      service("zero", { ["/zero"] = "0" }) }) })
  end)

  it("does not rest while another borrows its endpoints", function()
    assert.same({}, resting { mesh("own", "m", 8080, "private", {
      service("blue", { SERVICE = "web", COLOR = "blue", ["/"] = "1", FAILOVER = "green" }),
      service("green", { SERVICE = "web", COLOR = "green" }) }) })
  end)

  it("does not rest when another mesh of that name shows one of its name", function()
    assert.same({}, resting {
      mesh("NAMESPACE_0", "m", 9000, "public", { service("web", { ["/"] = "1" }) }),
      { ref = "NAMESPACE_1", name = "m", id = "ns-other", port = 9001, audience = "public",
        read_at = NOW, services = json.array { service("web", {}) } } })
  end)

  it("does not rest when a policy took it out for a reason that may pass", function()
    local own = { { name = "init.lua", text = 'return { "cut" }' }, { name = "cut.lua", text =
      'return { about = "cuts", apply = function(mesh) mesh.listeners[1].routes = {} return mesh '
      .. "end }" } }
    assert.same({}, resting({ mesh("own", "m", 8080, "private", {
      service("web", { ["/"] = "1" }) }) }, nil, own))
  end)

  describe("and the clock: a plan", function()
    local function timeless(attributes, more)
      return response_for({ mesh("own", "m", 8080, "private", {
        service("web", attributes) }) }, nil, more).timeless
    end

    it("is the same at any time while no policy that looks at the clock has anything to do",
      function() assert.is_true(timeless { ["/"] = "1" }) end)

    it("depends on it while there is a ramp", function()
      assert.is_false(timeless { ["/"] = "1", RAMP_START = "2023-11-14T00:00:00Z",
        RAMP_DURATION = "1h" })
    end)

    it("is taken to depend on it by a policy of three parameters, or of any number", function()
      for parameters, expected in pairs { ["mesh"] = true, ["mesh, settings"] = true,
        ["mesh, settings, now"] = false, ["mesh, ..."] = false } do
        local text = ('return { about = "a", apply = function(%s) return mesh end }')
          :format(parameters)
        assert.equal(expected, timeless({ ["/"] = "1" }, { { name = "init.lua",
          text = 'return { "a" }' }, { name = "a.lua", text = text } }), parameters)
      end
    end)

    it("is taken to depend on it where any policy reads a cluster's age", function()
      local function with(text, library)
        return timeless({ ["/"] = "1" }, { { name = "init.lua", text = 'return { "a" }' },
          { name = "a.lua", text = text }, { name = "lib/b.lua", text = library or "return {}" } })
      end
      local policy = 'return { about = "a", apply = function(mesh) %s return mesh end }'
      assert.is_false(with(policy:format("local old = mesh.clusters[1].age")))
      assert.is_false(with(policy:format('local old = mesh.clusters[1]["age"]')))
      assert.is_false(with(policy:format(""), "return function(one) return one.age end"))
      assert.is_true(with(policy:format("local manage, aged = 1, 2")))
    end)
  end)
end)
