-- A fleet of agents on one bucket, with a clock that the specs move: who reads, who follows, and
-- what each does when the store, the record or a clock is not as it should be.

local fake_s3 = require "spec.support.fake_s3"
local fleet = require "nightjar.agent.discover.fleet"
local json = require "host.json"
local log = require "nightjar.log"
local merge = require "nightjar.agent.discover.merge"
local sched = require "nightjar.agent.sched"

local NOW = 1795491670
local KEY = "/mesh/ns-1.json"
local REFRESH_TIME = 30
local T = 27 -- what the agents of a fleet make of it
local NAMESPACE = { id = "ns-1", name = "shop.local", arn = "arn:aws:x:r:1:namespace/ns-1" }

local function instance(id, health)
  return { id = id, health = health or "HEALTHY", attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1",
    AWS_INSTANCE_PORT = "80" } }
end

describe("a fleet", function()
  local bucket, time, mesh, reads, pauses

  before_each(function()
    log.configure({ level = "error" })
    time, reads, pauses = NOW, 0, 0
    bucket = fake_s3.new(function() return time end)
    mesh = { services = { { id = "srv-1", name = "web-blue", attributes = { ["/"] = "1" },
      instances = { instance("b1") } } } }
  end)

  after_each(function() log.configure({ level = "info" }) end)

  local function copy(value)
    return json.decode(json.encode(value))
  end

  -- An agent that makes passes; `skew` is how far its clock is ahead.
  local function agent(fields)
    local self = { skew = 0, mesh = mesh }
    for name, value in pairs(fields or {}) do self[name] = value end
    local settings = { environment = { HOME = "/nonexistent" }, sources = {},
      snapshot_store = "s3://fleet/mesh/", refresh_time = self.refresh_time or REFRESH_TIME }
    self.fleet = assert(fleet.new(settings, { region = "eu-central-1", context = {
      settings = settings, clock = { skew = 0 }, random = math.random,
      http = self.http or function(request) return bucket:http(request) end,
      now = function() return time + self.skew end, monotonic = function() return time end,
      sleep = self.sleep or function(seconds) pauses, time = pauses + 1, time + seconds end,
      spawn = sched.spawn,
    } }))
    return self
  end

  -- One pass, which an operator may have asked for; returns the snapshot.
  local function pass(self, requested)
    local warnings, last = {}, self.snapshot and self.snapshot.meshes[1]
    local now = math.floor(time + self.skew)
    local result = sched.run(self.fleet.services, self.fleet, { namespace = NAMESPACE,
      now = now, last = last and last.read_at > 0 and last or nil, warnings = warnings,
      complete = requested, read = function()
        reads = reads + 1
        return copy(self.mesh)
      end })
    self.snapshot = assert(merge.run(self.snapshot, { source = "cloudmap", now = now,
      warnings = warnings, meshes = { { ref = "own", port = 80, audience = "private",
        id = NAMESPACE.id, name = NAMESPACE.name, arn = NAMESPACE.arn, read_at = result.read_at,
        services = result.services, error = result.error } } }))
    return self.snapshot
  end

  local function service_of(snapshot) return snapshot.meshes[1].services[1] end

  local function warned(snapshot)
    local texts = {}
    for position, one in ipairs(snapshot.warnings) do
      texts[position] = one.code .. ": " .. one.message
    end
    return table.concat(texts, "\n")
  end

  it("has one agent read, and the others take its reading with its times", function()
    local first, second = agent(), agent()
    local read = pass(first)
    assert.equal("GET 404, PUT 200, PUT 200", bucket:seen())
    time = time + 20
    local followed = pass(second)
    assert.equal("GET 200", bucket:seen())
    assert.equal(1, reads)
    assert.same(service_of(read).since, service_of(followed).since)
    assert.same(service_of(read).instances, service_of(followed).instances)
    assert.equal(NOW, service_of(followed).read_at)
    assert.same({}, followed.warnings)
    time = NOW + 30
    pass(first)
    time = NOW + 50
    assert.equal(NOW + 30, service_of(pass(second)).read_at)
    assert.equal("PUT 200, GET 304", bucket:seen())
    assert.equal(1, second.fleet:not_modified())
  end)

  it("passes a change on with the leader's time of it", function()
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    time, mesh.services[1].attributes["/"] = NOW + 30, "2"
    pass(first)
    time = NOW + 40
    assert.same({ { ["/"] = "2" }, { ["/"] = NOW + 30 } },
      { service_of(pass(second)).attributes, service_of(second.snapshot).since })
  end)

  it("writes equal readings as equal bytes, so that nobody fetches them again", function()
    local first = agent()
    pass(first)
    local etag = bucket.objects[KEY].etag
    time = time + T
    pass(first)
    assert.equal(etag, bucket.objects[KEY].etag)
    assert.equal(NOW + T, bucket.objects[KEY].modified)
  end)

  it("looks in each second pass once it is quiet, but in one that an operator asks for", function()
    local first, second = agent(), agent()
    local function both(requested)
      pass(first)
      time = time + 2
      pass(second, requested)
      time = time + T - 2
      return bucket:seen()
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
    for _ = 1, 4 do assert.equal("PUT 200, GET 304", both(true)) end
  end)

  it("comes into step with the leader of its first mesh, unless it leads one itself", function()
    local first, second = agent(), agent()
    pass(first)
    assert.is_nil(first.fleet:take_due())
    time = time + 20
    pass(second)
    local due = second.fleet:take_due()
    assert.is_true(due >= NOW + T + 1 and due <= NOW + T + 3, due)
    assert.is_nil(second.fleet:take_due())
    second.fleet.members["ns-2"] = { leads = true }
    time = time + T
    pass(first)
    time = time + 20
    pass(second)
    assert.is_nil(second.fleet:take_due())
  end)

  it("has another agent lead when the leader is gone, and its times go on", function()
    local first, second, third = agent(), agent(), agent()
    pass(first)
    for _, one in ipairs { second, third } do pass(one) end
    bucket:seen()
    time = NOW + T
    pass(second)
    assert.equal("GET 304", bucket:seen())
    time = NOW + 40
    mesh.services[1].instances[2] = instance("b2")
    local instances = service_of(pass(second)).instances
    assert.equal("GET 304, PUT 200, PUT 200", bucket:seen())
    assert.same({ NOW, NOW + 40 }, { instances[1].since, instances[2].since })
    assert.same(instances, service_of(pass(third)).instances)
    assert.equal(2, reads)
    -- The old leader comes back to life and finds that it is none.
    bucket:seen()
    assert.same(instances, service_of(pass(first)).instances)
    assert.same({ "GET 200", 2 }, { bucket:seen(), reads })
  end)

  it("takes the fleet's times where another agent took the lead during a reading", function()
    local first, second = agent(), agent()
    pass(first)
    time, mesh.services[1].attributes["/"] = NOW + 25, "2"
    bucket.objects[KEY].modified = NOW - 60
    pass(second)
    time = NOW + 30
    bucket:seen()
    assert.same({ ["/"] = NOW + 25 }, service_of(pass(first)).since)
    assert.equal("PUT 412, GET 200", bucket:seen())
  end)

  it("is led by the agent that passes most often", function()
    local slow, fast = agent(), agent { refresh_time = 10 }
    pass(slow)
    for _ = 1, 30 do
      time = time + 10
      pass(fast)
      if (time - NOW) // 10 % 3 == 0 then pass(slow) end
    end
    bucket:seen()
    time, reads = time + 5, 0
    assert.same({}, pass(slow).warnings)
    assert.same({ "GET 304", 0 }, { bucket:seen(), reads })
    time = time + 5
    pass(fast)
    assert.equal("PUT 200", bucket:seen())
  end)

  it("signs with the store's clock, yet neither leads nor follows by it", function()
    local own = agent { skew = -1200 }
    own.fleet.context.http = function(request)
      local signed_at = own.fleet.client:now()
      if math.abs(signed_at - time) > 900 then
        return bucket:refuse { 403, "RequestTimeTooSkewed", "The difference is too large." }
      end
      return bucket:http(request)
    end
    own.fleet.client.credentials = { get = function()
      return { access_key_id = "AKIA1", secret_access_key = "x", source = "spec" }
    end }
    assert.matches("fleet_clock", warned(pass(own)), 1, true)
    assert.equal("GET 404", bucket:seen())
  end)

  it("waits for a leader that is late, and leads when it does not come", function()
    local first, second, third = agent(), agent(), agent()
    pass(first)
    pass(second)
    bucket:seen()
    time = NOW + 31
    -- The leader writes the same once more.
    third.fleet.context.sleep = function(seconds)
      time = time + seconds
      bucket.objects[KEY].modified = time
    end
    assert.same({}, pass(third).warnings)
    assert.same({ "GET 200, GET 304", 1 }, { bucket:seen(), reads })
    time = time + 31
    pass(second)
    assert.equal(2, reads)
    assert.matches("^GET 304, GET 304.*, PUT 200, PUT 200$", bucket:seen())
  end)

  it("goes on with the fleet's times when an agent that knows nothing leads", function()
    pass(agent())
    time = NOW + 60
    assert.same({ ["/"] = NOW }, service_of(pass(agent())).since)
    assert.equal(2, reads)
  end)

  it("joins the times of a record and of an agent that read alone meanwhile", function()
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    bucket.away = true
    time, mesh.services[1].attributes = NOW + 40, { ["/"] = "1", ["/new"] = "1" }
    pass(second)
    bucket.away, time = false, NOW + 900
    assert.same({ ["/"] = NOW, ["/new"] = NOW + 40 }, service_of(pass(second)).since)
    assert.same({ ["/"] = NOW, ["/new"] = NOW + 40 }, service_of(pass(first)).since)
  end)

  it("takes the earlier time of what an agent saw that began alone", function()
    local first, second = agent(), agent()
    pass(first)
    bucket.away, time = true, NOW + 40
    pass(second)
    assert.equal(NOW + 40, service_of(second.snapshot).since["/"])
    bucket.away, time, mesh.services[1].instances[1].health = false, NOW + 900, "UNHEALTHY"
    local one = service_of(pass(second))
    assert.same({ { ["/"] = NOW }, NOW, NOW + 900 }, { one.since, one.instances[1].since,
      one.instances[1].health_since })
  end)

  it("keeps the last data while another agent reads", function()
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    -- A claim of a third one, written between this one's look and its own claim.
    local claim = json.decode(bucket.objects[KEY].text)
    claim.leader, claim.reading, claim.age = "0123456789abcdef", true, 45
    time = NOW + 45
    bucket:place(KEY, json.encode(claim))
    local snapshot = pass(second)
    assert.same({ 1, "", NOW }, { reads, warned(snapshot), service_of(snapshot).read_at })
    time = NOW + 50
    assert.equal(NOW, service_of(pass(second)).read_at)
    -- The claim has led to nothing: it may be claimed again.
    time = NOW + 56
    pass(second)
    assert.equal(2, reads)
  end)

  it("writes what took long to read in place of another one's claim", function()
    local first, second = agent(), agent()
    pass(first)
    local claim = json.decode(bucket.objects[KEY].text)
    claim.leader, claim.reading, claim.age = "0123456789abcdef", true, 30
    time = NOW + 30
    bucket:place(KEY, json.encode(claim))
    bucket:seen()
    pass(first)
    assert.equal("PUT 412, GET 200, PUT 200", bucket:seen())
    assert.equal(NOW + 30, service_of(pass(second)).read_at)
  end)

  it("reads for itself when what another one reads does not come and data are old", function()
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    local claim = json.decode(bucket.objects[KEY].text)
    claim.leader, claim.reading, claim.age = "0123456789abcdef", true, 91
    time = NOW + 91
    bucket:place(KEY, json.encode(claim))
    assert.matches("fleet_unread: another agent reads, and has written nothing yet",
      warned(pass(second)), 1, true)
    assert.equal(2, reads)
    assert.is_true(pauses >= 4)
    pass(second)
    assert.same({ 3, 4 }, { reads, pauses })
  end)

  it("reads once for a hundred agents that start together", function()
    local tasks, function_of = {}, {}
    for position = 1, 100 do
      function_of[position] = agent { sleep = sched.sleep, http = function(request)
        sched.sleep(0.001 * math.random())
        return bucket:http(request)
      end }
    end
    local results = sched.run(function()
      return sched.all(function_of, 100, function(self)
        return self.fleet:services { namespace = NAMESPACE, now = NOW, warnings = tasks,
          read = function()
            reads = reads + 1
            sched.sleep(0.2)
            return copy(mesh)
          end }
      end)
    end)
    assert.equal(1, reads)
    for _, result in ipairs(results) do
      assert.equal("1", result.services[1].attributes["/"])
    end
    assert.same({}, tasks)
  end)

  describe("with a record that cannot be used", function()
    local bad = {
      ["is cut"] = function(text) return text:sub(1, #text // 2), "no JSON object" end,
      ["is binary"] = function() return "\0\1\2\255PNG", "no JSON object" end,
      ["is empty"] = function() return "", "no JSON object" end,
      ["is of another format"] = function(text)
        return text:gsub('"format":1', '"format":2'), "format: expected 1"
      end,
      ["is another mesh's"] = function(text)
        return text:gsub("ns%-1", "ns-2"), "mesh: expected arn:aws:x:r:1:namespace/ns-1"
      end,
      ["has a time that is still to come"] = function(text)
        return text:gsub(tostring(NOW), tostring(NOW + 3600)), "services[1]"
      end,
      ["holds a key that nobody knows"] = function(text)
        return text:gsub('"every"', '"ever":1,"every"'), 'record: unknown key "ever"'
      end,
      ["has a value that is no text"] = function(text)
        return text:gsub('"/":"1"', '"/":1'), "services[1].attributes: expected texts by name"
      end,
      ["has instances that are none"] = function(text)
        return text:gsub('"health":"HEALTHY",', ""), "services[1].instances[1].health"
      end,
      ["is too large"] = function(text)
        return text .. (" "):rep(32 * 1024 * 1024), "larger than 33554432 bytes"
      end,
      ["names a service twice"] = function(text)
        return text:gsub('"services":%[(.*)%],"warnings"', '"services":[%1,%1],"warnings"'),
          "services[2].id: expected one not given before"
      end,
    }
    for name, spoil in pairs(bad) do
      it("which " .. name .. " reads in the same pass, and the record is mended", function()
        local first, second = agent(), agent()
        pass(first)
        pass(second)
        local good = bucket.objects[KEY].text
        local text, reason = spoil(good)
        assert.not_equal(good, text)
        time = NOW + 10
        bucket:place(KEY, text)
        time = NOW + 20
        local snapshot = pass(second)
        assert.matches("fleet_unread: " .. reason, warned(snapshot), 1, true)
        assert.matches("this agent reads for itself", warned(snapshot), 1, true)
        assert.same({ 2, NOW + 20, NOW }, { reads, service_of(snapshot).read_at,
          service_of(snapshot).since["/"] })
        local again = pass(second)
        assert.equal(warned(snapshot), warned(again))
        time = NOW + 30
        pass(first)
        time = NOW + 50
        assert.same({}, pass(second).warnings)
        assert.equal("true", tostring(json.decode(bucket.objects[KEY].text) ~= nil))
        assert.same({}, pass(first).warnings)
        assert.equal(NOW, service_of(first.snapshot).since["/"])
      end)
    end
  end)

  it("neither leads nor follows with a clock that is wrong, and says so", function()
    local first, second = agent(), agent { skew = -61 }
    pass(first)
    bucket:seen()
    local snapshot = pass(second)
    assert.matches("fleet_clock: this machine's clock and the store's differ by more than 60 s",
      warned(snapshot), 1, true)
    assert.same({ "GET 200", 2 }, { bucket:seen(), reads })
    -- Before there is a record it does not claim one.
    bucket.objects = {}
    pass(agent { skew = 61 })
    assert.equal("GET 404", bucket:seen())
    second.skew, time = 0, NOW + 600
    pass(second)
    assert.same({}, pass(second).warnings)
  end)

  it("reads for itself while the store is away, without asking it at each pass", function()
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    bucket:seen()
    bucket.away = true
    local asked = 0
    for round = 1, 40 do
      time = NOW + 10 + round * T
      local snapshot = pass(second)
      assert.matches("fleet_unread: GetObject: ConnectionError: no answer", warned(snapshot), 1,
        true)
      assert.equal(math.floor(time), service_of(snapshot).read_at)
      asked = asked + #bucket.requests
      -- The first time it is tried twice.
      assert.is_true(#bucket.requests <= (round == 1 and 2 or 1))
      bucket.requests = {}
    end
    assert.is_true(asked >= 4 and asked <= 14, asked)
    bucket.away = false
    for _ = 1, 13 do
      time = time + T
      pass(second)
    end
    assert.same({}, second.snapshot.warnings)
    assert.equal(NOW, service_of(second.snapshot).since["/"])
  end)

  it("uses what it read when it cannot write", function()
    bucket.denied.PUT = true
    local snapshot = pass(agent())
    assert.matches("fleet_unread: PutObject: 403 AccessDenied: Access Denied", warned(snapshot), 1,
      true)
    assert.same({ 1, "1" }, { reads, service_of(snapshot).attributes["/"] })
    bucket.denied.PUT = nil
    local leader = agent()
    pass(leader)
    bucket.away, time = true, NOW + T
    assert.equal(NOW + T, service_of(pass(leader)).read_at)
    assert.equal(3, reads)
  end)

  it("leads on when only the answer to its write was lost", function()
    local first, second = agent(), agent()
    pass(first)
    bucket:seen()
    time, bucket.loses, mesh.services[1].attributes["/"] = NOW + T, 1, "3"
    pass(first)
    -- The second try finds the first one's result and takes it for another agent's.
    assert.equal("PUT lost, PUT 412, GET 200", bucket:seen())
    time = NOW + 2 * T
    pass(first)
    assert.equal("PUT 200", bucket:seen())
    assert.same({ {}, 3 }, { pass(second).warnings, reads })
  end)

  it("leads when only the answer to its claim was lost", function()
    bucket.loses = 1
    assert.same({}, pass(agent()).warnings)
    assert.equal("GET 404, PUT lost, PUT 412, GET 200, PUT 200", bucket:seen())
    assert.equal(1, reads)
  end)

  it("leads where a missing object is denied, as there is no right to list", function()
    bucket.hides_missing = true
    pass(agent())
    assert.equal("GET 403, PUT 200, PUT 200", bucket:seen())
    local second = agent()
    pass(second)
    assert.equal("GET 200", bucket:seen())
    bucket.denied.GET = true
    local third = pass(agent())
    assert.matches("fleet_unread: GetObject: 403 AccessDenied", warned(third), 1, true)
    assert.equal("GET 403, PUT 412", bucket:seen())
    assert.equal(2, reads)
  end)

  it("asks for the head where a 304 does not say when the object was written", function()
    bucket.is_terse = true
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    bucket:seen()
    time = NOW + 5
    pass(second)
    assert.equal("GET 304, HEAD 200", bucket:seen())
    time = NOW + 26
    assert.equal(NOW, service_of(pass(second)).read_at)
    assert.equal("HEAD 200", bucket:seen())
    mesh.services[1].attributes["/"] = "7"
    pass(first)
    assert.equal("7", service_of(pass(second)).attributes["/"])
    assert.equal("PUT 200, HEAD 200, GET 200", bucket:seen())
  end)

  it("follows where each write has an ETag of its own", function()
    bucket.is_salted = true
    local first, second = agent(), agent()
    for _ = 1, 3 do
      pass(first)
      assert.same({}, pass(second).warnings)
      time = time + 20
    end
    assert.same({ 3, 2 }, { reads, second.fleet:not_modified() })
  end)

  it("marks for all what its leader could not read, and keeps each one's data", function()
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    time = NOW + T
    mesh.services[1] = { id = "srv-1", name = "web-blue", error = "DiscoverInstances: 500 x" }
    mesh.services[2] = { id = "srv-2", name = "web-green", attributes = {}, instances = {} }
    pass(first)
    local third = agent()
    for _, one in ipairs { second, third } do
      local service = service_of(pass(one))
      assert.same({ true, NOW, { ["/"] = "1" }, "DiscoverInstances: 500 x" }, { service.stale,
        service.read_at, service.attributes, service.error })
      assert.equal("service_stale: keeps its last good data: DiscoverInstances: 500 x",
        warned(one.snapshot))
    end
  end)

  it("lets another agent lead when the leader cannot read a service for long", function()
    local broken = { services = { { id = "srv-1", name = "web-blue", error = "no" },
      { id = "srv-2", name = "web-green", attributes = {}, instances = {} } } }
    local first, second = agent(), agent()
    pass(first)
    first.mesh = broken
    local round = 0
    repeat
      round, time = round + 1, time + T
      pass(first)
      pass(second)
    until not service_of(second.snapshot).stale and round > 3 or round == 300
    assert.is_true(round < 300)
    assert.is_nil(service_of(second.snapshot).error)
    pass(first)
    assert.is_nil(service_of(first.snapshot).error)
  end)

  it("does not write what is no reading, and others try", function()
    local first, second = agent(), agent()
    pass(first)
    pass(second)
    first.mesh = { services = { { id = "srv-1", name = "web-blue", error = "denied" } } }
    bucket:seen()
    time = NOW + 10
    assert.equal("denied", service_of(pass(first)).error)
    assert.equal("", bucket:seen())
    first.mesh = { error = "ListServices: 403 AccessDenied" }
    time = NOW + T
    assert.is_true(pass(first).meshes[1].stale)
    assert.equal("GET 304", bucket:seen())
    time = NOW + 45
    assert.same({}, pass(second).warnings)
    time = NOW + 60
    assert.is_nil(pass(first).meshes[1].stale)
    time = NOW + 75
    pass(second)
    assert.is_nil(pass(first).meshes[1].stale)
  end)
end)
