-- Specs of `nightjar record`, and of replaying what it wrote.
local cli = require "spec.support.cli"
local json = require "host.json"

local MESH = [[
member: me
namespaces:
  - name: example.local
    own: true
    services:
      - {name: me, attributes: {"/me": 1}}
      - name: web-blue
        attributes: {SERVICE: web, COLOR: blue, "/": %d}
        instances: [{id: a, ipv4: 127.0.0.1, port: 9001}]
      - name: web-green
        attributes: {SERVICE: web, COLOR: green, "/": 10}
        instances: [{id: b, ipv4: 127.0.0.1, port: 9002}]
]]

-- A policy that shows all that it decides from.
local SHOWING = [[
local function apply(mesh, settings, now)
  local route = mesh.listeners[1].routes[1]
  table.insert(route.why, ("now %d, word %s"):format(now, settings.word))
  return mesh
end
return { about = "shows", settings = { word = { type = "string", default = "none" } },
  apply = apply }]]

describe("nightjar record", function()
  local folder

  -- Beside the agent, or elsewhere: with another TMP_DIR and mesh.
  local function run(words, where)
    words.environment = where or { MESH_FILE = folder .. "/mesh.yaml", TMP_DIR = folder .. "/tmp",
      SERVICE_PORT = 18080, POLICY_DIR = folder .. "/policies",
      NIGHTJAR_CONFIG = folder .. "/config.yaml" }
    return cli.run(words)
  end

  local function elsewhere(more)
    local environment = { TMP_DIR = folder .. "/elsewhere", POLICY_DIR = folder .. "/policies" }
    for name, value in pairs(more or {}) do environment[name] = value end
    return environment
  end

  local function keep(name, value)
    cli.write(folder .. "/tmp/nightjar-state/" .. name, assert(json.encode(value)))
  end

  local function snapshot_now()
    local got = run { "discover" }
    assert(got.status == 0, got.stderr)
    return assert(json.decode(got.stdout))
  end

  before_each(function()
    folder = cli.folder()
    cli.write(folder .. "/mesh.yaml", MESH:format(90))
    cli.write(folder .. "/policies/init.lua", 'return { "own_service", "audience", "showing" }')
    cli.write(folder .. "/policies/showing.lua", SHOWING)
    for _, name in ipairs { "own_service", "audience" } do
      os.execute(("cp '%s/policies/%s.lua' %s/policies"):format(
        require("host.program").data_directory(), name, folder))
    end
    cli.write(folder .. "/config.yaml", "policies: {showing: {word: kept}}\n")
  end)
  after_each(function() cli.remove(folder) end)

  it("has a host without IPv6 plan as one that has, and the other way round", function()
    keep("snapshot.json", snapshot_now())
    local kept = assert(json.decode(run({ "record" }).stdout))
    for _, no_ipv6 in ipairs { true, false } do
      kept.settings.no_ipv6 = no_ipv6 or nil
      kept.snapshot.meshes[1].services[2].instances[1].attributes = {
        AWS_INSTANCE_IPV6 = "2001:db8::1", AWS_INSTANCE_PORT = "80" }
      cli.write(folder .. "/record.json", assert(json.encode(kept)))
      local got = run({ "explain", "/", "--snapshot", folder .. "/record.json" }, elsewhere())
      assert.equal(no_ipv6, got.stderr:find("which this host has not", 1, true) ~= nil, got.stderr)
    end
  end)

  it("writes down snapshot, time, settings and hashes, and nothing in force where nothing is",
    function()
      keep("snapshot.json", snapshot_now())
      local before = os.time()
      local got = run { "record" }
      assert.equal(0, got.status, got.stderr)
      assert.equal("", got.stderr)
      local kept = assert(json.decode(got.stdout))
      assert.same({ 1, "nightjar-record" }, { kept.format, kept.kind })
      assert.is_true(kept.at >= before and kept.at <= os.time())
      assert.equal("example.local", kept.snapshot.meshes[1].name)
      assert.same({ word = "kept" }, kept.settings.policies.showing)
      assert.is_nil(kept.previous)
      for _, name in ipairs { "policies", "templates", "settings" } do
        assert.matches("^%x+$", kept.inputs[name])
      end
    end)

  it("holds no secret of the agent's environment", function()
    keep("snapshot.json", snapshot_now())
    local got = run({ "record" }, { MESH_FILE = folder .. "/mesh.yaml", TMP_DIR = folder .. "/tmp",
      AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "hush-hush" })
    assert.equal(0, got.status, got.stderr)
    assert.is_nil(got.stdout:find("AKIDEXAMPLE", 1, true) or got.stdout:find("hush", 1, true))
  end)

  it("writes a file that only its owner can read", function()
    keep("snapshot.json", snapshot_now())
    local got = run { "record", "--output", folder .. "/kept.json" }
    assert.same({ 0, "", "" }, { got.status, got.stdout, got.stderr })
    assert.equal(384, require("host.file").stat(folder .. "/kept.json").mode & 511)
    got = run { "record", "--output", folder .. "/none/kept.json" }
    assert.equal(1, got.status)
    assert.matches("^nightjar: record: .*/none/kept.json", got.stderr)
  end)

  it("writes into a pipe or a device, which it does not replace", function()
    keep("snapshot.json", snapshot_now())
    local got = run { "record", "--output", "/dev/stdout" }
    assert.same({ 0, "" }, { got.status, got.stderr })
    assert.equal("nightjar-record", assert(json.decode(got.stdout)).kind)
    local pipe = folder .. "/pipe"
    os.execute("mkfifo " .. pipe)
    local reader = io.popen("timeout 20 cat " .. pipe)
    assert.equal(0, run({ "record", "--output", pipe }).status)
    assert.equal("nightjar-record", assert(json.decode(reader:read("a"))).kind)
    reader:close()
    assert.equal("fifo", require("host.file").stat(pipe).type)
  end)

  it("is read from a pipe, as a shell makes one for <(…)", function()
    keep("snapshot.json", snapshot_now())
    local pipe = folder .. "/pipe"
    assert.equal(0, run({ "record", "--output", folder .. "/kept.json" }).status)
    os.execute(("mkfifo %s; timeout 20 cat %s/kept.json >%s &"):format(pipe, folder, pipe))
    local got = run({ "explain", "--snapshot", pipe }, elsewhere())
    assert.equal(0, got.status, got.stderr)
    assert.matches("^snapshot: .*/pipe, a record, ", got.stdout)
  end)

  it("is refused where its snapshot is none", function()
    keep("snapshot.json", snapshot_now())
    local kept = assert(json.decode(run({ "record" }).stdout))
    for expected, change in pairs {
      ['snapshot.taken_at: expected unix seconds, got "x"'] = { "taken_at", "x" },
      ["snapshot.meshes: expected a list, got an object"] = { "meshes", { own = {} } },
    } do
      local before = kept.snapshot[change[1]]
      kept.snapshot[change[1]] = change[2]
      cli.write(folder .. "/broken.json", assert(json.encode(kept)))
      kept.snapshot[change[1]] = before
      local got = run({ "explain", "--snapshot", folder .. "/broken.json" }, elsewhere())
      assert.same({ 1, "", ("nightjar: explain: %s/broken.json: %s\n"):format(folder, expected) },
        { got.status, got.stdout, got.stderr })
    end
  end)

  it("says where it looked when no agent has been there; --discover asks the world", function()
    local got = run { "record" }
    assert.equal(1, got.status)
    assert.equal("nightjar: record: " .. folder .. "/tmp/nightjar-state: has no snapshot; expected "
      .. "that of an agent with this TMP_DIR (--discover asks the world instead)\n", got.stderr)
    got = run { "record", "--discover" }
    assert.equal(0, got.status, got.stderr)
    assert.equal("example.local", assert(json.decode(got.stdout)).snapshot.meshes[1].name)
  end)

  it("replays anywhere: the time and the policies' settings are the record's", function()
    assert.equal(0, run({ "record", "--discover", "--output", folder .. "/kept.json" }).status)
    local at = assert(json.decode(cli.read(folder .. "/kept.json"))).at
    local words = { "explain", "/", "--snapshot", folder .. "/kept.json" }
    local got = run(words, elsewhere())
    assert.equal(0, got.status, got.stderr)
    assert.matches(("showing: now %d, word kept\n"):format(at), got.stdout, 1, true)
    assert.matches("^snapshot: .*/kept.json, a record, ", got.stdout)
    words[5] = "--at=+1h"
    assert.matches("word kept", run(words, elsewhere()).stdout, 1, true)
  end)

  it("tells whether the policies are those that it was made with", function()
    assert.equal(0, run({ "record", "--discover", "--output", folder .. "/kept.json" }).status)
    local words = { "explain", "--json", "--snapshot", folder .. "/kept.json" }
    assert.is_false(assert(json.decode(run(words, elsewhere()).stdout)).other_policies)
    cli.write(folder .. "/policies/init.lua", 'return { "own_service", "audience" }')
    assert.is_true(assert(json.decode(run(words, elsewhere()).stdout)).other_policies)
    words[2] = "/"
    assert.matches("^snapshot: [^\n]+\npolicies: others than the record was made with\n",
      run(words, elsewhere()).stdout)
  end)

  it("gives the same files as the agent's own render", function()
    assert.equal(0, run({ "record", "--discover", "--output", folder .. "/kept.json" }).status)
    local words = { "render", "--snapshot", folder .. "/kept.json" }
    local here, there = run(words), run(words, elsewhere { TMP_DIR = nil })
    assert.equal(0, here.status, here.stderr)
    assert.equal(here.stdout, run(words, { POLICY_DIR = folder .. "/policies" }).stdout)
    -- Whoever names another folder gets files for that one.
    assert.matches(folder .. "/elsewhere/active-envoy-config", there.stdout, 1, true)
  end)

  it("lets the settings that are given here win", function()
    assert.equal(0, run({ "record", "--discover", "--output", folder .. "/kept.json" }).status)
    cli.write(folder .. "/other.yaml", "policies: {showing: {word: given}}\n")
    local got = run({ "explain", "/", "--snapshot", folder .. "/kept.json" },
      elsewhere { NIGHTJAR_CONFIG = folder .. "/other.yaml" })
    assert.matches("word given", got.stdout, 1, true)
    got = run({ "render", "--snapshot", folder .. "/kept.json", "--envoy-admin-port", "7777" },
      elsewhere())
    assert.matches("7777", got.stdout, 1, true)
  end)

  it("holds what is in force, so that a cluster that leaves lingers in the replay too", function()
    keep("snapshot.json", snapshot_now())
    local gone = { name = "gone@example.local", mesh = "example.local", service = "gone",
      color = "default", cloudmap_service = "gone", http2 = false, attributes = {}, since = {},
      age = 0, stale = false, endpoints = { { id = "g", address = "127.0.0.9", family = "ipv4",
        port = 9, health = "healthy", since = 1, attributes = {} } } }
    keep("accepted.json", { format = 1, generation = "g1", paths = json.array {},
      clusters = { gone }, routes = { { listener = "private-18080", path = "/gone",
        clusters = { gone.name } } } })
    assert.equal(0, run({ "record", "--output", folder .. "/kept.json" }).status)
    local words = { "render", "--snapshot", folder .. "/kept.json" }
    local got = run(words, elsewhere())
    assert.equal(0, got.status, got.stderr)
    assert.matches("127.0.0.9", got.stdout, 1, true)
  end)

  it("holds the zone that the agent is in, so that no replay asks for another", function()
    cli.write(folder .. "/policies/showing.lua", (SHOWING:gsub('"now %%d, word %%s"%):format%b()',
      '"zone " .. (mesh.zone or "unknown"))')))
    local function zone_of(zone, where)
      assert.equal(0, run({ "record", "--discover", "--availability-zone", zone, "--output",
        folder .. "/kept.json" }).status)
      local got = run({ "explain", "/", "--snapshot", folder .. "/kept.json" }, where)
      assert.same({ 0, "" }, { got.status, got.stderr })
      return got.stdout:match("showing: zone (%S+)")
    end
    assert.equal("zone-a", zone_of("zone-a", elsewhere()))
    assert.equal("zone-b", zone_of("zone-a", elsewhere { AVAILABILITY_ZONE = "zone-b" }))
    -- There nobody would answer; a replay does not ask.
    local mute = elsewhere { ECS_CONTAINER_METADATA_URI_V4 = "http://127.0.0.1:1" }
    assert.equal("unknown", zone_of("", mute))
  end)

  it("gives policies what the agent has in force, as explain does where the agent runs", function()
    cli.write(folder .. "/policies/showing.lua", [[
local function apply(mesh, settings, now, previous)
  local before = previous and previous.listeners[1].routes[1].clusters[1].weight or "nothing"
  table.insert(mesh.listeners[1].routes[1].why, "before: " .. before)
  return mesh
end
return { about = "shows what was", apply = apply, settings = { word = { type = "string" } } }]])
    assert.matches("showing: before: nothing", run({ "explain", "/" }).stdout, 1, true)
    local got = run { "once", "--envoy-bin=" }
    assert.equal(0, got.status, got.stderr)
    cli.write(folder .. "/mesh.yaml", MESH:format(50))
    assert.matches("showing: before: 90", run({ "explain", "/" }).stdout, 1, true)
    assert.equal(0, run({ "record", "--output", folder .. "/kept.json" }).status)
    local replayed = run({ "explain", "/", "--snapshot", folder .. "/kept.json" }, elsewhere())
    assert.matches("showing: before: 90", replayed.stdout, 1, true)
  end)

  it("names the field of a record that is wrong", function()
    assert.equal(0, run({ "record", "--discover", "--output", folder .. "/kept.json" }).status)
    for _, case in ipairs {
      { "settings", 5, "settings: expected an object, got 5" },
      { "settings", { policies = 5 }, "settings.policies: expected an object, got 5" },
    } do
      local kept = assert(json.decode(cli.read(folder .. "/kept.json")))
      kept[case[1]] = case[2]
      local got = cli.run { "explain", "--snapshot", "-", input = assert(json.encode(kept)) }
      assert.equal("nightjar: explain: standard input: " .. case[3] .. "\n", got.stderr)
    end
    for field, case in pairs {
      format = { 2, "format: expected 1, got 2" },
      at = { "now", 'at: expected unix seconds, got "now"' },
      previous = { 1, "previous: expected an object, got 1" },
      snapshot = { 1, "snapshot: expected a snapshot of format 1" },
      settings = { { ping_path = 7 }, "settings.ping_path: expected string, got 7" },
    } do
      local kept = assert(json.decode(cli.read(folder .. "/kept.json")))
      kept[field] = case[1]
      local got = cli.run { "explain", "--snapshot", "-", input = assert(json.encode(kept)) }
      assert.equal(1, got.status)
      assert.equal("nightjar: explain: standard input: " .. case[2] .. "\n", got.stderr)
    end
  end)
end)
