-- What a day of passes asks of AWS: arithmetic, checked by hand.

local estimate = require "nightjar.agent.estimate"
local seldom = require "nightjar.agent.discover.seldom"

describe("the estimate of a day", function()
  local mesh, settings

  before_each(function()
    mesh = { name = "shop.local", refs = { "own" }, services = 40, resting = 2, attributed = 0,
      attributed_resting = 0 }
    settings = { refresh_time = 30 }
  end)

  local function per_pass(agents)
    local day = estimate.day({ mesh }, settings, agents)
    local found = {}
    for service, counts in pairs(day.operations) do
      for operation, count in pairs(counts) do
        found[operation] = tonumber(("%.4f"):format(count / day.passes))
        assert(service == "s3" or service == "servicediscovery")
      end
    end
    return found, day
  end

  it("knows that what is due between two passes waits for the second", function()
    -- From 3 to 5 passes: half of the times end in the fourth pass, half in the fifth.
    assert.equal(4.5, seldom.passes(120, 30))
    assert.equal(80.5, seldom.passes(2400, 30))
    assert.equal(1, seldom.passes(0, 30))
    assert.equal(1, seldom.passes(10, 30))
    -- From 0.75 to 1.25: half of them wait for the second pass.
    assert.equal(1.5, seldom.passes(30, 30))
  end)

  it("leaves out what could never be read, for nobody knows how much it is", function()
    local unread = { name = "other.local", refs = { "NAMESPACE_0" }, services = 0, resting = 0,
      attributed = 0, attributed_resting = 0, unread = true }
    assert.same(estimate.day({ mesh }, settings), estimate.day({ mesh, unread }, settings))
    assert.same(estimate.changes({ mesh }, settings), estimate.changes({ mesh, unread }, settings))
    assert.is_nil(estimate.of_agent({ unread }, settings, function() return "alone" end))
  end)

  it("reads at each pass what a listener shows, and the rest seldom", function()
    local found, day = per_pass()
    assert.equal(2880, day.passes)
    assert.same({ DiscoverInstances = 38.4444, ListServices = 0.2222,
      GetServiceAttributes = 0.4969 }, found)
  end)

  it("asks for attributes at each pass where a service has its own", function()
    mesh.attributed, mesh.attributed_resting = 11, 1
    assert.equal(tonumber(("%.4f"):format(10 + 1 / 4.5 + 29 / 80.5)),
      per_pass().GetServiceAttributes)
  end)

  it("asks what no listener shows for attributes only when it reads it", function()
    settings.attributes_time = 0
    assert.equal(tonumber(("%.4f"):format(38 + 2 / 4.5)), per_pass().GetServiceAttributes)
    settings.attributes_time, settings.list_time = nil, 3600
    assert.equal(tonumber(("%.4f"):format(38 / 80.5 + 2 / 120.5)), per_pass().GetServiceAttributes)
    settings.snapshot_store = "s3://bucket/prefix" -- who leads reads all at each pass
    settings.attributes_time = 0
    assert.equal(40, per_pass().GetServiceAttributes)
  end)

  it("knows pages of a list, and the settings' times", function()
    mesh.services, settings.list_time, settings.attributes_time = 101, 0, 0
    assert.same({ DiscoverInstances = 101, ListServices = 2, GetServiceAttributes = 101 },
      per_pass())
  end)

  it("multiplies agents that read for themselves", function()
    assert.equal(tonumber(("%.4f"):format(100 * 38.44444444)), per_pass(100).DiscoverInstances)
  end)

  it("has one reader in a fleet, who reads all, and half a look at the store by every other one",
    function()
      settings.snapshot_store = "s3://bucket/prefix"
      local found = per_pass(100)
      assert.same({ 40, 1, 49.5 }, { found.DiscoverInstances, found.PutObject, found.GetObject })
      settings.refresh_time = 24 -- too short to leave a look out
      assert.equal(99, per_pass(100).GetObject)
    end)

  it("knows that the agents of a fleet pass a little more often, and lists are read as they are",
    function()
      settings.snapshot_store = "s3://bucket/prefix"
      local found, day = per_pass(100)
      assert.equal(3200, day.passes)
      -- Each 120 seconds, by agents that pass each 27.
      assert.equal(tonumber(("%.4f"):format(1 / seldom.passes(120, 27))), found.ListServices)
      settings.refresh_time = 24
      assert.near(4000, select(2, per_pass(100)).passes, 0.001)
    end)

  it("gives each agent of a fleet its part, and the parts make up the whole", function()
    settings.snapshot_store = "s3://bucket/prefix"
    local other = { id = "ns-2", name = "other.local", refs = { "NAMESPACE_0" }, services = 10,
      resting = 0, attributed = 3, attributed_resting = 0 }
    mesh.id = "ns-1"
    local function part(first, second)
      local roles = { ["ns-1"] = first, ["ns-2"] = second }
      return estimate.of_agent({ mesh, other }, settings, function(id) return roles[id] end)
    end
    local follower = part("fleet_follows", "fleet_follows")
    assert.equal(3200, follower.passes)
    assert.same({ s3 = { GetObject = 3200 } }, follower.operations) -- half a look at each of two
    local sum, whole = {}, estimate.day({ mesh, other }, settings, 100)
    local function count(day, times)
      for service, counts in pairs(day.operations) do
        for operation, number in pairs(counts) do
          local name = service .. " " .. operation
          sum[name] = (sum[name] or 0) + number * times
        end
      end
    end
    count(part("fleet_leads", "fleet_follows"), 1)
    count(part("fleet_follows", "fleet_leads"), 1)
    count(follower, 98)
    count(whole, -1)
    for name, number in pairs(sum) do assert.near(0, number, 1e-6, name) end
    assert.is_number(sum["servicediscovery DiscoverInstances"])
  end)

  it("knows an agent of a fleet that reads for itself, and one that does not know yet", function()
    local function discovered(role)
      local day = estimate.of_agent({ mesh }, settings, function() return role end)
      return day and day.operations.servicediscovery.DiscoverInstances / day.passes
    end
    assert.equal(per_pass().DiscoverInstances, tonumber(("%.4f"):format(discovered("alone"))))
    assert.same(estimate.day({ mesh }, settings),
      estimate.of_agent({ mesh }, settings, function() return "alone" end))
    settings.snapshot_store = "s3://bucket"
    assert.near(38 + 2 / seldom.passes(120, 27), discovered("alone"), 1e-9)
    assert.is_nil(discovered(nil))
    assert.is_nil(estimate.of_agent({}, settings, function() return "alone" end))
  end)

  it("in money counts what costs something", function()
    assert.equal(1.00, estimate.dollars { servicediscovery = { DiscoverInstances = 1e6,
      ListServices = 1e6, GetServiceAttributes = 1e6 } })
    assert.equal(5.40, estimate.dollars { s3 = { GetObject = 1e6, PutObject = 1e6 } })
    assert.equal(2.00, estimate.dollars({ servicediscovery = { DiscoverInstances = 1e6 } },
      { servicediscovery = { DiscoverInstances = 2 } }))
  end)

  it("tells what the older tool documents, 41 calls a pass: $43.10 a year", function()
    local year = estimate.dollars { servicediscovery = { DiscoverInstances = 41 * 2880 } } * 365
    assert.equal("43.10", ("%.2f"):format(year))
  end)

  it("changes one setting at a time", function()
    local other = { name = "other.local", refs = { "NAMESPACE_0" }, services = 10, resting = 0,
      attributed = 0, attributed_resting = 0 }
    local twice = { name = "twice.local", refs = { "NAMESPACE_1", "NAMESPACE_2" }, services = 10,
      resting = 0, attributed = 0, attributed_resting = 0 }
    local rows, discovered = estimate.changes({ mesh, other, twice }, settings, 2), {}
    for i, row in ipairs(rows) do
      discovered[i] = ("%s %.0f"):format(row.setting,
        row.day.operations.servicediscovery.DiscoverInstances)
    end
    local all = 38 + 2 / 4.5 + 20
    local function day(count, times) return ("%.0f"):format(count * 2880 * 2 * (times or 1)) end
    assert.same({
      "REFRESH_TIME=15 " .. day(all, 2), "REFRESH_TIME=60 " .. day(all, 1 / 2),
      "LIST_TIME=0 " .. day(60), "LIST_TIME=600 " .. day(58 + 2 / 20.5),
      "ATTRIBUTES_TIME=0 " .. day(all), "ATTRIBUTES_TIME=3600 " .. day(all),
      "SNAPSHOT_STORE " .. day(60 / 0.9, 1 / 2), "without NAMESPACE_0 " .. day(all - 10),
      "without NAMESPACE_1 " .. day(all), "without NAMESPACE_2 " .. day(all),
    }, discovered)
  end)

  it("of a fleet says what it would be without one", function()
    settings.snapshot_store = "s3://bucket"
    for _, row in ipairs(estimate.changes({ mesh }, settings, 10)) do
      assert.not_equal("SNAPSHOT_STORE", row.setting)
      if row.setting == "without SNAPSHOT_STORE" then
        assert.is_nil(row.day.operations.s3)
        local count = row.day.operations.servicediscovery.DiscoverInstances
        assert.equal(10, math.floor(count / 2880 / 38))
      end
    end
  end)
end)
