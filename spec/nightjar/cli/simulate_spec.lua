-- Specs of `nightjar simulate`: the shares of a snapshot's routes over time.
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
        attributes: {SERVICE: shop, COLOR: blue, "/shop": 90}
        instances: [{id: a, ipv4: 127.0.0.1, port: 9001}]
      - name: shop-green
        attributes: {SERVICE: shop, COLOR: green, "/shop": 10}
        instances: [{id: b, ipv4: 127.0.0.1, port: 9002}]
      - name: cart
        attributes: {"/cart": 1}
        instances: [{id: c, ipv4: 127.0.0.1, port: 9003}]
  - name: partner.local
    port: 9090
    services:
      - name: cart
        attributes: {"/cart": 1}
        instances: [{id: c, ipv4: 127.0.0.1, port: 9003}]
]]

-- Ten points to green each hour from 2026-11-26T10:00:00Z on.
local RAMP = [[
local function apply(mesh, settings, now)
  local steps = math.max(0, math.min(10, (now - 1795687200) // 3600))
  for _, listener in ipairs(mesh.listeners) do
    for _, route in ipairs(listener.routes) do
      for _, entry in ipairs(route.clusters) do
        if entry.color == "green" then entry.weight = 10 * steps end
        if entry.color == "blue" then entry.weight = 100 - 10 * steps end
      end
    end
  end
  return mesh
end
return { about = "a ramp", apply = apply }]]

describe("nightjar simulate", function()
  local folder

  local function simulate(...)
    local words = { "simulate", "--snapshot", folder .. "/snapshot.json", ... }
    words.environment = { MESH_FILE = folder .. "/mesh.yaml", TMP_DIR = folder .. "/tmp",
      POLICY_DIR = folder .. "/policies" }
    return cli.run(words)
  end

  local HOURS = { "--from", "2026-11-26T09:00:00Z", "--to", "2026-11-26T12:00:00Z", "--step", "1h" }

  local function hours(...)
    local words = table.move(HOURS, 1, #HOURS, 1, {})
    for _, word in ipairs { ... } do words[#words + 1] = word end
    return simulate(table.unpack(words))
  end

  setup(function()
    folder = cli.folder()
    cli.write(folder .. "/mesh.yaml", MESH)
    os.execute(("cp -r '%s/policies' %s"):format(program.data_directory(), folder))
    cli.write(folder .. "/policies/ramp.lua", RAMP)
    cli.write(folder .. "/policies/init.lua", 'return { "own_service", "audience", "ramp" }')
    local got = cli.run { "discover", environment = { MESH_FILE = folder .. "/mesh.yaml" } }
    assert(got.status == 0, got.stderr)
    cli.write(folder .. "/snapshot.json", got.stdout)
  end)
  teardown(function() cli.remove(folder) end)

  it("prints one row for each moment, of the routes whose shares change", function()
    local got = hours()
    assert.equal(0, got.status, got.stderr)
    assert.equal([[
private-8080  /shop
  time                  blue     green
  2026-11-26T09:00:00Z  100.0 %    0.0 %
  2026-11-26T10:00:00Z  100.0 %    0.0 %
  2026-11-26T11:00:00Z   90.0 %   10.0 %
  2026-11-26T12:00:00Z   80.0 %   20.0 %
]], got.stdout)
  end)

  it("prints the routes that answer a path, whether they change or not", function()
    local got = hours("/cart/7", "--listener", "private-8080")
    assert.equal(0, got.status, got.stderr)
    assert.matches("^private%-8080  /cart\n  time +default\n", got.stdout)
    assert.is_nil(got.stdout:find("public-9090", 1, true))
    assert.matches("\npublic-9090  /cart\n", hours("/cart").stdout, 1, true)
    assert.equal("no route answers /none\n", hours("/none").stdout)
  end)

  it("says so when no share changes", function()
    local got = simulate("--from", "2026-11-26", "--to", "2026-11-26T01:00:00Z", "--step", "20m")
    assert.same({ 0, "no share changes\n", "" }, { got.status, got.stdout, got.stderr })
  end)

  it("begins at the snapshot's time, and counts relative times from it", function()
    local taken_at = assert(json.decode(cli.read(folder .. "/snapshot.json"))).taken_at
    local facts = assert(json.decode(simulate("--to", "+30m", "--step", "10m", "--json").stdout))
    assert.same({ taken_at, taken_at + 1800, 600 }, { facts.from, facts.to, facts.step })
    facts = assert(json.decode(simulate("--from", "-1h", "--to", "-30m", "--step", "30m",
      "--json").stdout))
    assert.same({ taken_at - 3600, taken_at - 1800 }, { facts.from, facts.to })
  end)

  it("prints JSON with weights and shares in the order of the columns", function()
    local facts = assert(json.decode(hours("--json").stdout))
    assert.equal(1, #facts.routes)
    local route = facts.routes[1]
    assert.same({ "private-8080", "/shop" }, { route.listener, route.path })
    assert.same({ cluster = "shop-green@example.local", service = "shop", color = "green",
      name = "green" }, route.columns[2])
    assert.same({ at = 1795690800, weights = { 90, 10 }, shares = { 90, 10 } }, route.rows[3])
  end)

  it("plots the shares as an SVG that stands alone, the same bytes each time", function()
    local path = folder .. "/ramp.svg"
    assert.equal(0, hours("--plot", path).status)
    local first = cli.read(path)
    hours("--plot", path)
    assert.equal(first, cli.read(path))
    assert(os.execute(("python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' '%s'")
      :format(path)))
    for _, part in ipairs { ">private-8080  /shop<", ">blue<", ">green<", ">100 %<", ">09:00<",
      ">12:00<", "2026-11-26T09:00:00Z to 2026-11-26T12:00:00Z (UTC)" } do
      assert.is_truthy(first:find(part, 1, true), part)
    end
    -- Nothing is loaded from elsewhere.
    assert.is_nil(first:find("href", 1, true))
    assert.equal(1, select(2, first:gsub("http", "")))
  end)

  it("refuses wrong times, spans and listeners with what was expected", function()
    for _, case in ipairs {
      { "--to is missing", "--step", "1m" },
      { "--step is missing", "--to", "+1h" },
      { "--from: expected unix seconds", "--from", "x", "--to", "+1h", "--step", "1m" },
      { '--step: expected a span such as 90s, 5m, 1h30m or 2d, got "x"', "--to", "+1h", "--step",
        "x" },
      { '--step: expected a span of at least 1s, got "0s"', "--to", "+1h", "--step", "0s" },
      { "--to: expected a time from 2026-11-26T09:00:00Z on", "--from", "2026-11-26T09:00:00Z",
        "--to", "2026-11-26T08:00:00Z", "--step", "1m" },
      { "--step: 1441 steps from 2026-11-26T00:00:00Z to 2026-11-27T00:00:00Z; expected at most "
        .. "1000 (--step 87s)", "--from", "2026-11-26", "--to", "2026-11-27", "--step", "1m" },
      { '--listener: no listener "x"; there are private-8080, public-9090', "--to", "+1m",
        "--step", "1m", "--listener", "x" },
    } do
      local got = simulate(table.unpack(case, 2))
      assert.equal(2, got.status, case[1])
      assert.equal("", got.stdout)
      assert.matches("nightjar: simulate: " .. case[1], got.stderr, 1, true)
    end
  end)

  it("names the moment at which a policy fails", function()
    local bad = folder .. "/bad"
    os.execute(("cp -r '%s/policies' '%s'"):format(folder, bad))
    cli.write(bad .. "/ramp.lua", 'return { about = "x", apply = function(mesh, settings, now)\n'
      .. 'if now == 1795690800 then error("eleven") end\nreturn mesh end }')
    local got = hours("--policy-dir", bad)
    assert.equal(1, got.status)
    assert.equal("", got.stdout)
    assert.equal("nightjar: simulate: at 2026-11-26T11:00:00Z: plan: policy: policy ramp: "
      .. folder .. "/bad/ramp.lua:2: eleven\n", got.stderr)
  end)
end)
