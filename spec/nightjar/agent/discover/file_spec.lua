-- Meshes read from a YAML file: good ones, bad parts, and last good data.

local file = require "nightjar.agent.discover.file"
local merge = require "nightjar.agent.discover.merge"

local MESH = [[
member: web-blue
namespaces:
  - name: example.local
    own: true
    services:
      - name: web-blue
        attributes: { SERVICE: web, COLOR: blue, "/": 90, HTTP2: true, ratio: 1.5 }
        instances:
          - { id: b, ipv4: 127.0.0.1, port: 9001, zone: z1, health: unhealthy }
          - { id: a, ipv6: "::1", port: 9002, attributes: { version: 7 } }
      - name: web-green
        instances: [ { id: c, host: green.example, port: 9003 } ]
  - name: other.local
    id: ns-other
    port: 9000
]]

describe("discovery from a mesh file", function()
  local path, settings

  local function write(text)
    local handle = assert(io.open(path, "w"))
    handle:write(text)
    handle:close()
  end

  before_each(function()
    path = os.tmpname()
    settings = { discovery = "file", mesh_file = path, service_port = 8080, namespaces = {},
      gateway = false }
    write(MESH)
  end)

  after_each(function() os.remove(path) end)

  local function discover(previous, now)
    local reading, err = file.run(previous, settings, now or 100)
    if not reading then return nil, err end
    return merge.run(previous, reading)
  end

  local function messages(snapshot)
    local list = {}
    for position, warning in ipairs(snapshot.warnings) do list[position] = warning.message end
    return table.concat(list, "\n")
  end

  it("reads member, meshes, services and instances as Cloud Map would give them", function()
    local snapshot = assert(discover())
    assert.same({ mesh = "example.local", mesh_id = "example.local", service = "web-blue",
      id = "web-blue" }, snapshot.member)
    local own, other = snapshot.meshes[1], snapshot.meshes[2]
    assert.same({ "own", 8080, "private" }, { own.ref, own.port, own.audience })
    assert.same({ "ns-other", 9000, "public" }, { other.id, other.port, other.audience })
    local blue = own.services[1]
    assert.same({ SERVICE = "web", COLOR = "blue", ["/"] = "90", HTTP2 = "true",
      ratio = "1.5" }, blue.attributes)
    assert.same({ AWS_INSTANCE_IPV6 = "::1", AWS_INSTANCE_PORT = "9002", version = "7" },
      blue.instances[1].attributes)
    assert.same({ AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = "9001",
      AVAILABILITY_ZONE = "z1" }, blue.instances[2].attributes)
    assert.same({ "HEALTHY", "UNHEALTHY" },
      { blue.instances[1].health, blue.instances[2].health })
    assert.equal("green.example", own.services[2].instances[1].attributes.AWS_INSTANCE_CNAME)
    assert.same({}, snapshot.warnings)
  end)

  it("opens the listeners of NAMESPACE_x by name or id, whose port counts", function()
    settings.namespaces = { { ref = "NAMESPACE_4", namespace = "id:ns-other", port = 9100 } }
    local snapshot = discover()
    assert.equal(2, #snapshot.meshes)
    assert.same({ "NAMESPACE_4", 9100 }, { snapshot.meshes[2].ref, snapshot.meshes[2].port })
    assert.matches("namespaces[2].port: not used, NAMESPACE_x_PORT decides",
      messages(snapshot), 1, true)
  end)

  it("takes SERVICE_MEMBER before the file's member, and is a gateway without both", function()
    settings.service_member = "web-green"
    assert.equal("web-green", discover().member.service)
    settings.service_member = nil
    write((MESH:gsub("^member[^\n]*\n", "")))
    local snapshot = discover()
    assert.is_nil(snapshot.member)
    assert.equal(1, #snapshot.meshes)
    assert.equal("public", snapshot.meshes[1].audience)
    assert.equal("own_without_member", snapshot.warnings[1].code)
  end)

  it("has no own mesh as a gateway", function()
    settings.gateway, settings.service_member = true, "-gateway-"
    local snapshot = discover()
    assert.equal(1, #snapshot.meshes)
    assert.equal("other.local", snapshot.meshes[1].name)
  end)

  it("reads a service-settings instance as settings", function()
    write([[
namespaces:
  - name: a
    port: 1
    services:
      - name: s
        attributes: { COLOR: green }
        instances: [ { id: service-settings, attributes: { COLOR: blue, "/": 5 } } ]
]])
    local service = discover().meshes[1].services[1]
    assert.same({ COLOR = "green", ["/"] = "5" }, service.attributes)
    assert.equal(0, #service.instances)
  end)

  it("names path and expectation of a bad service, and goes on with the rest", function()
    write((MESH:gsub("9003", "http")))
    local snapshot = discover()
    assert.equal(1, #snapshot.meshes[1].services)
    assert.matches(path .. ': namespaces[1].services[2].instances[1].port: expected an integer '
      .. 'from 1 to 65535, got "http"', messages(snapshot), 1, true)
  end)

  it("keeps the last good data of a service that became bad (defects 1 and 7)", function()
    local before = discover()
    write((MESH:gsub("9003", "70000")))
    local after = discover(before, 130)
    local green = after.meshes[1].services[2]
    assert.is_true(green.stale)
    assert.same(before.meshes[1].services[2].instances, green.instances)
    assert.equal(130, after.meshes[1].services[1].read_at)
  end)

  it("keeps the last good data of a namespace that became bad", function()
    local before = discover()
    write((MESH:gsub("port: 9000", "port: 9000\n    prot: 1")))
    local after = discover(before, 130)
    assert.is_true(after.meshes[2].stale)
    assert.matches("namespaces[2].prot: unknown key; did you mean", messages(after), 1, true)
    assert.is_nil(after.meshes[1].stale)
  end)

  it("leaves the last snapshot in force while the file is away, cut or nonsense", function()
    local before = discover()
    for _, text in ipairs { "member: [", "[]", "just text", "namespaces: 3", "other: 1" } do
      write(text)
      local after = discover(before, 130)
      assert.equal(2, #after.meshes, text)
      assert.is_true(after.meshes[1].services[1].stale)
      assert.same(before.meshes[1].services[1].instances, after.meshes[1].services[1].instances)
      assert.same(before.member, after.member)
    end
    os.remove(path)
    assert.equal(100, discover(before, 130).meshes[1].read_at)
  end)

  it("fails with the file's name where nothing was ever read", function()
    os.remove(path)
    local snapshot, err = discover()
    assert.is_nil(snapshot)
    assert.matches(path, err, 1, true)
    write("namespaces: { a: 1 }")
    snapshot, err = discover()
    assert.is_nil(snapshot)
    assert.equal(path .. ": namespaces: expected a list, got a mapping", err)
  end)

  it("refuses two listeners on one port and names both (defect 3)", function()
    write((MESH:gsub("port: 9000", "port: 8080")))
    local snapshot, err = discover()
    assert.is_nil(snapshot)
    assert.matches("own and file:ns-other: both are port 8080", err, 1, true)
  end)

  it("refuses a listener on the port of Envoy's admin interface", function()
    write(MESH)
    settings.envoy_admin_port = 9000
    local snapshot, err = discover()
    assert.is_nil(snapshot)
    assert.equal("ENVOY_ADMIN_PORT: 9000 is the port of the listener of mesh "
      .. "other.local too; expected another one", err)
  end)

  it("says what is wrong where", function()
    for text, message in pairs {
      ["namespaces: [ 5 ]"] = "namespaces[1]: expected a mapping, got 5",
      ["namespaces: [ { port: 1 } ]"] = "namespaces[1].name: expected text, got nothing",
      ["namespaces: [ { name: a, services: 3 } ]"] =
        "namespaces[1].services: expected a list, got 3",
      ["namespaces: [ { name: a, services: [ { name: b, attributes: { k: [1] } } ] } ]"] =
        "namespaces[1].services[1].attributes.k: expected a single value, got a list",
      ["namespaces: [ { name: a, services: [ { name: b, color: c } ] } ]"] =
        "namespaces[1].services[1].color: unknown key",
      ["namespaces: [ { name: a, services: [ { name: b }, { name: b } ] } ]"] =
        "namespaces[1].services[2].name: expected a name and id not given before, got \"b\"",
      ["namespaces: [ { name: a, services: [ { name: b, instances: [ { ipv4: 1.2.3.4 } ] } ] } ]"] =
        "namespaces[1].services[1].instances[1].id: expected text, got nothing",
    } do
      write(text)
      local reading = file.run(nil, settings, 100)
      assert.matches(message, messages(reading), 1, true)
    end
  end)
end)
