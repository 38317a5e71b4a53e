-- Specs of `nightjar diff`: two policy folders on one snapshot.
local cli = require "spec.support.cli"
local json = require "host.json"
local program = require "host.program"

local MESH = [[
member: me
namespaces:
  - name: example.local
    own: true
    services:
      - {name: me, attributes: {"/me": 1}}
      - name: shop-blue
        attributes: {SERVICE: shop, COLOR: blue, "/shop": 90, "/shop/cart": 1}
        instances: [{id: a, ipv4: 127.0.0.1, port: 9001}, {id: c, ipv4: 127.0.0.1, port: 9003}]
      - name: shop-green
        attributes: {SERVICE: shop, COLOR: green, "/shop": 10}
        instances: [{id: b, ipv4: 127.0.0.1, port: 9002}]
]]

describe("nightjar diff", function()
  local folder

  -- Writes a policy folder: the shipped policies, and one of the spec's before `weights`.
  local function policies(name, body)
    local path = folder .. "/" .. name
    os.execute(("cp -r '%s/policies' '%s'"):format(program.data_directory(), path))
    cli.write(path .. "/extra.lua", ('return { about = "of a spec", apply = function(mesh, _,'
      .. " now)\nlocal listener = mesh.listeners[1]\n%s\nreturn mesh end }"):format(body or ""))
    cli.write(path .. "/init.lua", 'return { "own_service", "audience", "extra", "weights" }')
    return path
  end

  local function diff(...)
    local words = { "diff", ... }
    words.environment = { MESH_FILE = folder .. "/mesh.yaml", TMP_DIR = folder .. "/tmp" }
    return cli.run(words)
  end

  before_each(function()
    folder = cli.folder()
    cli.write(folder .. "/mesh.yaml", MESH)
  end)
  after_each(function() cli.remove(folder) end)

  it("prints nothing and exits with 0 where nothing differs", function()
    local got = diff(policies "a", policies "b")
    assert.same({ 0, "", "" }, { got.status, got.stdout, got.stderr })
    local facts = assert(json.decode(diff(folder .. "/a", folder .. "/b", "--json").stdout))
    assert.is_true(facts.equal)
    assert.same({}, facts.routes)
  end)

  it("shows each weight that differs, with the reasons that only one side has", function()
    local got = diff(policies "a", policies("b", [[
      for _, route in ipairs(listener.routes) do
        for _, entry in ipairs(route.clusters) do
          if entry.color == "green" then
            entry.weight = 50
            table.insert(entry.why, "it has proved itself")
          end
        end
      end]]))
    assert.equal(1, got.status, got.stderr)
    assert.equal("private-8080  /shop  green  10 → 50\n"
      .. "    B: extra: 10 → 50 (it has proved itself)\n", got.stdout)
    got = diff(folder .. "/b", folder .. "/a")
    assert.equal(1, got.status)
    assert.equal("private-8080  /shop  green  50 → 10\n"
      .. "    A: extra: 10 → 50 (it has proved itself)\n", got.stdout)
  end)

  it("compares with the second list of B, which others can explain and simulate", function()
    local a, b = policies "a", policies("b", [[
      for _, route in ipairs(listener.routes) do
        for _, entry in ipairs(route.path == "/shop" and route.clusters or {}) do
          entry.weight = 50
        end
      end]])
    cli.write(b .. "/init.lua", 'return { "own_service", "audience", "weights",\n'
      .. '  shadow = { "own_service", "audience", "extra", "weights" } }')
    assert.equal(0, diff(a, b).status)
    local got = diff(a, b, "--list", "shadow")
    assert.equal(1, got.status, got.stderr)
    assert.equal("private-8080  /shop  blue   90 → 50\n    B: extra: 90 → 50\n"
      .. "private-8080  /shop  green  10 → 50\n    B: extra: 10 → 50\n", got.stdout)
    local environment = { MESH_FILE = folder .. "/mesh.yaml", TMP_DIR = folder .. "/tmp",
      POLICY_DIR = b }
    got = cli.run { "explain", "/shop", "--list", "shadow", environment = environment }
    assert.matches("extra: 90 → 50", got.stdout, 1, true)
    got = cli.run { "simulate", "/shop", "--to", "+1s", "--step", "1s", "--list", "shadow",
      environment = environment }
    assert.matches("50.0 %%   50.0 %%", got.stdout)
    got = cli.run { "explain", "--list", "second", environment = environment }
    assert.same({ 2, 'nightjar: explain: --list: expected main or shadow, got "second"\n' },
      { got.status, got.stderr })
    got = diff(b, a, "--list", "shadow")
    assert.equal(2, got.status)
    assert.matches("names no list `shadow`", got.stderr, 1, true)
  end)

  it("shows what is gone with the reason, what is new, and the clusters that follow", function()
    local got = diff(policies "a", policies("b", [[
      for i, route in ipairs(listener.routes) do
        if route.path == "/shop" then
          table.remove(route.clusters, 2)
          table.insert(listener.removed, { path = "/shop", cluster = "shop-green@example.local",
            why = { "it is closed" } })
        end
      end
      table.insert(listener.routes, { path = "/new", service = "shop", audience = "public",
        why = {}, clusters = { { cluster = "shop-blue@example.local", service = "shop",
          color = "blue", weight = 7, audience = "public", why = {} } } })]]))
    assert.equal(1, got.status, got.stderr)
    assert.equal([[
private-8080  /shop                     green  10 → –
    B: extra: removed (it is closed)
private-8080  /new                      blue   – → 7
    B: extra: added with weight 7
cluster       shop-green@example.local         removed
]], got.stdout)
  end)

  it("shows endpoints that differ", function()
    local got = diff(policies "a", policies("b", [[
      for _, cluster in ipairs(mesh.clusters) do
        if cluster.color == "blue" then
          table.remove(cluster.endpoints)
          cluster.http2 = true
        end
      end]]))
    assert.equal([[
cluster  shop-blue@example.local  http2      false → true
cluster  shop-blue@example.local  endpoints  -127.0.0.1:9003
]], got.stdout)
  end)

  it("tells everything as JSON too", function()
    local got = diff(policies "a", policies("b", [[
      for _, route in ipairs(listener.routes) do
        if route.path == "/shop" then route.clusters[2].weight = 20 end
      end]]), "--json")
    assert.equal(1, got.status)
    local facts = assert(json.decode(got.stdout))
    assert.is_false(facts.equal)
    assert.same({ folder .. "/a", folder .. "/b" }, { facts.a, facts.b })
    local route = facts.routes[1]
    assert.same({ "private-8080", "/shop", "changed", 1 },
      { route.listener, route.path, route.change, #route.clusters })
    local entry = route.clusters[1]
    assert.same({ "green", 10, 20 }, { entry.color, entry.before, entry.after })
    assert.same({ a = {}, b = { "extra: 10 → 20" } }, entry.why)
  end)

  it("takes a snapshot or a record, and a time", function()
    policies "a"
    policies("b", 'if now == 1795687200 then listener.routes[1].clusters[1].weight = 9 end')
    local words = { "record", "--discover", "--output", folder .. "/kept.json" }
    words.environment = { MESH_FILE = folder .. "/mesh.yaml", TMP_DIR = folder .. "/tmp" }
    assert.equal(0, cli.run(words).status)
    os.remove(folder .. "/mesh.yaml")
    local kept = { folder .. "/a", folder .. "/b", "--snapshot", folder .. "/kept.json" }
    assert.equal(0, diff(table.unpack(kept)).status)
    table.move({ "--at", "2026-11-26T10:00:00Z" }, 1, 2, 5, kept)
    local got = diff(table.unpack(kept))
    assert.equal(1, got.status, got.stderr)
    assert.matches("→ 9\n", got.stdout, 1, true)
  end)

  it("tells a warning of one side with its folder, of both once", function()
    local got = diff(policies "a", policies("b",
      'table.insert(mesh.warnings, { code = "x", message = "take care" })'))
    assert.equal(("nightjar: warning: %s/b: take care\n"):format(folder), got.stderr)
    cli.write(folder .. "/a/extra.lua", cli.read(folder .. "/b/extra.lua"))
    got = diff(folder .. "/a", folder .. "/b")
    assert.same({ 0, "", "nightjar: warning: take care\n" }, { got.status, got.stdout, got.stderr })
  end)

  it("exits with 2 for wrong use, and for a folder that cannot be planned", function()
    policies "a"
    policies("b", "error('not today')")
    for _, case in ipairs {
      { "diff: a word is missing; usage: nightjar diff A B", folder .. "/a" },
      { "diff: c: unexpected word", folder .. "/a", folder .. "/b", "c" },
      { "diff: --at: expected unix seconds", folder .. "/a", folder .. "/b", "--at", "soon" },
      { "plan: policies: cannot open folder: " .. folder .. "/none", folder .. "/a",
        folder .. "/none" },
      { "plan: policy: policy extra: " .. folder .. "/b/extra.lua:3: not today",
        folder .. "/a", folder .. "/b" },
      { "diff: cannot read: " .. folder .. "/none", folder .. "/a", folder .. "/b", "--snapshot",
        folder .. "/none" },
    } do
      local got = diff(table.unpack(case, 2))
      assert.equal(2, got.status, got.stderr)
      assert.equal("", got.stdout)
      assert.matches("nightjar: " .. case[1], got.stderr, 1, true)
    end
  end)
end)
