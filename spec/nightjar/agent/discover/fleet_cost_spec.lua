-- What a hundred agents cost that share one reading, against a hundred that read for themselves:
-- counted in simulated time, with the real code.

local cloudmap = require "nightjar.agent.discover.cloudmap"
local estimate = require "nightjar.agent.estimate"
local json = require "host.json"
local log = require "nightjar.log"
local merge = require "nightjar.agent.discover.merge"
local sched = require "nightjar.agent.sched"
local simulation = require "spec.support.simulated_fleet"

-- DiscoverInstances of one agent that reads the reference mesh alone, in a pass (docs/cost.md).
local ALONE = 38.4

setup(function() log.configure({ level = "error" }) end)
teardown(function() log.configure({ level = "info" }) end)

describe("a hundred agents", function()
  -- Calls of Cloud Map that one reading of the reference mesh takes, first or later.
  local function reading_calls()
    local services = json.array {}
    for number = 1, 40 do services[number] = { Id = "srv-" .. number, Name = "s-" .. number } end
    local answers = {
      GetService = { Service = { Id = "srv-1", Name = "s-1", NamespaceId = "ns-1" } },
      GetNamespace = { Namespace = { Id = "ns-1", Name = "shop.local" } },
      ListServices = { Services = services }, DiscoverInstances = { Instances = json.array {} },
      GetServiceAttributes = { ServiceAttributes = { Attributes = {} } },
    }
    local settings = { service_member = "srv-1", service_port = 80, namespaces = {},
      sources = {}, environment = { AWS_REGION = "eu-central-1", HOME = "/nonexistent",
        AWS_ACCESS_KEY_ID = "a", AWS_SECRET_ACCESS_KEY = "b" } }
    local calls = { 0, 0 }
    local session = assert(cloudmap.session(settings, { http = function(request)
      calls[2] = calls[2] + 1
      for _, pair in ipairs(request.headers) do
        local operation = pair[1] == "X-Amz-Target" and pair[2]:match("%.(%w+)$")
        if operation then
          return { status = 200, headers = {}, body = json.encode(answers[operation]) }
        end
      end
    end }))
    local read = sched.run(cloudmap.read, session, nil, settings, 1795491670)
    calls[1], calls[2] = calls[2], 0
    sched.run(cloudmap.read, session, assert(merge.run(nil, read)), settings, 1795491700)
    return calls[1], calls[2]
  end

  -- A hundred agents on the reference mesh for fifty minutes; `each_pass` is what happens in the
  -- time of one. Returns the shares of Cloud Map's calls and of the money of separate ones, and
  -- what was asked of the store. Lists and attributes are free of charge, and both read them in
  -- the same way.
  local function cost(fleet, each_pass)
    fleet.reads, fleet.bucket.requests = 0, {}
    for number = 1, 100 do
      each_pass(number)
      fleet:run(fleet.every)
    end
    local counts = {}
    for _, one in ipairs(fleet.bucket.requests) do
      counts[one.method] = (counts[one.method] or 0) + 1
    end
    local asked = { DiscoverInstances = fleet.reads * 40 }
    local separate = { DiscoverInstances = 100 * 100 * ALONE }
    return asked.DiscoverInstances / separate.DiscoverInstances, estimate.dollars {
      servicediscovery = asked, s3 = { GetObject = counts.GET, PutObject = counts.PUT } }
      / estimate.dollars { servicediscovery = separate }, counts
  end

  local function tell(what, calls, money, counts)
    print(("# 100 agents, 100 passes, %s: GET %d, PUT %d: %.2f %% of Cloud Map's calls, %.2f %% of "
      .. "the money"):format(what, counts.GET, counts.PUT, 100 * calls, 100 * money))
  end

  it("cost a fiftieth of a hundred separate ones, or less, S3's price included", function()
    local fleet = simulation.new(100)
    fleet.services = simulation.mesh(1)
    local first, later = reading_calls()
    assert.is_true(later >= 40 and first > later, later)
    fleet:passes(1)
    assert.equal(1, fleet.reads)
    local calls, money, counts = cost(fleet, function() end)
    tell("nothing changes", calls, money, counts)
    assert.is_true(calls <= 0.02, calls)
    assert.is_true(money <= 0.02, money)
    -- The first passes look each time, and one of each agent comes early. 2026-11-29: 112 and
    -- 5,731, a tenth more than before, as agents of a fleet pass a tenth more often.
    assert.is_true(counts.PUT <= 115 and counts.GET <= 5900, counts.GET)
  end)

  it("cost no more than that where the mesh changes in each pass", function()
    local fleet = simulation.new(100)
    fleet:passes(1)
    local calls, money, counts = cost(fleet, function(number)
      fleet.services = simulation.mesh(number)
    end)
    tell("each a change", calls, money, counts)
    assert.is_true(calls <= 0.02, calls)
    assert.is_true(money <= 0.02, money)
    assert.is_true(counts.GET >= 5900, counts.GET) -- what the changes are worth
  end)

  it("cost little more while there is a service that nobody can read", function()
    local fleet = simulation.new(100)
    fleet.services = simulation.mesh(1)
    fleet.services[2] = { id = "srv-2", name = "web-green", attributes = {}, instances = {} }
    fleet:passes(1)
    fleet.services[2] = { id = "srv-2", name = "web-green", error = "403 AccessDenied" }
    local calls, money, counts = cost(fleet, function() end)
    tell("one unread", calls, money, counts)
    -- Each time another one tries to read it the others come into step with it. 2026-11-30: 129
    -- PUT and 6,600 to 6,700 GET, 2.15 % of the money.
    assert.is_true(calls <= 0.02, calls)
    assert.is_true(money <= 0.0225, money)
  end)
end)
