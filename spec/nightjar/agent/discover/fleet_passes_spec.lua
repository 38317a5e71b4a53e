-- Twenty agents through one trouble after the other, in simulated time: twice REFRESH_TIME later
-- each has the mesh as it is. A hundred agents: who reads.

local json = require "host.json"
local log = require "nightjar.log"
local simulation = require "spec.support.simulated_fleet"

setup(function() log.configure({ level = "error" }) end)
teardown(function() log.configure({ level = "info" }) end)

describe("twenty agents, two passes after", function()
  local fleet, weight

  before_each(function()
    weight = 1
    fleet = simulation.new(20)
    fleet.services = simulation.mesh(1)
    fleet:passes(3)
  end)

  -- The mesh changes, and twice REFRESH_TIME goes by.
  local function change()
    weight = weight + 1
    fleet.services = simulation.mesh(weight)
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
  local function fleet_of(options)
    local fleet = simulation.new(20, options)
    fleet.services = simulation.mesh(0)
    fleet:passes(12)
    return fleet
  end

  local function change(fleet, number)
    fleet.services = simulation.mesh(number)
    fleet:run(2 * fleet.every)
    for _, agent in ipairs(fleet.agents) do
      assert.equal(agent.dead and "dead" or tostring(number), agent.dead and "dead"
        or agent.snapshot.meshes[1].services[1].attributes["/"])
    end
  end

  -- Too short for the store's whole seconds: nobody is in step.
  for _, every in ipairs { 1, 2, 4 } do
    it(("%d seconds have what changed within two passes"):format(every), function()
      local fleet = fleet_of { every = every, reading = 0.1 }
      for number = 1, 20 do
        fleet:run(every * math.random())
        change(fleet, number)
      end
    end)
  end

  for _, every in ipairs { 5, 24, 25, 60, 300 } do
    it(("%d seconds have what changed when their leader died within two passes")
      :format(every), function()
      local fleet = fleet_of { every = every }
      for number = 1, 5 do
        fleet:add(0)
        fleet:run(every * (10 + 2 * math.random()))
        fleet:leader().dead = true
        change(fleet, number)
      end
    end)
  end
end)

describe("a hundred agents", function()
  it("have what changes soon after the first change in a while within a pass and a little",
    function()
      local fleet = simulation.new(100)
      for _ = 1, 5 do
        fleet:run(2 * 3600)
        for number, seconds in ipairs { 2 * fleet.every, fleet.every + 2, fleet.every + 2 } do
          fleet.services = simulation.mesh(number)
          fleet:run(seconds)
          for _, agent in ipairs(fleet.agents) do
            assert.equal(tostring(number), agent.snapshot.meshes[1].services[1].attributes["/"])
          end
        end
      end
    end)

  it("in step that lose their leader have one more read, and write little for it", function()
    local fleet = simulation.new(100)
    fleet.services = simulation.mesh(1)
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
    fleet.services = simulation.mesh(1)
    fleet:passes(1)
    assert.equal(1, fleet.reads)
  end)

  -- A thousand services take twenty seconds, by the agent's own rate.
  for _, seconds in ipairs { 8, 25, 100 } do
    it(("that start at once have one read where that takes %d s"):format(seconds), function()
      local fleet = simulation.new(100, { phase = function() return 0 end, reading = seconds })
      fleet.services = simulation.mesh(1)
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
      fleet.services = simulation.mesh(1)
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
    fleet.services = simulation.mesh(1)
    fleet:run(115)
    assert.equal(1, fleet:readers())
    fleet:run(15)
    assert.equal(3, fleet:readers())
  end)
end)
