-- Specs of the commands around snapshots: discover, render, explain.
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
        attributes: {SERVICE: web, COLOR: blue, "/": 90}
        instances: [{id: a, ipv4: 127.0.0.1, port: 9001}]
      - name: web-green
        attributes: {SERVICE: web, COLOR: green, "/": 10}
        instances: [{id: b, ipv4: 127.0.0.1, port: 9002}]
]]

describe("snapshot commands", function()
  local folder, snapshot

  local function run(...)
    local words = { ... }
    words.environment = { MESH_FILE = folder .. "/mesh.yaml", TMP_DIR = folder .. "/tmp",
      SERVICE_PORT = 18080 }
    words.input = snapshot
    return cli.run(words)
  end

  setup(function()
    folder = cli.folder()
    cli.write(folder .. "/mesh.yaml", MESH)
    local got = run "discover"
    assert(got.status == 0, got.stderr)
    snapshot = got.stdout
  end)
  teardown(function() cli.remove(folder) end)

  local function listing(path)
    local pipe = assert(io.popen("cd " .. path .. " && find . -type f | LC_ALL=C sort"))
    local text = pipe:read("a")
    pipe:close()
    return text
  end

  it("discover prints the snapshot as JSON, nothing else", function()
    local value = assert(json.decode(snapshot))
    assert.equal(1, value.format)
    assert.equal("example.local", value.meshes[1].name)
    assert.equal(3, #value.meshes[1].services)
  end)

  it("render writes the files of a snapshot into a folder", function()
    local got = run("render", "--output", folder .. "/out")
    assert.equal(0, got.status, got.stderr)
    assert.equal("./cds.json\n./envoy-config.yaml\n./input.json\n./lds.json\n"
      .. "./rds/private-18080.json\n", listing(folder .. "/out"))
    local routes = assert(json.decode(cli.read(folder .. "/out/rds/private-18080.json")))
    local route = routes.resources[1].virtual_hosts[1].routes[1].route
    assert.equal(90, route.weighted_clusters.clusters[1].weight)
    assert.matches("/out/cds.json (clusters, version ", got.stdout, 1, true)
  end)

  it("render touches nothing else", function()
    local before = listing(folder)
    local got = run("render")
    assert.equal(0, got.status, got.stderr)
    assert.matches("==> envoy-config.yaml (bootstrap", got.stdout, 1, true)
    assert.equal(before, listing(folder))
  end)

  it("render gives the same bytes each time, from a file as from standard input", function()
    cli.write(folder .. "/snapshot.json", snapshot)
    local first = run("render")
    assert.same(first, run("render", "--snapshot", "-"))
    assert.same(first, run("render", "--snapshot", folder .. "/snapshot.json"))
  end)

  it("render copies files byte by byte, and shows no bytes that are not text", function()
    os.execute(("cp -r %s/templates %s/templates"):format(
      require("host.program").data_directory(), folder))
    cli.write(folder .. "/templates/a.bin", "\0\27\255")
    local dir = "--envoy-template-dir=" .. folder .. "/templates"
    assert.equal(0, run("render", dir, "--output", folder .. "/copy").status)
    assert.equal("\0\27\255", cli.read(folder .. "/copy/a.bin"))
    local text = run("render", dir).stdout
    assert.matches("==> a.bin (copied) <==\n(3 bytes that are not text)\n", text, 1, true)
    assert.is_nil(text:find("\27"))
  end)

  it("refuses what is no snapshot, and a time that is none", function()
    local cases = {
      { "standard input: ", 1, { "render" }, "{" },
      { "standard input: expected a snapshot of format 1", 1, { "render" }, "{}" },
      { "standard input: expected a snapshot", 1, { "explain", "--snapshot", "-" }, "" },
      { "cannot read: " .. folder .. "/none: No such file", 1,
        { "render", "--snapshot", folder .. "/none" } },
      { "--at: expected unix seconds, a time such as", 2, { "render", "--at", "soon" } },
      { "--now: expected unix seconds, a time such as", 2, { "render", "--now", "soon" } },
      { "--now is an older name of --at", 2, { "explain", "--now", "1", "--at", "2" } },
      { 'x: expected a path that begins with "/"', 2, { "explain", "x" } },
    }
    for _, case in ipairs(cases) do
      local words = case[3]
      words.input = case[4]
      local got = cli.run(words)
      assert.equal(case[2], got.status, got.stderr)
      assert.equal("", got.stdout)
      assert.matches("nightjar: " .. words[1] .. ": " .. case[1], got.stderr, 1, true)
    end
  end)

  it("names what a policy or template did wrong, and writes nothing", function()
    cli.write(folder .. "/bad/init.lua", 'return { "one" }')
    cli.write(folder .. "/bad/one.lua", "while true do end")
    local got = run("render", "--policy-dir", folder .. "/bad", "--output", folder .. "/nothing",
      "--plan-max-instructions", "1000000")
    assert.equal(1, got.status)
    assert.matches("^nightjar: plan: .*/bad/one%.lua:1: used more than 1000000 instructions\n$",
      got.stderr)
    assert.is_nil(require("host.file").stat(folder .. "/nothing"))
  end)

  it("explain says why each weight is what it is", function()
    local got = run("explain", "/any/path", "--snapshot", "-")
    assert.equal(0, got.status, got.stderr)
    assert.matches("listener private-18080: mesh example.local, port 18080, private", got.stdout,
      1, true)
    assert.matches("web%-blue@example.local +blue +weight 90 +90.0 %% +1 endpoint\n", got.stdout)
    assert.matches('"/"', got.stdout, 1, true)
    assert.is_nil(got.stdout:find("/me", 1, true))
    local facts = assert(json.decode(run("explain", "--json", "--snapshot", "-").stdout))
    local clusters = facts.listeners[1].routes[1].clusters
    assert.equal(0.9, clusters[1].share)
    assert.equal("/me", facts.listeners[1].removed[1].path)
    assert.matches("own_service", facts.listeners[1].removed[1].why[2])
  end)

  it("policies see the time of the snapshot, or that of --at", function()
    cli.write(folder .. "/clock/init.lua", 'return { "clock" }')
    cli.write(folder .. "/clock/clock.lua", [[
      local function apply(mesh, settings, now)
        for _, listener in ipairs(mesh.listeners) do
          for _, route in ipairs(listener.routes) do table.insert(route.why, "now " .. now) end
        end
        return mesh
      end
      return { about = "tells the time", apply = apply }]])
    local taken_at = assert(json.decode(snapshot)).taken_at
    local function now_of(...)
      local got = run("explain", "/", "--snapshot", "-", "--policy-dir", folder .. "/clock", ...)
      assert.equal(0, got.status, got.stderr)
      return math.tointeger(tonumber(got.stdout:match("clock: now (%d+)")))
    end
    assert.equal(taken_at, now_of())
    assert.equal(1795687200, now_of("--at", "2026-11-26T11:00:00+01:00"))
    assert.equal(1795687200, now_of("--now", "1795687200"))
    assert.equal(taken_at + 7200, now_of("--at", "+2h"))
    assert.equal(taken_at - 1800, now_of("--at", "-30m"))
  end)

  it("explain follows a weight from the attribute that set it through each policy", function()
    cli.write(folder .. "/halving/init.lua", 'return { "halve" }')
    cli.write(folder .. "/halving/halve.lua", [[
      local function apply(mesh)
        for _, route in ipairs(mesh.listeners[1].routes) do
          for _, entry in ipairs(route.clusters) do
            entry.weight = (entry.weight + 1) // 2
            table.insert(entry.why, "half is enough")
          end
        end
        return mesh
      end
      return { about = "halves weights", apply = apply }]])
    local dir = "--policy-dir=" .. folder .. "/halving"
    local got = run("explain", "/", "--snapshot", "-", dir)
    assert.matches('\n        service web%-blue: key "/": 90, since %d+%-%d+%-%d+T[%d:]+Z\n'
      .. "        halve: 90 → 45 %(half is enough%)\n", got.stdout)
    local facts = assert(json.decode(run("explain", "/", "--snapshot", "-", dir, "--json").stdout))
    local chain = facts.listeners[1].routes[1].clusters[1].chain
    assert.same({ "service web-blue", "/", 90 }, { chain[1].by, chain[1].key, chain[1].to })
    assert.same({ by = "halve", from = 90, to = 45, reason = "half is enough",
      text = "90 → 45 (half is enough)" }, chain[2])
  end)

  it("explain shows one listener, or names those that there are", function()
    local got = run("explain", "--snapshot", "-", "--listener", "private-18080")
    assert.equal(0, got.status, got.stderr)
    assert.matches("listener private-18080:", got.stdout, 1, true)
    got = run("explain", "--snapshot", "-", "--listener", "private-1808")
    assert.equal(2, got.status)
    assert.equal("", got.stdout)
    assert.equal('nightjar: explain: --listener: no listener "private-1808"; did you mean '
      .. '"private-18080"?; there is private-18080\n', got.stderr)
  end)

  it("explain takes the agent's last snapshot, else discovers", function()
    assert.matches("^snapshot: discovered now", run("explain").stdout)
    cli.write(folder .. "/tmp/nightjar-state/snapshot.json", snapshot)
    local got = run "explain"
    assert.equal(0, got.status, got.stderr)
    assert.matches("^snapshot: the agent, " .. folder:gsub("%p", "%%%0")
      .. "/tmp/nightjar%-state/snapshot%.json, %w+ old, planned for %d.-Z\n", got.stdout)
  end)
end)
