-- `nightjar cost` as a person runs it, on what an agent has written down.

local cli = require("spec.support.cli")
local json = require("host.json")

local RECORD = [[{"format":1,"process":"1 2","since":1793000000,"at":1793003600,"passes":121,
"retries":3,"operations":{"servicediscovery":{"DiscoverInstances":4653,"ListServices":28,
"GetServiceAttributes":100,"GetService":1}},"first":{"servicediscovery":{"DiscoverInstances":40,
"ListServices":1,"GetServiceAttributes":40,"GetService":1}},"meshes":[{"id":"ns-1",
"name":"shop.local","refs":["own"],"services":40,"resting":2,"attributed":0,
"attributed_resting":0},{"id":"ns-2","name":"other.local","refs":["NAMESPACE_3"],"services":10,
"resting":0,"attributed":0,"attributed_resting":0}]}]]

describe("nightjar cost", function()
  local folder

  before_each(function()
    folder = cli.folder()
    cli.write(folder .. "/nightjar-state/calls.json", (RECORD:gsub("\n", "")))
  end)

  after_each(function() cli.remove(folder) end)

  local function cost(...)
    return cli.run { "cost", "--tmp-dir", folder, "--service-member", "srv-1", ... }
  end

  local function says(result, text)
    assert.matches(text, result.stdout, 1, true)
  end

  it("prints the calls so far, a day, and what settings change", function()
    local result = cost()
    assert.same({ 0, "" }, { result.status, result.stderr })
    says(result, "So far, in 121 passes from 2026-10-26T")
    says(result, "  Cloud Map DiscoverInstances     4,653          40          38.4\n")
    says(result, "  Cloud Map GetService                1           1           0.0\n")
    says(result, "  3 of them were further tries\n")
    says(result, "REFRESH_TIME=30 LIST_TIME=120 ATTRIBUTES_TIME=by number of services\n")
    says(result,
      "  shop.local: 40 services, 2 of them read seldom; 0 with attributes of their own\n")
    says(result, "  Cloud Map DiscoverInstances         139,520    48.4        $0.1395\n")
    says(result, "  Cloud Map ListServices                1,280     0.4           free\n")
    says(result, "  $4.24 a month, $50.92 a year\n  $1.00 for a million DiscoverInstances; ")
    says(result, "\n  as it is                  147,467          $50.92\n")
    says(result, "\n  without NAMESPACE_3       ")
    says(result, "SNAPSHOT_STORE")
  end)

  it("reckons with other settings, prices and numbers of agents", function()
    local result = cost("--refresh-time", "60", "--price", "2.5", "--agents", "100")
    says(result, "REFRESH_TIME=60 LIST_TIME=240 ")
    says(result, "A day of 100 agents")
    -- 48.44 calls in 1,440 passes of 100 agents at $2.50 a million.
    says(result, "  Cloud Map DiscoverInstances       6,976,000  4,844.4         $17.44\n")
    says(result, "$6,365.60 a year")
  end)

  it("shows the price with all the digits that sums are made with", function()
    for given, shown in pairs { ["0.001"] = "$0.001", ["0.005"] = "$0.005", ["1"] = "$1.00",
      ["2.5"] = "$2.50", ["1.130"] = "$1.13", ["1000000"] = "$1,000,000.00", ["0"] = "$0.00",
      ["1234.56789"] = "$1,234.56789", ["-0.0"] = "$0.00", ["1e-9"] = "$0.000000001",
      ["1e-300"] = "$1e-300" } do
      says(cost("--price", given),
        ("\n  %s for a million DiscoverInstances; of S3 $5.00 PUT, $0.40 GET\n"):format(shown))
    end
  end)

  it("after the first pass speaks of one", function()
    cli.write(folder .. "/nightjar-state/calls.json", (RECORD:gsub("\n", "")
      :gsub('"passes":121', '"passes":1')))
    says(cost(), "So far, in 1 pass from 2026-10-26T")
  end)

  it("shows no amount as nothing that is more", function()
    local result = cost("--refresh-time", "86400", "--price", "0.5")
    says(result, "  Cloud Map DiscoverInstances              48    48.4       <$0.0001\n")
    says(result, "  all                                      51    51.2       <$0.0001\n")
    says(result, "\n  $0.0007 a month, $0.0088 a year\n")
    result = cost("--refresh-time", "86400", "--price", "0.001")
    says(result, "\n  <$0.0001 a month, <$0.0001 a year\n")
    says(result, "\n  as it is                       51        <$0.0001\n")
    assert.is_nil(result.stdout:find("$0.0000", 1, true))
    says(cost("--price", "0"), "\n  $0.0000 a month, $0.0000 a year\n") -- which is nothing
  end)

  it("prints JSON for programs", function()
    local result = cost("--json", "--agents", "2")
    local value = assert(json.decode(result.stdout))
    assert.equal(4653, value.so_far.operations.servicediscovery.DiscoverInstances)
    assert.equal(1793000000, value.so_far.since)
    assert.equal(2, value.agents)
    assert.equal(2880, value.day.passes)
    assert.equal(279040, math.floor(value.day.operations.servicediscovery.DiscoverInstances + 0.5))
    assert.is_true(math.abs(value.day.dollars * 365 - value.day.dollars_a_year) < 1e-6)
    assert.equal("REFRESH_TIME=15", value.changes[1].setting)
    assert.equal(120, value.settings.list_time)
  end)

  it("where no agent has run says what to do, with status 1", function()
    os.remove(folder .. "/nightjar-state/calls.json")
    local result = cost()
    assert.same({ 1, "" }, { result.status, result.stdout })
    assert.equal("nightjar: cost: no agent has counted its calls in " .. folder
      .. "/nightjar-state: start `nightjar run` with this TMP_DIR (its first pass writes them "
      .. "down), or name that of the agent with --tmp-dir\n", result.stderr)
  end)

  it("names a damaged record, with status 1", function()
    cli.write(folder .. "/nightjar-state/calls.json", "{}")
    local result = cost()
    assert.equal(1, result.status)
    assert.matches("/calls.json: expected format 1", result.stderr, 1, true)
  end)

  it("reckons no day where no mesh could be read yet", function()
    cli.write(folder .. "/nightjar-state/calls.json", (RECORD:gsub("\n", "")
      :gsub('"meshes":.*', '"meshes":[]}')))
    local result = cost()
    assert.equal(0, result.status)
    says(result, "\nNo mesh could be read yet, so nobody can say what a day asks.\n")
    assert.is_nil(result.stdout:find("A day of", 1, true))
    local view = assert(json.decode(cost("--json").stdout))
    assert.same({}, view.meshes)
    assert.same({ 121, nil, nil }, { view.so_far.passes, view.day, view.changes })
  end)

  it("says of a mesh that could not be read yet that it is not counted", function()
    local function unread(name) -- of this mesh nothing is known
      return (RECORD:gsub("\n", ""):gsub('("name":"' .. name .. '".-)}', '%1,"unread":true}'))
    end
    cli.write(folder .. "/nightjar-state/calls.json", unread("other.local"))
    local result = cost()
    says(result, "\n  other.local: could not be read yet, and is not part of this\n")
    says(result, "  Cloud Map DiscoverInstances         110,720    38.4        $0.1107\n")
    assert.is_nil(result.stdout:find("without NAMESPACE_3", 1, true))
    assert.is_true(json.decode(cost("--json").stdout).meshes[2].unread)
    cli.write(folder .. "/nightjar-state/calls.json", (unread("other.local")
      :gsub('("name":"shop.local".-)}', '%1,"unread":true}')))
    says(cost(), "\nNo mesh could be read yet, so nobody can say what a day asks.\n")
    assert.is_nil(json.decode(cost("--json").stdout).day)
  end)

  it("with a mesh file says that nothing is asked of AWS", function()
    local result = cost("--discovery", "file")
    assert.same({ 0, "" }, { result.status, result.stderr })
    assert.equal("DISCOVERY=file: nothing is asked of AWS, so it costs nothing there; but an agent "
      .. "has\ncounted calls in this TMP_DIR: give this command that agent's settings\n",
      result.stdout)
    os.remove(folder .. "/nightjar-state/calls.json")
    assert.equal("DISCOVERY=file: nothing is asked of AWS, so it costs nothing there\n",
      cost("--discovery", "file").stdout)
    local view = assert(json.decode(cost("--discovery", "file", "--json").stdout))
    assert.same({ 0, 0, {}, nil },
      { view.day.calls, view.day.dollars_a_year, view.meshes, view.so_far })
    for _, row in ipairs(view.changes) do assert.equal(0, row.calls) end
  end)

  it("refuses what is no number, with status 2", function()
    for _, words in ipairs { { "--agents", "0" }, { "--agents", "1.5" }, { "--price", "-1" },
      { "--price", "nan" }, { "--agents", "many" } } do
      local result = cost(table.unpack(words))
      assert.equal(2, result.status)
      assert.matches("nightjar: cost: " .. words[1] .. ": expected a", result.stderr, 1, true)
    end
  end)

  it("shows names from the mesh without what would control a terminal", function()
    cli.write(folder .. "/nightjar-state/calls.json", (RECORD:gsub("\n", "")
      :gsub("shop%.local", "shop\\u001b[31m")))
    assert.is_nil(cost().stdout:find("\27", 1, true))
  end)
end)
