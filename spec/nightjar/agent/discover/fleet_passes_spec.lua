-- Twenty agents through one trouble after the other, in simulated time: twice REFRESH_TIME later
-- each has the mesh as it is. A hundred agents: what they cost.

local cloudmap = require "nightjar.agent.discover.cloudmap"
local estimate = require "nightjar.agent.estimate"
local json = require "host.json"
local log = require "nightjar.log"
local merge = require "nightjar.agent.discover.merge"
local sched = require "nightjar.agent.sched"
local simulation = require "spec.support.simulated_fleet"

-- DiscoverInstances of one agent that reads the reference mesh alone, in a pass (docs/cost.md).
local ALONE = 38.4

local function service(weight)
  return { id = "srv-1", name = "web-blue", attributes = { ["/"] = weight },
    instances = { { id = "b1", health = "HEALTHY", attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1",
      AWS_INSTANCE_PORT = "80" } } } }
end

setup(function() log.configure({ level = "error" }) end)
teardown(function() log.configure({ level = "info" }) end)

describe("twenty agents, two passes after", function()
  local fleet, weight

  before_each(function()
    weight = 1
    fleet = simulation.new(20)
    fleet.services = { service("1") }
    fleet:passes(3)
  end)

  -- The mesh changes, and twice REFRESH_TIME goes by.
  local function change()
    weight = weight + 1
    fleet.services = { service(tostring(weight)) }
    fleet.reads, fleet.bucket.requests = 0, {}
    fleet:run(2 * fleet.every)
    for position, agent in ipairs(fleet.agents) do
      local one = agent.snapshot.meshes[1].services[1]
      if not agent.dead then
        assert.equal(tostring(weight), one.attributes["/"], "agent " .. position)
        assert.is_nil(one.stale)
      end
    end
  end

  local function warnings()
    local found = {}
    for _, agent in ipairs(fleet.agents) do
      for _, one in ipairs(agent.dead and {} or agent.snapshot.warnings) do
        found[#found + 1] = one.code .. ": " .. one.message
      end
    end
    return found
  end

  local function assert_one_reads()
    fleet:run(600)
    fleet.reads = 0
    fleet:run(600)
    assert.is_true(fleet.reads <= 600 / 27 + 1, fleet.reads)
    assert.same({}, warnings())
  end

  it("a change have it, and one has read", function()
    change()
    assert.is_true(fleet.reads <= 3, fleet.reads)
    assert.same({}, warnings())
  end)

  it("the leader's death have what changed, and one more reads", function()
    -- Whenever it happens in the time between two of its writes.
    for _, seconds in ipairs { 0, 7, 14.5, 21, 29, 29.9 } do
      local written = fleet.bucket.objects[fleet.PATH].modified
      fleet:run(function() return fleet.bucket.objects[fleet.PATH].modified > written end)
      fleet:run(seconds)
      fleet:leader().dead = true
      change()
      assert.is_true(fleet.reads <= 4, fleet.reads)
      assert.same({}, warnings())
    end
  end)

  it("the leader's death in the middle of its reading have what changed", function()
    local reads = fleet.reads
    fleet:run(function() return fleet.reads > reads end)
    fleet:leader().dead = true
    change()
  end)

  it("the death of one that had claimed the lead have what changed", function()
    fleet:leader().dead = true
    local function claimed()
      return json.decode(fleet.bucket.objects[fleet.PATH].text).reading
    end
    fleet:run(claimed)
    local id = json.decode(fleet.bucket.objects[fleet.PATH].text).leader
    for _, agent in ipairs(fleet.agents) do
      if agent.fleet.id == id then agent.dead = true end
    end
    change()
    assert_one_reads()
  end)

  it("the store went away have what changed, and each reads for itself", function()
    fleet.bucket.away = true
    change()
    assert.equal(20, #warnings())
    change()
    fleet.bucket.away = false
    change()
    assert_one_reads()
  end)

  it("a refusal of all reading, or of all writing, have what changed", function()
    for _, method in ipairs { "GET", "PUT" } do
      fleet.bucket.denied[method] = true
      change()
      change()
      fleet.bucket.denied[method] = nil
      change()
    end
    assert_one_reads()
  end)

  it("the record was spoiled have what changed, and it is mended", function()
    for _, spoil in ipairs {
      function(text) return text:sub(1, #text // 2) end,
      function(text) return (text:gsub("ns%-1", "ns-2")) end,
      function() return "\0\255\1" end,
    } do
      fleet.bucket:place(fleet.PATH, spoil(fleet.bucket.objects[fleet.PATH].text))
      change()
      assert_one_reads()
    end
  end)

  it("the record was deleted have what changed", function()
    fleet.bucket.objects = {}
    change()
    assert_one_reads()
  end)

  it("some clocks went wrong have what changed", function()
    for position = 1, 20, 5 do
      fleet.agents[position].skew = position % 2 == 0 and 3600 or -3600
    end
    change()
    for _, text in ipairs(warnings()) do assert.matches("^fleet_clock: ", text) end
    assert.equal(4, #warnings())
    for _, agent in ipairs(fleet.agents) do agent.skew = 0 end
    change()
    assert_one_reads()
  end)

  it("an older snapshot came back have what changed", function()
    local old = fleet.bucket.objects[fleet.PATH].text:gsub('"leader":"%x+"',
      '"leader":"0123456789abcdef"')
    change()
    fleet.bucket:place(fleet.PATH, old)
    change()
    assert_one_reads()
  end)

  it("a change that comes after a quiet time have it", function()
    for _ = 1, 10 do
      fleet:run(300 + 60 * math.random())
      change()
      assert.is_true(fleet.reads <= 3, fleet.reads)
      assert.same({}, warnings())
    end
  end)

  it("the leader's death after a quiet time have what changed", function()
    for _, seconds in ipairs { 0, 3, 7, 14.5, 21, 29, 29.9 } do
      fleet:run(600)
      local written = fleet.bucket.objects[fleet.PATH].modified
      fleet:run(function() return fleet.bucket.objects[fleet.PATH].modified > written end)
      fleet:run(seconds)
      fleet:leader().dead = true
      change()
      assert.is_true(fleet.reads <= 4, fleet.reads)
      assert.same({}, warnings())
    end
  end)

  it("all were stopped for an hour have what changed", function()
    for _, agent in ipairs(fleet.agents) do agent.dead = true end
    fleet:run(3600)
    for _ = 1, 20 do fleet:add(0.01 * math.random()) end
    fleet.reads = 0
    fleet:passes(1)
    assert.is_true(fleet.reads <= 2, fleet.reads)
    change()
    assert.is_true(fleet.reads <= 3, fleet.reads)
  end)
end)

describe("agents that pass each", function()
  local function assert_all_have(fleet, text)
    for _, agent in ipairs(fleet.agents) do
      assert.equal(agent.dead and "dead" or text,
        agent.dead and "dead" or agent.snapshot.meshes[1].services[1].attributes["/"])
    end
  end

  -- Too short for the store's whole seconds: nobody is in step.
  for _, every in ipairs { 1, 2, 4 } do
    it(("%d seconds have what changed within two passes"):format(every), function()
      local fleet = simulation.new(20, { every = every, reading = 0.1 })
      fleet.services = { service("0") }
      fleet:passes(12)
      for number = 1, 20 do
        fleet:run(every * math.random())
        fleet.services = { service(tostring(number)) }
        fleet:run(2 * every)
        assert_all_have(fleet, tostring(number))
      end
    end)
  end

  for _, every in ipairs { 5, 24, 25, 60, 300 } do
    it(("%d seconds have what changed when their leader died within two passes")
      :format(every), function()
      local fleet = simulation.new(20, { every = every })
      fleet.services = { service("0") }
      fleet:passes(12)
      for number = 1, 5 do
        fleet:add(0)
        fleet:run(every * (10 + 2 * math.random()))
        fleet:leader().dead = true
        fleet.services = { service(tostring(number)) }
        fleet:run(2 * every)
        assert_all_have(fleet, tostring(number))
      end
    end)
  end
end)

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
    fleet.services = { service("1") }
    local first, later = reading_calls()
    assert.is_true(later >= 40 and first > later, later)
    fleet:passes(1)
    assert.equal(1, fleet.reads)
    local calls, money, counts = cost(fleet, function() end)
    tell("nothing changes", calls, money, counts)
    assert.is_true(calls <= 0.02, calls)
    assert.is_true(money <= 0.02, money)
    -- The first passes look each time, and one of each agent comes early.
    assert.is_true(counts.PUT <= 115 and counts.GET <= 5900, counts.GET)
  end)

  it("cost no more than that where the mesh changes in each pass", function()
    local fleet = simulation.new(100)
    fleet:passes(1)
    local calls, money, counts = cost(fleet, function(number)
      fleet.services = { service(tostring(number)) }
    end)
    tell("each a change", calls, money, counts)
    assert.is_true(calls <= 0.02, calls)
    assert.is_true(money <= 0.02, money)
    assert.is_true(counts.GET >= 5900, counts.GET) -- what the changes are worth
  end)

  it("have what changes soon after the first change in a while within a pass and a little",
    function()
      local fleet = simulation.new(100)
      for _ = 1, 5 do
        fleet:run(2 * 3600)
        for number, seconds in ipairs { 2 * fleet.every, fleet.every + 2, fleet.every + 2 } do
          fleet.services = { service(tostring(number)) }
          fleet:run(seconds)
          for _, agent in ipairs(fleet.agents) do
            assert.equal(tostring(number), agent.snapshot.meshes[1].services[1].attributes["/"])
          end
        end
      end
    end)

  it("in step that lose their leader have one more read, and write little for it", function()
    local fleet = simulation.new(100)
    fleet.services = { service("1") }
    fleet:run(600)
    for _ = 1, 4 do
      fleet:leader().dead = true
      fleet.reads, fleet.bucket.requests = 0, {}
      fleet:run(60)
      local writes = 0
      for _, one in ipairs(fleet.bucket.requests) do
        writes = writes + (one.method == "PUT" and 1 or 0)
      end
      assert.is_true(fleet.reads <= 3, fleet.reads)
      assert.is_true(writes <= 20 and #fleet.bucket.requests <= 1000, #fleet.bucket.requests)
      fleet:run(300)
    end
  end)

  it("that start at the same moment read once", function()
    local fleet = simulation.new(100, { phase = function() return 0 end })
    fleet.services = { service("1") }
    fleet:passes(1)
    assert.equal(1, fleet.reads)
  end)

  -- A thousand services take twenty seconds, by the agent's own rate.
  for _, seconds in ipairs { 8, 25, 100 } do
    it(("that start at once have one read where that takes %d s"):format(seconds), function()
      local fleet = simulation.new(100, { phase = function() return 0 end, reading = seconds })
      fleet.services = { service("1") }
      fleet:passes(1)
      assert.equal(1, fleet:readers())
      for _, agent in ipairs(fleet.agents) do
        assert.same({}, agent.snapshot.warnings)
        assert.equal(1, #agent.snapshot.meshes[1].services)
      end
      assert.is_true(fleet.time - fleet.start < seconds + 10, fleet.time - fleet.start)
    end)
  end

  -- Many times, as it is chance who looks when: one of two that find the claim free at the same
  -- moment is beaten to it, and must not try again at once.
  it("that start at once have another one read when the one that does dies", function()
    for _ = 1, 50 do
      local fleet = simulation.new(20, { phase = function() return 0 end, reading = 25 })
      fleet.services = { service("1") }
      fleet:run(12)
      fleet:leader().dead = true
      fleet:passes(1)
      assert.equal(2, fleet:readers())
      assert.is_true(fleet.time - fleet.start < 12 + 10 + 25 + 10, fleet.time - fleet.start)
      local writes = 0
      for _, one in ipairs(fleet.bucket.requests) do
        writes = writes + (one.method == "PUT" and 1 or 0)
      end
      -- A claim by each at the start, and by a few later; renewals and the reading.
      assert.is_true(writes < 20 + 20 + 15, writes)
    end
  end)

  it("wait two minutes at most for one that reads, and then read for themselves", function()
    local fleet = simulation.new(3, { phase = function() return 0 end, reading = 1000 })
    fleet.services = { service("1") }
    fleet:run(115)
    assert.equal(1, fleet:readers())
    fleet:run(15)
    assert.equal(3, fleet:readers())
  end)
end)
