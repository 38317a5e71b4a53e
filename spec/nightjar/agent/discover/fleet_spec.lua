-- A fleet of agents on one bucket, with a clock that the specs move: who reads, and who follows.
-- What each does when something is not as it should be: fleet_trouble_spec.lua.

local fleet_world = require "spec.support.fleet_world"
local json = require "host.json"
local log = require "nightjar.log"
local sched = require "nightjar.agent.sched"

local NOW, KEY, T = fleet_world.NOW, fleet_world.KEY, fleet_world.T
local copy, instance = fleet_world.copy, fleet_world.instance
local service_of, warned = fleet_world.service_of, fleet_world.warned

describe("a fleet", function()
  local world

  before_each(function()
    log.configure({ level = "error" })
    world = fleet_world.new()
  end)

  after_each(function() log.configure({ level = "info" }) end)

  it("has one agent read, and the others take its reading with its times", function()
    local first, second = world:agent(), world:agent()
    local read = world:pass(first)
    assert.equal("GET 404, PUT 200, PUT 200", world.bucket:seen())
    world.time = world.time + 20
    local followed = world:pass(second)
    assert.equal("GET 200", world.bucket:seen())
    assert.equal(1, world.reads)
    assert.same(service_of(read).since, service_of(followed).since)
    assert.same(service_of(read).instances, service_of(followed).instances)
    assert.equal(NOW, service_of(followed).read_at)
    assert.same({}, followed.warnings)
    world.time = NOW + 30
    world:pass(first)
    world.time = NOW + 50
    assert.equal(NOW + 30, service_of(world:pass(second)).read_at)
    assert.equal("PUT 200, GET 304", world.bucket:seen())
    assert.equal(1, second.fleet:not_modified())
  end)

  it("passes a change on with the leader's time of it", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.time, world.mesh.services[1].attributes["/"] = NOW + 30, "2"
    world:pass(first)
    world.time = NOW + 40
    assert.same({ { ["/"] = "2" }, { ["/"] = NOW + 30 } },
      { service_of(world:pass(second)).attributes, service_of(second.snapshot).since })
  end)

  it("writes equal readings as equal bytes, so that nobody fetches them again", function()
    local first = world:agent()
    world:pass(first)
    local etag = world.bucket.objects[KEY].etag
    world.time = world.time + T
    world:pass(first)
    assert.equal(etag, world.bucket.objects[KEY].etag)
    assert.equal(NOW + T, world.bucket.objects[KEY].modified)
  end)

  it("looks in each second pass once it is quiet", function()
    local first, second = world:agent(), world:agent()
    local function both()
      world:pass(first)
      world.time = world.time + 2
      world:pass(second)
      world.time = world.time + T - 2
      return world.bucket:seen()
    end
    for _ = 1, 6 do both() end
    local one, next_one = both(), both()
    if #one < #next_one then one, next_one = next_one, one end
    assert.same({ "PUT 200, GET 304", "PUT 200" }, { one, next_one })
    -- The data are as old as they are, and the same.
    local age = second.snapshot.meshes[1].read_at
    both()
    both()
    assert.is_true(second.snapshot.meshes[1].read_at > age)
    assert.same({}, second.snapshot.warnings)
  end)

  it("has a follower read for all when an operator asks it for a pass", function()
    local first, second = world:agent(), world:agent()
    for _ = 1, 12 do
      world:pass(first)
      world.time = world.time + 2
      world:pass(second)
      world.time = world.time + T - 2
    end
    world:pass(first)
    world.bucket:seen()
    world.mesh.services[1].attributes["/"] = "2"
    assert.equal("2", service_of(world:pass(second, true)).attributes["/"])
    assert.equal("GET 304, PUT 200, PUT 200", world.bucket:seen())
    -- Who led follows now.
    world.time, world.reads = world.time + T, 0
    world:pass(second)
    world.bucket:seen()
    world:pass(first)
    world.time = world.time + T
    world:pass(second)
    world:pass(first)
    assert.equal("PUT 412, GET 200, PUT 200, GET 304", world.bucket:seen())
    assert.same({ "2", 3 }, { service_of(first.snapshot).attributes["/"], world.reads })
  end)

  it("keeps what an operator has asked for when the leader writes during that reading", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.bucket:seen()
    world.time = NOW + T
    local result = sched.run(second.fleet.services, second.fleet, world:call(second, {
      complete = true, last = second.snapshot.meshes[1], read = function()
        first.fleet:services(world:call(first)) -- before the change
        world.mesh.services[1].attributes["/"] = "2"
        return copy(world.mesh)
      end }))
    assert.equal("2", result.services[1].attributes["/"])
    assert.equal("GET 304, PUT 200, PUT 412, GET 200, PUT 200, PUT 412, GET 200, PUT 200",
      world.bucket:seen())
    first.mesh = { services = {} } -- it leads no more
    world.time = NOW + 2 * T
    assert.equal("2", service_of(world:pass(first)).attributes["/"])
  end)

  -- A hundred agents at once, with a store that takes a moment; `before` is their last pass.
  local function hundred(requested, before)
    local agents = before or {}
    for position = 1, 100 do
      agents[position] = agents[position] or world:agent { sleep = sched.sleep,
        http = function(request)
          sched.sleep(0.001 * math.random())
          return world.bucket:http(request)
        end }
    end
    local calls = {}
    local results = sched.run(function()
      return sched.all(agents, 100, function(one)
        calls[one] = world:call(one, { complete = requested, read = function()
          world.reads = world.reads + 1
          sched.sleep(0.2)
          return copy(world.mesh)
        end })
        return one.fleet:services(calls[one])
      end)
    end)
    for position, one in ipairs(agents) do
      assert.same({}, calls[one].warnings)
      assert.equal(world.mesh.services[1].attributes["/"],
        results[position].services[1].attributes["/"])
    end
    return agents
  end

  it("reads once for a hundred agents that start together", function()
    hundred()
    assert.equal(1, world.reads)
  end)

  it("reads once for a hundred agents that start without the right to list", function()
    world.bucket.hides_missing = true
    hundred()
    assert.equal(1, world.reads)
  end)

  it("reads once more for a hundred agents that are asked for a pass at once", function()
    local agents = hundred()
    world.time, world.mesh.services[1].attributes["/"] = NOW + 10, "2"
    world.reads = 0
    hundred(true, agents)
    -- Who leads anyway, and the first of those that follow.
    assert.is_true(world.reads >= 1 and world.reads <= 2, world.reads)
  end)

  local OTHER = { id = "ns-2", name = "other.local" }

  it("waits for no leader while it leads another mesh, and does once that is gone", function()
    local first, second = world:agent(), world:agent()
    local function other()
      return sched.run(second.fleet.services, second.fleet,
        world:call(second, { namespace = OTHER }))
    end
    world:pass(first)
    world.time = world.time + 20
    world:pass(second)
    other()
    assert.is_nil(second.fleet:take_due())
    world.time = NOW + T
    world:pass(first)
    world.time = world.time + 20
    world:pass(second)
    assert.is_number(second.fleet:take_due())
  end)

  it("comes into step with the leader of a namespace that was made anew", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    second.fleet:take_due()
    sched.run(first.fleet.services, first.fleet, world:call(first, { namespace = OTHER }))
    world.time = NOW + 15
    sched.run(second.fleet.services, second.fleet, world:call(second, { namespace = OTHER }))
    assert.is_number(second.fleet:take_due())
  end)

  it("comes into step with the leader of its first mesh", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    assert.is_nil(first.fleet:take_due())
    world.time = world.time + 20
    world:pass(second)
    local due = second.fleet:take_due()
    assert.is_true(due >= NOW + T + 1 and due <= NOW + T + 3, due)
    assert.is_nil(second.fleet:take_due())
  end)

  it("comes into step again when it has led, stood still and follows now", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.time = NOW + 60
    world:pass(second)
    assert.is_nil(second.fleet:take_due())
    world.time = NOW + 75
    world:pass(first)
    assert.is_number(first.fleet:take_due())
  end)

  it("has another agent lead when the leader is gone, and its times go on", function()
    local first, second, third = world:agent(), world:agent(), world:agent()
    world:pass(first)
    for _, one in ipairs { second, third } do world:pass(one) end
    world.bucket:seen()
    world.time = NOW + T
    world:pass(second)
    assert.equal("GET 304", world.bucket:seen())
    world.time = NOW + 40
    world.mesh.services[1].instances[2] = instance("b2")
    local instances = service_of(world:pass(second)).instances
    assert.equal("GET 304, PUT 200, PUT 200", world.bucket:seen())
    assert.same({ NOW, NOW + 40 }, { instances[1].since, instances[2].since })
    assert.same(instances, service_of(world:pass(third)).instances)
    assert.equal(2, world.reads)
    -- The old leader comes back to life and finds that it is none.
    world.bucket:seen()
    assert.same(instances, service_of(world:pass(first)).instances)
    assert.same({ "GET 200", 2 }, { world.bucket:seen(), world.reads })
  end)

  it("takes the fleet's times where another agent took the lead during a reading", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world.time, world.mesh.services[1].attributes["/"] = NOW + 25, "2"
    world.bucket.objects[KEY].modified = NOW - 60
    world:pass(second)
    world.time = NOW + 30
    world.bucket:seen()
    assert.same({ ["/"] = NOW + 25 }, service_of(world:pass(first)).since)
    assert.equal("PUT 412, GET 200", world.bucket:seen())
  end)

  it("is led by the agent that passes most often", function()
    local slow, fast = world:agent(), world:agent { refresh_time = 10 }
    world:pass(slow)
    for _ = 1, 30 do
      world.time = world.time + 10
      world:pass(fast)
      if (world.time - NOW) // 10 % 3 == 0 then world:pass(slow) end
    end
    world.bucket:seen()
    world.time, world.reads = world.time + 5, 0
    assert.same({}, world:pass(slow).warnings)
    assert.same({ "GET 304", 0 }, { world.bucket:seen(), world.reads })
    world.time = world.time + 5
    world:pass(fast)
    assert.equal("PUT 200", world.bucket:seen())
  end)

  it("signs with the store's clock, yet neither leads nor follows by it", function()
    local own = world:agent { skew = -1200 }
    own.fleet.context.http = function(request)
      local signed_at = own.fleet.client:now()
      if math.abs(signed_at - world.time) > 900 then
        return world.bucket:refuse { 403, "RequestTimeTooSkewed", "The difference is too large." }
      end
      return world.bucket:http(request)
    end
    own.fleet.client.credentials = { get = function()
      return { access_key_id = "AKIA1", secret_access_key = "x", source = "spec" }
    end }
    assert.matches("fleet_clock", warned(world:pass(own)), 1, true)
    assert.equal("GET 404", world.bucket:seen())
  end)

  it("waits for a leader that is late, and leads when it does not come", function()
    local first, second, third = world:agent(), world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.bucket:seen()
    world.time = NOW + 31
    -- The leader writes the same once more.
    third.fleet.context.sleep = function(seconds)
      world.time = world.time + seconds
      world.bucket.objects[KEY].modified = world.time
    end
    assert.same({}, world:pass(third).warnings)
    assert.same({ "GET 200, GET 304", 1 }, { world.bucket:seen(), world.reads })
    world.time = world.time + 31
    world:pass(second)
    assert.equal(2, world.reads)
    assert.matches("^GET 304, GET 304.*, PUT 200, PUT 200$", world.bucket:seen())
  end)

  it("goes on with the fleet's times when an agent that knows nothing leads", function()
    world:pass(world:agent())
    world.time = NOW + 60
    assert.same({ ["/"] = NOW }, service_of(world:pass(world:agent())).since)
    assert.equal(2, world.reads)
  end)

  it("joins the times of a record and of an agent that read alone meanwhile", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.bucket.away = true
    world.time, world.mesh.services[1].attributes = NOW + 40, { ["/"] = "1", ["/new"] = "1" }
    world:pass(second)
    world.bucket.away, world.time = false, NOW + 900
    assert.same({ ["/"] = NOW, ["/new"] = NOW + 40 }, service_of(world:pass(second)).since)
    assert.same({ ["/"] = NOW, ["/new"] = NOW + 40 }, service_of(world:pass(first)).since)
  end)

  it("takes the earlier time of what an agent saw that began alone", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world.bucket.away, world.time = true, NOW + 40
    world:pass(second)
    assert.equal(NOW + 40, service_of(second.snapshot).since["/"])
    world.bucket.away, world.time = false, NOW + 900
    world.mesh.services[1].instances[1].health = "UNHEALTHY"
    local one = service_of(world:pass(second))
    assert.same({ { ["/"] = NOW }, NOW, NOW + 900 }, { one.since, one.instances[1].since,
      one.instances[1].health_since })
  end)

  it("keeps the last data while another agent reads", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    -- A claim of a third one, written between this one's look and its own claim.
    local claim = json.decode(world.bucket.objects[KEY].text)
    claim.leader, claim.reading, claim.age = "0123456789abcdef", true, 45
    world.time = NOW + 45
    world.bucket:place(KEY, json.encode(claim))
    local snapshot = world:pass(second)
    assert.same({ 1, "", NOW }, { world.reads, warned(snapshot), service_of(snapshot).read_at })
    world.time = NOW + 50
    assert.equal(NOW, service_of(world:pass(second)).read_at)
    -- The claim has led to nothing: it may be claimed again.
    world.time = NOW + 56
    world:pass(second)
    assert.equal(2, world.reads)
  end)

  it("writes what took long to read in place of another one's claim", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    local claim = json.decode(world.bucket.objects[KEY].text)
    claim.leader, claim.reading, claim.age = "0123456789abcdef", true, 30
    world.time = NOW + 30
    world.bucket:place(KEY, json.encode(claim))
    world.bucket:seen()
    world:pass(first)
    assert.equal("PUT 412, GET 200, PUT 200", world.bucket:seen())
    assert.equal(NOW + 30, service_of(world:pass(second)).read_at)
  end)

  it("reads for itself when what another one reads does not come and data are old", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    local claim = json.decode(world.bucket.objects[KEY].text)
    claim.leader, claim.reading, claim.age = "0123456789abcdef", true, 91
    world.time = NOW + 91
    world.bucket:place(KEY, json.encode(claim))
    assert.matches("fleet_unread: another agent reads, and has written nothing yet",
      warned(world:pass(second)), 1, true)
    assert.equal(2, world.reads)
    assert.is_true(world.pauses >= 4)
    world:pass(second)
    assert.same({ 3, 4 }, { world.reads, world.pauses })
  end)
end)
