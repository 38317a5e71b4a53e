-- Services that are as usual are asked for together; whatever is not as usual is as if each had
-- been asked for alone. The endpoint counts, and fails on demand.
local cloudmap = require "nightjar.agent.discover.cloudmap"
local json = require "host.json"
local merge = require "nightjar.agent.discover.merge"
local moto = require "spec.support.moto"
local rate = require "nightjar.agent.aws.rate"
local sched = require "nightjar.agent.sched"

local ARN = "arn:aws:servicediscovery:eu-central-1:123456789012:"
local COUNT, AT_ONCE = 40, 4

local function name_of(number) return ("s%03d"):format(number) end

local function service(number, port, attributes)
  return { Id = "srv-" .. number, Name = name_of(number), NamespaceId = "ns-1",
    Arn = ARN .. "service/srv-" .. number, Attributes = attributes,
    Instances = { { InstanceId = "a", Attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1",
      AWS_INSTANCE_PORT = tostring(port or 9000) } } } }
end

local function world(count)
  local services = {}
  for number = 1, count or COUNT do services[number] = service(number) end
  return { services = services, namespaces = { { Id = "ns-1", Name = "shop.local",
    HttpName = "shop.local", Arn = ARN .. "namespace/ns-1" } } }
end

describe("services that are as usual", function()
  if moto.missing() then
    pending(moto.missing())
    return
  end

  local endpoint, given, session, snapshot, batches, hints, environment, now

  setup(function() endpoint = moto.faulty() end)
  teardown(function() endpoint:stop() end)

  -- Retries do not wait.
  local function open()
    return cloudmap.session(given, { sleep = function() end,
      batch = function(request, holder)
        local started, answers = sched.batch(request, holder)
        batches[#batches + 1] = { limit = request.limit, items = #request.items // 3,
          started = started }
        return started, answers
      end })
  end

  -- A pass, and how often each operation was asked.
  local function pass(faults)
    endpoint:faults(faults or {})
    batches = {}
    sched.run(function()
      session = session or assert(open())
      snapshot = assert(merge.run(snapshot,
        cloudmap.read(session, snapshot, given, now, hints)))
    end)
    now = now + given.refresh_time
    local counts = {}
    for _, asked in ipairs(endpoint:asked().requests) do
      counts[asked.operation] = (counts[asked.operation] or 0) + 1
    end
    return counts
  end

  before_each(function()
    endpoint:state(world())
    environment = { AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint.endpoint,
      AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" }
    given = { discovery = "cloudmap", service_member = "srv-1", service_port = 8080,
      namespaces = {}, gateway = false, api_concurrency = AT_ONCE, refresh_time = 30,
      sources = {}, environment = environment }
    session, snapshot, hints, now = nil, nil, nil, 100
    pass()
  end)

  after_each(function() assert.same({}, endpoint:asked().violations) end)

  local function find(number)
    for _, one in ipairs(snapshot.meshes[1].services) do
      if one.name == name_of(number) then return one end
    end
  end

  local function port_of(number) return find(number).instances[1].attributes.AWS_INSTANCE_PORT end

  -- Numbers of the services that keep data of an earlier pass.
  local function stale()
    local numbers = {}
    for number = 1, COUNT do
      local one = find(number)
      if one and one.stale then numbers[#numbers + 1] = number end
    end
    return numbers
  end

  local function change(number, port)
    local state = world()
    state.services[number] = service(number, port)
    endpoint:change { services = state.services }
  end

  local function remove(number)
    local state = world()
    table.remove(state.services, number)
    endpoint:change { services = state.services }
  end

  it("are asked for together, once each, from the second pass on", function()
    assert.same({}, batches)
    local before = snapshot.meshes[1].services
    assert.same({ DiscoverInstances = COUNT }, pass())
    assert.same({ { limit = AT_ONCE, items = COUNT, started = COUNT } }, batches)
    for position, one in ipairs(snapshot.meshes[1].services) do
      assert.equal(before[position], one)
    end
    assert.equal(2 * COUNT, session.client:counts().DiscoverInstances)
  end)

  it("do not hide one that has changed, which is asked for no second time", function()
    change(7, 9007)
    assert.same({ DiscoverInstances = COUNT }, pass())
    assert.equal(COUNT, batches[1].started)
    assert.equal("9007", port_of(7))
    assert.equal("9000", port_of(8))
    assert.same({ DiscoverInstances = COUNT }, pass())
    assert.equal("9007", port_of(7))
  end)

  it("are all read where all have changed", function()
    local state = world()
    for number = 1, COUNT do state.services[number] = service(number, 9100 + number) end
    endpoint:change { services = state.services }
    assert.same({ DiscoverInstances = COUNT }, pass())
    for number = 1, COUNT do assert.equal(tostring(9100 + number), port_of(number)) end
  end)

  local passing = {
    throttle = "AWS throttles", internal = "has an error of its own", drop = "drops a connection",
    cut = "cuts an answer", html = "has a proxy in front that is busy",
  }
  for fault, what in pairs(passing) do
    it(("are all read where the endpoint %s: what has failed is tried again"):format(what),
      function()
        change(30, 9030)
        local counts = pass { { operation = "DiscoverInstances", fault = fault, times = 1,
          match = { ServiceName = name_of(20) } } }
        assert.same({}, stale())
        assert.same({}, snapshot.warnings)
        assert.equal("9030", port_of(30))
        assert.equal(COUNT + 1, counts.DiscoverInstances)
        -- libcurl itself repeats what went over a connection that had rested, and was closed.
        assert.equal(fault == "drop" and 0 or 1, session.client.retries)
        assert.equal(fault == "throttle" and 1 or 0, session.client.throttles)
      end)
  end

  it("stand each alone: one that cannot be read keeps its data, and is asked alone then", function()
    local fault = { { operation = "DiscoverInstances", fault = "denied",
      match = { ServiceName = name_of(20) } } }
    pass(fault)
    assert.same({ 20 }, stale())
    assert.equal("9000", port_of(20))
    assert.same({ DiscoverInstances = COUNT, ListServices = 1 }, pass(fault))
    assert.equal(COUNT - 1, batches[1].started)
    assert.same({ 20 }, stale())
    pass()
    assert.same({}, stale())
    pass()
    assert.equal(COUNT, batches[1].started)
  end)

  for _, when in ipairs { "before the list is due", "while the list is looked at beside them" } do
    it("do not hide one that is gone " .. when, function()
      remove(20)
      if when:find("^while") then session.seldom:hurry("list", "ns-1") end
      assert.equal(1, pass().ListServices)
      assert.is_nil(find(20))
      assert.equal(COUNT - 1, #snapshot.meshes[1].services)
      assert.same({}, snapshot.warnings)
    end)
  end

  it("are tried three times in all, the first time together included", function()
    local counts = pass { { operation = "DiscoverInstances", fault = "internal",
      match = { ServiceName = name_of(20) } } }
    assert.equal(COUNT + 2, counts.DiscoverInstances)
    assert.same({ 20 }, stale())
    assert.equal("DiscoverInstances: 500 InternalFailure", find(20).error)
  end)

  it("keep their data where the endpoint is away, with few calls", function()
    local counts = pass { { operation = "*", fault = "drop" } }
    assert.equal(COUNT, #snapshot.meshes[1].services)
    assert.is_true(snapshot.meshes[1].stale or #stale() == COUNT)
    assert.is_true(counts.DiscoverInstances <= 3 * COUNT)
  end)

  it("need new keys only once: what is under way with the old ones, no more", function()
    local folder = os.tmpname()
    finally(function() os.remove(folder) end)
    local file = assert(io.open(folder, "w"))
    file:write('#!/bin/sh\nprintf \'{"Version":1,"AccessKeyId":"B","SecretAccessKey":"t",',
      '"SessionToken":"%s","Expiration":"2099-01-01T00:00:00Z"}\' "$(date +%N)"\n')
    file:close()
    environment.AWS_ACCESS_KEY_ID, environment.AWS_SECRET_ACCESS_KEY = nil, nil
    environment.AWS_CONFIG_FILE = os.tmpname()
    finally(function() os.remove(environment.AWS_CONFIG_FILE) end)
    local config = assert(io.open(environment.AWS_CONFIG_FILE, "w"))
    config:write("[default]\ncredential_process = sh " .. folder .. "\n")
    config:close()
    session, snapshot = nil, nil
    pass()
    local old = endpoint:asked().requests[1].token
    local counts = pass { { operation = "DiscoverInstances", fault = "expired", times = AT_ONCE } }
    assert.same({}, stale())
    assert.is_true(counts.DiscoverInstances <= COUNT + AT_ONCE, counts.DiscoverInstances)
    local with_old = 0
    for _, one in ipairs(endpoint:asked().requests) do
      with_old = with_old + (one.token == old and 1 or 0)
    end
    assert.is_true(with_old >= 1 and with_old <= AT_ONCE, with_old)
  end)

  it("tell that this machine's clock is wrong", function()
    endpoint:change { clock = 3600 }
    assert.is_true(pass().DiscoverInstances <= COUNT + AT_ONCE)
    assert.same({}, stale())
    assert.is_true(math.abs(session.client.context.clock.skew - 3600) < 10)
    assert.same({ DiscoverInstances = COUNT }, pass())
    assert.equal(COUNT, batches[1].started)
  end)

  it("have the same id in all tries of a call, and each call has its own", function()
    pass { { operation = "DiscoverInstances", fault = "internal", times = 1,
      match = { ServiceName = name_of(20) } } }
    local tries = {}
    for _, one in ipairs(endpoint:asked().requests) do
      tries[one.id] = (tries[one.id] or "") .. one.input.ServiceName .. " " .. one.attempt .. ", "
    end
    local ids = 0
    for id, said in pairs(tries) do
      ids = ids + 1
      assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", id)
      local name = said:match("^%w+")
      assert.equal(name == name_of(20) and name .. " attempt=1; max=3, " .. name
        .. " attempt=2; max=3, " or name .. " attempt=1; max=3, ", said)
    end
    assert.equal(COUNT, ids)
  end)

  it("leave the agent's own rate to those that could not be read before", function()
    session.client.limiter = rate.new({ DiscoverInstances = { rate = 1e-9, burst = 10 },
      default = { rate = 1000, burst = 1000 } }, session.client.context.monotonic)
    pass()
    assert.equal(10, batches[1].started)
    assert.equal(COUNT - 10, #stale())
    session.client.limiter = rate.new({ DiscoverInstances = { rate = 1e-9, burst = COUNT - 5 },
      default = { rate = 1000, burst = 1000 } }, session.client.context.monotonic)
    pass()
    -- All that were stale, and five of the others.
    assert.equal(5, batches[1].started)
    assert.equal(5, #stale())
  end)

  it("come after those that could not be read before, in case there is not time for all", function()
    given.api_concurrency = 1
    session = nil
    pass { { operation = "DiscoverInstances", fault = "denied",
      match = { ServiceName = name_of(20) } } }
    pass()
    local asked = {}
    for _, one in ipairs(endpoint:asked().requests) do
      if one.operation == "DiscoverInstances" then asked[#asked + 1] = one.input.ServiceName end
    end
    assert.same({ name_of(20), name_of(1), name_of(2) }, { table.unpack(asked, 1, 3) })
    assert.equal(COUNT - 1, batches[1].started)
  end)

  it("make way for those that are asked for alone, and for what is asked beside", function()
    endpoint:change { services = world(COUNT + 1).services }
    session.seldom:hurry("list", "ns-1")
    assert.same({ DiscoverInstances = COUNT + 1, GetServiceAttributes = 1, ListServices = 1 },
      pass())
    assert.equal(AT_ONCE - 1, batches[1].limit)
    assert.equal(COUNT, batches[1].started)
  end)

  it("of one mesh leave places to those of another, where they are few", function()
    local state = world(3)
    state.namespaces[2] = { Id = "ns-2", Name = "other.local", HttpName = "other.local",
      Arn = ARN .. "namespace/ns-2" }
    state.services[4] = service(4)
    state.services[4].NamespaceId = "ns-2"
    endpoint:state(state)
    given.namespaces = { { ref = "NAMESPACE_1", namespace = "other.local", port = 9001 } }
    session, snapshot = nil, nil
    pass()
    -- Neither answers: that of the other mesh was asked all the same.
    endpoint:faults { { operation = "DiscoverInstances", fault = "stall" } }
    sched.run(function()
      local reading = sched.spawn(function()
        cloudmap.read(session, snapshot, given, now, hints)
      end)
      sched.sleep(0.2)
      reading:cancel()
    end)
    assert.equal(4, #endpoint:asked().requests)
  end)

  -- Two listeners serve the namespace, and the agent starts anew from what is on disk: one of them
  -- cannot tell at first which namespace it is, and has old data when the other one has new ones.
  for ref, operation in pairs { own = "GetService", NAMESPACE_0 = "ListNamespaces" } do
    it("are the same for both listeners of a namespace, of which one was stale: " .. ref, function()
      given.namespaces = { { ref = "NAMESPACE_0", namespace = "shop.local", port = 9001 } }
      endpoint:state(world(3))
      session, snapshot = nil, nil
      hints = { resting = { ["shop.local"] = { [name_of(3)] = true } } }
      pass()
      local state = world(4)
      for number = 1, 3 do state.services[number] = service(number, 9100 + number) end
      endpoint:state(state)
      session, snapshot = nil, json.decode(json.encode(snapshot))
      local started = now
      pass { { operation = operation, fault = "throttle" } }
      for _, mesh in ipairs(snapshot.meshes) do
        assert.equal(mesh.ref == ref, mesh.stale or false)
        assert.equal(mesh.ref == ref and 3 or 4, #mesh.services)
      end
      pass()
      -- As one that could be read all along, and what nobody sees has its age.
      assert.equal(3, batches[1].started)
      assert.same({}, snapshot.warnings)
      for _, mesh in ipairs(snapshot.meshes) do
        local found = {}
        for position, one in ipairs(mesh.services) do
          found[position] = { one.name, one.instances[1].attributes.AWS_INSTANCE_PORT,
            one.read_at - started, one.stale }
        end
        assert.same({ { "s001", "9101", 30 }, { "s002", "9102", 30 }, { "s003", "9103", 0 },
          { "s004", "9000", 30 } }, found, mesh.ref)
      end
    end)
  end

  local function without_limit()
    session, snapshot = assert(sched.run(open)), nil
    session.client.limiter = rate.new({ default = { rate = 10000, burst = 10000 } },
      session.client.context.monotonic)
    pass()
  end

  it("are asked for in parts where they are more than a batch holds", function()
    endpoint:state(world(1100))
    without_limit()
    assert.same({ DiscoverInstances = 1100 }, pass())
    local items = {}
    for position, batch in ipairs(batches) do items[position] = batch.started end
    assert.same({ 1000, 100 }, items)
    local counts = pass { { operation = "DiscoverInstances", fault = "internal", times = 1,
      match = { ServiceName = name_of(999) } } } -- by name, the last one
    assert.equal(1101, counts.DiscoverInstances)
    assert.equal(2, #batches)
    assert.same({}, snapshot.warnings)
  end)

  -- Whether all of them are asked, so many, while one answer is awaited.
  local function all_asked(count, slow)
    endpoint:faults { { operation = "DiscoverInstances", fault = "slow", seconds = 3,
      match = { ServiceName = name_of(slow) } } }
    local under_way
    sched.run(function()
      local reading = sched.spawn(function()
        snapshot = assert(merge.run(snapshot,
          cloudmap.read(session, snapshot, given, now, hints)))
      end)
      while not reading.results and not under_way do
        sched.sleep(0.05)
        local answer = assert(sched.http { url = endpoint.endpoint .. "/requests",
          max_body = 1 << 24 })
        under_way = #json.decode(answer.body).requests == count and not reading.results
      end
      reading:join()
    end)
    assert.same({}, stale())
    return under_way
  end

  it("do not wait for one of them that is slow", function()
    endpoint:state(world(400))
    without_limit()
    assert.is_true(all_asked(400, 102))
  end)

  it("do not wait for a slow one of another mesh", function()
    local state = world(2 * COUNT)
    state.namespaces[2] = { Id = "ns-2", Name = "other.local", HttpName = "other.local",
      Arn = ARN .. "namespace/ns-2" }
    for number = COUNT + 1, 2 * COUNT do state.services[number].NamespaceId = "ns-2" end
    endpoint:state(state)
    given.namespaces = { { ref = "NAMESPACE_1", namespace = "other.local", port = 9001 } }
    without_limit()
    assert.is_true(all_asked(2 * COUNT, 20))
  end)

  it("are read a hundred at a time where API_CONCURRENCY says so, as in the first pass", function()
    given.api_concurrency = 100
    endpoint:state(world(250))
    session, snapshot = nil, nil
    assert.equal(250, pass().DiscoverInstances)
    assert.equal(0, session.client.retries)
    assert.same({ DiscoverInstances = 250 }, pass())
    assert.same({ { limit = 100, items = 250, started = 250 } }, batches)
    assert.same({}, snapshot.warnings)
  end)

  it("tell at each pass that their attributes are denied", function()
    session, snapshot = nil, nil
    local denied = { { operation = "GetServiceAttributes", fault = "denied" } }
    pass(denied)
    assert.same({ DiscoverInstances = COUNT }, pass(denied))
    assert.equal(COUNT, batches[1].started)
    assert.equal("service_attributes_denied", snapshot.warnings[1].code)
    assert.is_nil(snapshot.warnings[2])
  end)

  it("are none of those that nobody sees, nor of those with attributes of their own", function()
    local state = world()
    state.services[5] = service(5, 9000, { ["/"] = "1" })
    endpoint:state(state)
    session, snapshot = nil, nil
    pass()
    hints = { resting = { ["shop.local"] = { [name_of(6)] = true } } }
    pass() -- what nobody sees is read once more, and rests from then on
    assert.same({ DiscoverInstances = COUNT - 1, GetServiceAttributes = 1 }, pass())
    assert.equal(COUNT - 2, batches[1].started)
    assert.equal(AT_ONCE - 1, batches[1].limit) -- what rests needs no place
  end)

  it("are given up with the pass", function()
    endpoint:faults { { operation = "DiscoverInstances", fault = "stall" } }
    sched.run(function()
      local reading = sched.spawn(function()
        cloudmap.read(session, snapshot, given, now, hints)
      end)
      sched.sleep(0.2)
      reading:cancel()
      sched.sleep(0.1)
    end)
    assert.equal(AT_ONCE, #endpoint:asked().requests)
    -- What was sent counts, and costs its rate; the rest does not.
    assert.equal(COUNT + AT_ONCE, session.client:counts().DiscoverInstances)
    assert.same({ DiscoverInstances = COUNT }, pass())
    assert.same({}, stale())
  end)
end)
