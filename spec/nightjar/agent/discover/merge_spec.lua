-- A reading and the last snapshot become the next one.

local json = require "host.json"
local merge = require "nightjar.agent.discover.merge"

local function instance(id, port, health)
  return { id = id, health = health or "HEALTHY",
    attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = tostring(port) } }
end

local function service(name, attributes, instances)
  return { id = "srv-" .. name, name = name, attributes = attributes, instances = instances }
end

local function reading(now, services, fields)
  local mesh = { ref = "own", reference = "srv-blue", port = 8080, audience = "private",
    id = "ns-1", name = "shop.local", services = services }
  for key, value in pairs(fields or {}) do mesh[key] = value end
  return { source = "cloudmap", now = now, warnings = {}, meshes = { mesh },
    member = { mesh = "shop.local", mesh_id = "ns-1", service = "blue", id = "srv-blue" } }
end

local function colors()
  return {
    service("green", { ["/"] = "10" }, { instance("b", 2) }),
    service("blue", { ["/"] = "90" }, { instance("z", 1), instance("a", 1) }),
  }
end

describe("merge", function()
  it("makes a sorted snapshot: equal meshes are equal bytes", function()
    local one = merge.run(nil, reading(100, colors()))
    local shuffled = colors()
    shuffled[1], shuffled[2] = shuffled[2], shuffled[1]
    shuffled[1].instances = { instance("a", 1), instance("z", 1) }
    assert.equal(json.encode(one), json.encode(merge.run(nil, reading(100, shuffled))))
    assert.equal("blue", one.meshes[1].services[1].name)
    assert.equal("a", one.meshes[1].services[1].instances[1].id)
  end)

  it("survives JSON as it is", function()
    local one = merge.run(nil, reading(100, {}))
    assert.matches('"services":[]', json.encode(one), 1, true)
    local back = json.decode(json.encode(one))
    assert.equal(json.encode(one), json.encode(merge.run(back, reading(100, {}))))
  end)

  it("keeps since of an endpoint, its health and each setting while they do not change", function()
    local one = merge.run(nil, reading(100, colors()))
    local two = merge.run(one, reading(130, colors()))
    local blue = two.meshes[1].services[1]
    assert.equal(100, blue.since["/"])
    assert.equal(100, blue.instances[1].since)
    assert.equal(100, blue.instances[1].health_since)
    assert.equal(130, blue.read_at)
  end)

  it("moves since of just what changed", function()
    local one = merge.run(nil, reading(100, colors()))
    local changed = colors()
    changed[2].attributes = { ["/"] = "80", COLOR = "blue" }
    changed[2].instances = { instance("a", 1, "UNHEALTHY"), instance("z", 5), instance("n", 6) }
    local blue = merge.run(one, reading(130, changed)).meshes[1].services[1]
    assert.same({ ["/"] = 130, COLOR = 130 }, blue.since)
    assert.same({ 100, 130, 130 },
      { blue.instances[1].since, blue.instances[2].since, blue.instances[3].since })
    assert.equal(130, blue.instances[1].health_since)
  end)

  -- What discovery says of a service whose answer it has seen.
  local function unchanged(name)
    return { id = "srv-" .. name, name = name, same = true, fingerprint = name .. "1" }
  end

  local function by_id(services)
    local found = {}
    for _, one in ipairs(services) do found[one.id] = one end
    return found
  end

  it("keeps a service in which nothing is new as it is, read just now", function()
    local one = merge.run(nil, reading(100, colors()))
    local before = one.meshes[1].services[1]
    local two = merge.run(one, reading(130, { unchanged("green"), unchanged("blue") }))
    local blue = two.meshes[1].services[1]
    assert.equal(before, blue) -- the very table: it need not be compared
    assert.equal(130, blue.read_at)
    assert.same({ ["/"] = 100 }, blue.since)
    assert.equal(2, #two.meshes[1].services)
  end)

  -- Another listener may serve the same namespace, and have read it when this one could not.
  it("goes by what is known of a service, where that is more than the mesh had", function()
    local function failed(name) return { id = "srv-" .. name, name = name, error = "y" } end
    local one = merge.run(nil, reading(100, colors()))
    local two = merge.run(one, reading(130, nil, { error = "x" }))
    local newer = colors()
    newer[1].attributes, newer[2].attributes = { ["/"] = "20" }, { ["/"] = "80" }
    newer[3], newer[4] = service("red", {}, { instance("r", 3) }), service("pink", {}, {})
    local known = by_id(merge.run(one, reading(130, newer)).meshes[1].services)
    local three = merge.run(two, reading(160, { newer[1], unchanged("blue"), failed("red"),
      { id = "srv-pink", name = "pink", kept = true } }, { before = known }))
    local found = {}
    for position, item in ipairs(three.meshes[1].services) do
      found[position] = { item.name, item.attributes["/"], item.since["/"], item.read_at,
        item.stale or false, item.error or "" }
    end
    assert.same({ { "blue", "80", 130, 160, false, "" }, { "green", "20", 130, 160, false, "" },
      { "pink", nil, nil, 130, false, "" }, { "red", nil, nil, 130, true, "y" } }, found)
    assert.equal("90", two.meshes[1].services[1].attributes["/"])
  end)

  it("drops attributes and services that are gone (defect 15)", function()
    local given = colors()
    given[2].attributes.HTTP2 = "yes"
    local one = merge.run(nil, reading(100, given))
    local two = merge.run(one, reading(130, { colors()[2] }))
    assert.equal(1, #two.meshes[1].services)
    assert.is_nil(two.meshes[1].services[1].attributes.HTTP2)
    assert.is_nil(two.meshes[1].services[1].since.HTTP2)
  end)

  it("keeps the last good data of a service whose reading failed, with its age (defect 1)",
    function()
      local one = merge.run(nil, reading(100, colors()))
      local two = merge.run(one, reading(130, { colors()[1],
        { id = "srv-blue", name = "blue", error = "DiscoverInstances: 500 InternalFailure" } }))
      local blue, green = two.meshes[1].services[1], two.meshes[1].services[2]
      assert.is_true(blue.stale)
      assert.equal("DiscoverInstances: 500 InternalFailure", blue.error)
      assert.equal(100, blue.read_at)
      assert.same(one.meshes[1].services[1].instances, blue.instances)
      assert.same(one.meshes[1].services[1].attributes, blue.attributes)
      assert.is_nil(green.stale)
      assert.equal(130, green.read_at)
      assert.equal("service_stale", two.warnings[1].code)
    end)

  it("keeps it for as long as it takes, and forgets the error when it can read again", function()
    local broken = { id = "srv-blue", name = "blue", error = "x" }
    local snapshot = merge.run(nil, reading(100, colors()))
    for now = 130, 1000, 30 do
      snapshot = merge.run(snapshot, reading(now, { colors()[1], broken }))
    end
    assert.equal(100, snapshot.meshes[1].services[1].read_at)
    snapshot = merge.run(snapshot, reading(1030, colors()))
    local blue = snapshot.meshes[1].services[1]
    assert.is_nil(blue.stale)
    assert.is_nil(blue.error)
    assert.equal(100, blue.since["/"])
    assert.same({}, snapshot.warnings)
  end)

  it("leaves out a service that was never read, and says so", function()
    local snapshot = merge.run(nil, reading(100, { colors()[1],
      { id = "srv-blue", name = "blue", error = "denied" } }))
    assert.equal(1, #snapshot.meshes[1].services)
    assert.equal("service_unread", snapshot.warnings[1].code)
    assert.equal("blue", snapshot.warnings[1].service)
  end)

  it("keeps all services of a mesh whose list failed", function()
    local one = merge.run(nil, reading(100, colors()))
    local failed = reading(130, nil, { error = "ListServices: 503 HTTP503", port = 8081 })
    failed.meshes[1].services = nil
    local two = merge.run(one, failed)
    local mesh = two.meshes[1]
    assert.is_true(mesh.stale)
    assert.equal(100, mesh.read_at)
    assert.equal(8081, mesh.port)
    assert.equal(2, #mesh.services)
    assert.is_true(mesh.services[2].stale)
    assert.equal("mesh_stale", two.warnings[1].code)
  end)

  it("knows a mesh that could not be found by the operator's word for it", function()
    local one = merge.run(nil, reading(100, colors()))
    local failed = reading(130)
    failed.member = nil
    local mesh = failed.meshes[1]
    mesh.id, mesh.name, mesh.error = nil, nil, "GetService: 503 HTTP503"
    local two = merge.run(one, failed)
    assert.equal(2, #two.meshes[1].services)
    assert.same(one.member, two.member)
    mesh.reference = "arn:aws:servicediscovery:r:1:service/srv-blue"
    assert.equal(2, #merge.run(one, failed).meshes[1].services)
  end)

  it("never lets another namespace under the same variable stand in", function()
    local given = reading(100, colors(), { ref = "NAMESPACE_3", reference = "shop.local",
      audience = "public" })
    given.member = nil
    local one = merge.run(nil, given)
    local failed = reading(130, nil, { ref = "NAMESPACE_3", reference = "other.local",
      audience = "public", error = "ListNamespaces: 503 HTTP503" })
    failed.meshes[1].id, failed.meshes[1].name = nil, nil
    local snapshot, err = merge.run(one, failed)
    assert.is_nil(snapshot)
    assert.equal("NAMESPACE_3: ListNamespaces: 503 HTTP503", err)
    failed.meshes[1].reference = "id:ns-1"
    assert.equal(2, #merge.run(one, failed).meshes[1].services)
  end)

  it("gives a mesh that was never read its listener, without services", function()
    local given = reading(100, colors())
    given.meshes[2] = { ref = "NAMESPACE_0", reference = "gone.local", port = 9000,
      audience = "public", error = 'no namespace is named "gone.local"' }
    local snapshot = merge.run(nil, given)
    assert.equal(2, #snapshot.meshes)
    local mesh = snapshot.meshes[2]
    assert.same({ "gone.local", 9000, 0, 0 },
      { mesh.name, mesh.port, mesh.read_at, #mesh.services })
    assert.equal("mesh_unread", snapshot.warnings[1].code)
  end)

  it("fails only when nothing was ever read and nothing can be read now", function()
    local failed = reading(100, nil, { error = "ListServices: 503 HTTP503" })
    local snapshot, err = merge.run(nil, failed)
    assert.is_nil(snapshot)
    assert.equal("own: ListServices: 503 HTTP503", err)
    snapshot, err = merge.run(nil, reading(100, { { id = "s", name = "s", error = "denied" } }))
    assert.is_nil(snapshot)
    assert.matches("no service could be read", err, 1, true)
    assert.truthy(merge.run(nil, reading(100, {})))
  end)

  it("takes nothing from the snapshot of another source", function()
    local one = merge.run(nil, reading(100, colors()))
    one.source = "file"
    local failed = reading(130, nil, { error = "x" })
    assert.is_nil((merge.run(one, failed)))
  end)

  it("puts the own mesh first, then the others by their number", function()
    local given = reading(100, {})
    for _, ref in ipairs { "NAMESPACE_10", "file:x", "NAMESPACE_9" } do
      given.meshes[#given.meshes + 1] = { ref = ref, port = 1, audience = "public", id = ref,
        name = ref, services = {} }
    end
    local refs = {}
    for position, mesh in ipairs(merge.run(nil, given).meshes) do refs[position] = mesh.ref end
    assert.same({ "own", "NAMESPACE_9", "NAMESPACE_10", "file:x" }, refs)
  end)

  it("does not change the snapshot it was given", function()
    local one = merge.run(nil, reading(100, colors()))
    local before = json.encode(one)
    local failed = reading(130, { { id = "srv-blue", name = "blue", error = "x" } })
    local two = merge.run(one, failed)
    two.meshes[1].services[1].attributes["/"] = "changed"
    assert.equal(before, json.encode(one))
  end)
end)

describe("merge.settings_of", function()
  it("takes the settings instance for settings, never for an endpoint", function()
    local attributes, endpoints = merge.settings_of({
      { id = "service-settings", health = "HEALTHY", attributes = { COLOR = " blue ", A = "1" } },
      instance("a", 1), instance("Service-Settings", 2),
    }, {})
    assert.same({ COLOR = "blue", A = "1" }, attributes)
    assert.equal(2, #endpoints)
  end)

  it("lets service-level attributes win", function()
    local attributes = merge.settings_of({
      { id = "service-settings", health = "HEALTHY", attributes = { ["/"] = "90", A = "1" } },
    }, { ["/"] = "\t50 " })
    assert.same({ ["/"] = "50", A = "1" }, attributes)
  end)
end)
