-- What discovery asks at each pass, and what it asks seldom. The endpoint counts; the clock and the
-- dice are the specs', so that "seldom" is told to the second.
local cloudmap = require "nightjar.agent.discover.cloudmap"
local json = require "host.json"
local merge = require "nightjar.agent.discover.merge"
local moto = require "spec.support.moto"
local rate = require "nightjar.agent.aws.rate"
local sched = require "nightjar.agent.sched"

local ARN = "arn:aws:servicediscovery:eu-central-1:123456789012:"

local function service(id, name, attributes, ...)
  local instances = json.array { ... }
  return { Id = id, Name = name, NamespaceId = "ns-1", Arn = ARN .. "service/" .. id,
    Attributes = attributes, Instances = instances }
end

local function task(id, port)
  return { InstanceId = id, Attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1",
    AWS_INSTANCE_PORT = tostring(port) } }
end

local function settings_of(attributes)
  return { InstanceId = "service-settings", Attributes = attributes }
end

local function world()
  return {
    namespaces = { { Id = "ns-1", Name = "shop.local", HttpName = "shop.local",
      Arn = ARN .. "namespace/ns-1" } },
    services = {
      service("srv-own", "own", nil, settings_of { ["/own"] = "1" }, task("o", 9001)),
      service("srv-blue", "blue", nil, settings_of { ["/"] = "90" }, task("b", 9002)),
      service("srv-green", "green", { ["/"] = "10" }, task("g", 9003)),
      service("srv-batch", "batch", nil, task("x", 9004)),
    },
  }
end

describe("what discovery reads seldom:", function()
  if moto.missing() then
    pending(moto.missing())
    return
  end

  local endpoint, given, session, now, hints, snapshot

  setup(function() endpoint = moto.faulty() end)
  teardown(function() endpoint:stop() end)

  before_each(function()
    endpoint:state(world())
    given = { discovery = "cloudmap", service_member = "srv-own", service_port = 8080,
      namespaces = {}, gateway = false, api_concurrency = 4, refresh_time = 30, sources = {},
      environment = { AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint.endpoint,
        AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" } }
    session, now, snapshot = nil, 1000, nil
    hints = { resting = { ["shop.local"] = { own = true, batch = true } } }
  end)

  after_each(function() assert.same({}, endpoint:asked().violations) end)

  -- A pass, and what it asked: { operation = how often }.
  local function pass(faults)
    endpoint:faults(faults or {})
    sched.run(function()
      session = session or assert(cloudmap.session(given, { sleep = function() end,
        monotonic = function() return now end, random = function() return 0.5 end }))
      snapshot = assert(merge.run(snapshot,
        cloudmap.read(session, snapshot, given, math.floor(now), hints)))
    end)
    local counts = {}
    for _, asked in ipairs(endpoint:asked().requests) do
      counts[asked.operation] = (counts[asked.operation] or 0) + 1
    end
    return counts
  end

  -- So many passes, and the sum of what they asked.
  local function passes(count)
    local sums = {}
    for _ = 1, count do
      for operation, number in pairs(pass()) do
        sums[operation] = (sums[operation] or 0) + number
      end
      now = now + given.refresh_time
    end
    return sums
  end

  local function find(name)
    for _, one in ipairs(snapshot.meshes[1].services) do
      if one.name == name then return one end
    end
  end

  local ALL = { GetService = 1, GetNamespace = 1, ListServices = 1, DiscoverInstances = 4,
    GetServiceAttributes = 4 }

  it("the first pass reads everything", function()
    assert.same(ALL, pass())
    assert.equal(4, #snapshot.meshes[1].services)
  end)

  it("from then on a pass asks once for each service that a listener shows", function()
    passes(1)
    -- `green` has attributes of its own, which may hold its weights.
    assert.same({ DiscoverInstances = 2, GetServiceAttributes = 1 }, pass())
  end)

  it("a list is asked for at every fourth pass, and so are services without routes", function()
    passes(1)
    local sums = passes(40)
    assert.equal(10, sums.ListServices)
    assert.equal(40 * 2 + 10 * 2, sums.DiscoverInstances)
  end)

  -- The more services, the more seldom, so that all of them together do not ask more: the passes
  -- between two looks by the number of services.
  for count, between in pairs { [4] = 4, [20] = 20, [40] = 80, [60] = 100 } do
    it(("of %d services without attributes of their own each is asked for some every %d passes")
      :format(count, between), function()
        local large = world()
        for number = 1, count - 4 do
          large.services[#large.services + 1] =
            service("srv-" .. number, "more-" .. number, nil, task("m", 9100 + number))
          hints.resting["shop.local"]["more-" .. number] = true
        end
        endpoint:state(large)
        passes(1)
        assert.equal(between - 1, passes(between - 1).GetServiceAttributes) -- those of `green`
        assert.equal(1 + count - 1, passes(1).GetServiceAttributes)
      end)
  end

  it("what rests keeps what was read of it, with its age", function()
    passes(2)
    assert.equal(1000, find("own").read_at)
    assert.equal("1", find("own").attributes["/own"])
    assert.is_nil(find("own").stale)
    assert.equal(1030, find("blue").read_at)
  end)

  it("what rests is read as soon as a listener shows it", function()
    passes(1)
    hints.resting["shop.local"].batch = nil
    assert.equal(3, pass().DiscoverInstances)
    assert.equal(1030, find("batch").read_at)
  end)

  it("a new service is found by the next list", function()
    passes(1)
    local changed = world()
    changed.services[5] = service("srv-new", "new", nil, task("n", 9005))
    endpoint:state(changed)
    passes(3)
    assert.is_nil(find("new"))
    passes(1)
    assert.equal(1, #find("new").instances)
  end)

  it("a service that is gone leaves at the next pass, and the list is looked at again", function()
    passes(1)
    local changed = world()
    table.remove(changed.services, 2)
    endpoint:state(changed)
    assert.equal(1, pass().ListServices)
    assert.is_nil(find("blue"))
    assert.is_nil(pass().ListServices)
  end)

  for _, name in ipairs { "green", "emerald" } do
    it(("a service that is deleted and made anew as %q is not missed for a pass"):format(name),
      function()
        passes(1)
        local changed = world()
        changed.services[3] = service("srv-again", name, { ["/"] = "20" }, task("g", 9013))
        endpoint:state(changed)
        passes(1)
        assert.equal("srv-again", find(name).id)
        assert.equal("20", find(name).attributes["/"])
      end)
  end

  it("a service that is gone leaves where the list cannot be read too", function()
    passes(1)
    local changed = world()
    table.remove(changed.services, 2)
    endpoint:state(changed)
    endpoint:faults { { operation = "ListServices", fault = "denied" } }
    sched.run(function()
      snapshot = assert(merge.run(snapshot, cloudmap.read(session, snapshot, given, 1030, hints)))
    end)
    assert.is_nil(find("blue"))
    assert.is_nil(find("green").stale)
  end)

  local function refused(fault) return { operation = "ListServices", fault = fault } end

  local function list_is_due() session.seldom:hurry("list", "ns-1") end

  local function at_port(port)
    local changed = world()
    changed.services[2].Instances[2] = task("b", port)
    endpoint:state(changed)
    return changed
  end

  local function port_of(name) return find(name).instances[1].attributes.AWS_INSTANCE_PORT end

  for fault, said in pairs { throttle = "429 RequestLimitExceeded: Rate exceeded",
    denied = "400 AccessDeniedException: not authorized", internal = "500 InternalFailure",
    html = "503 HTTP503",
    html_200 = "200 UnreadableResponse: line 1, column 1: expected a value" } do
    it("a list that fails alone keeps no service from being read: " .. fault, function()
      passes(1)
      local warning = { code = "list_stale", mesh = "shop.local", message = "its list of services "
        .. "cannot be read, and the last one counts: ListServices: " .. said }
      for round = 1, 3 do
        local changed = at_port(9100 + round)
        changed.services[5] = service("srv-new", "new", nil, task("n", 9005))
        if round == 3 then table.remove(changed.services, 3) end
        endpoint:state(changed)
        if round == 1 then list_is_due() end
        local asked = pass { refused(fault) }
        -- What has failed is tried once in each pass from then on.
        assert.equal(round == 1 and fault ~= "denied" and 3 or 1, asked.ListServices)
        assert.equal(tostring(9100 + round), port_of "blue")
        assert.equal(math.floor(now), find("blue").read_at)
        assert.same({ warning }, snapshot.warnings)
        -- How old the list is, can be seen.
        assert.same({ nil, 1000 }, { snapshot.meshes[1].stale, snapshot.meshes[1].read_at })
        now = now + 30
      end
      assert.is_nil(find("green")) -- deleted
      assert.equal(1, pass().ListServices)
      assert.equal(1, #find("new").instances)
      assert.same({}, snapshot.warnings)
      assert.equal(math.floor(now), snapshot.meshes[1].read_at)
    end)
  end

  it("a list that the agent's own rate leaves no time for keeps no service from being read",
    function()
      passes(1)
      session.client.limiter = rate.new({ ListServices = { rate = 1e-9, burst = 0 },
        default = { rate = 1000, burst = 1000 } }, session.client.context.monotonic)
      at_port(9100)
      list_is_due()
      assert.is_nil(pass().ListServices)
      assert.equal("9100", port_of "blue")
      assert.equal("list_stale", snapshot.warnings[1].code)
    end)

  it("a list that is refused beside a service keeps no other one from being read", function()
    passes(1)
    local faults = { refused "denied",
      { operation = "DiscoverInstances", match = { ServiceName = "blue" }, fault = "denied" } }
    for _ = 1, 3 do
      list_is_due()
      pass(faults)
      assert.is_true(find("blue").stale)
      assert.is_nil(find("green").stale)
      assert.equal(math.floor(now), find("green").read_at)
      assert.same({ "list_stale", "service_stale" },
        { snapshot.warnings[1].code, snapshot.warnings[2].code })
      now = now + 30
    end
  end)

  for fault, said in pairs { denied = "400 AccessDeniedException: not authorized",
    internal = "500 InternalFailure" } do
    it("where all fails a pass asks for the list and one service, until that answers: " .. fault,
      function()
        passes(1)
        list_is_due()
        local calls
        for _ = 1, 3 do
          calls = pass { { operation = "*", fault = fault } }
          assert.is_true(snapshot.meshes[1].stale)
          assert.equal("ListServices: " .. said, snapshot.meshes[1].error)
          assert.same({ "mesh_stale" }, { snapshot.warnings[1].code })
          assert.is_nil(snapshot.warnings[2])
          now = now + 30
        end
        local tries = fault == "denied" and 1 or 3
        assert.same({ ListServices = 1, DiscoverInstances = tries }, calls)
        at_port(9100)
        pass { refused(fault) }
        assert.is_nil(snapshot.meshes[1].stale)
        assert.equal("9100", port_of "blue")
      end)
  end

  it("an outage that ends while the list is awaited is over in that pass", function()
    passes(1)
    list_is_due()
    pass { { operation = "*", fault = "drop" } }
    assert.is_true(snapshot.meshes[1].stale)
    local changed = at_port(9100)
    changed.services[5] = service("srv-new", "new", nil, task("n", 9005))
    endpoint:state(changed)
    local asked = pass { { operation = "ListServices", fault = "short", times = 1 } }
    assert.equal(2, asked.ListServices)
    assert.same({}, snapshot.warnings)
    assert.equal("9100", port_of "blue")
    assert.equal(1, #find("new").instances)
  end)

  it("a host that answers for no list keeps no service of another one from being read", function()
    passes(1)
    for round = 1, 3 do
      at_port(9100 + round)
      list_is_due()
      pass { refused "drop" }
      assert.equal(tostring(9100 + round), port_of "blue")
      assert.is_nil(snapshot.meshes[1].stale)
      assert.equal("list_stale", snapshot.warnings[1].code)
      now = now + 30
    end
  end)

  it("a bad certificate of the host for lists costs no more than the list", function()
    passes(1)
    local context, asked = session.client.context, 0
    local http = context.http
    context.http = function(request, note)
      for _, header in ipairs(request.headers) do
        if header[2]:find("%.ListServices$") then
          asked = asked + 1
          return nil, { kind = "tls", message = "SSL certificate problem" }
        end
      end
      return http(request, note)
    end
    for round = 1, 2 do
      at_port(9100 + round)
      list_is_due()
      pass()
      assert.same({ tostring(9100 + round), round }, { port_of "blue", asked })
      assert.is_nil(snapshot.meshes[1].stale)
      now = now + 30
    end
  end)

  for _, fault in ipairs { "empty_200", "expired" } do
    it("a list that cannot be read otherwise is a mesh that cannot: " .. fault, function()
      passes(1)
      list_is_due()
      pass { refused(fault) }
      assert.is_true(snapshot.meshes[1].stale)
      assert.matches("^ListServices: ", snapshot.meshes[1].error)
      -- An outage costs one call a pass, and its retries.
      local asked = pass { refused(fault) }
      assert.equal("ListServices", next(asked))
      assert.is_nil(next(asked, "ListServices"))
    end)
  end

  it("a service's own attributes are found when it is its turn, and read at each pass then",
    function()
      passes(1)
      local changed = world()
      changed.services[2].Attributes = { ["/"] = "50" }
      endpoint:state(changed)
      passes(4)
      assert.equal("50", find("blue").attributes["/"])
      assert.equal(2, pass().GetServiceAttributes)
    end)

  it("that a service without own attributes cannot be asked for some costs nothing but a warning",
    function()
      passes(4)
      endpoint:faults { { operation = "GetServiceAttributes", match = { ServiceId = "srv-blue" },
        fault = "throttle" } }
      local before = find("blue")
      sched.run(function()
        snapshot = assert(merge.run(snapshot, cloudmap.read(session, snapshot, given, 1120, hints)))
      end)
      assert.is_nil(find("blue").stale)
      assert.equal(before.instances, find("blue").instances)
      assert.same({ { code = "service_attributes_unread", message = "services without "
        .. "service-level attributes cannot be asked whether they have any now: "
        .. "GetServiceAttributes: 429 RequestLimitExceeded: Rate exceeded" } }, snapshot.warnings)
    end)

  it("the warning that attributes are denied stays while nobody asks for them", function()
    endpoint:faults { { operation = "GetServiceAttributes", match = { ServiceId = "srv-blue" },
      fault = "denied" } }
    sched.run(function()
      session = assert(cloudmap.session(given, { monotonic = function() return now end }))
      snapshot = assert(merge.run(nil, cloudmap.read(session, nil, given, 1000, hints)))
    end)
    local warned = snapshot.warnings
    assert.equal("service_attributes_denied", warned[1].code)
    now = now + 30
    pass()
    assert.same(warned, snapshot.warnings)
  end)

  -- A proxy may say so once.
  it("an endpoint that knew no own attributes once is asked where a service has some", function()
    passes(1)
    pass { { operation = "GetServiceAttributes", fault = "unknown", times = 1 } }
    assert.is_true(find("green").stale)
    assert.equal("10", find("green").attributes["/"])
    now = now + 30
    pass()
    assert.is_nil(find("green").stale)
  end)

  it("an endpoint that knew no own attributes is asked again after a hundred passes", function()
    pass { { operation = "GetServiceAttributes", fault = "unknown" } }
    given.attributes_time = 0
    now = now + 30
    assert.is_nil(passes(99).GetServiceAttributes)
    passes(1)
    assert.equal("10", find("green").attributes["/"])
  end)

  it("an endpoint that knew no own attributes is asked again when an operator asks for a pass",
    function()
      local unknown = { { operation = "GetServiceAttributes", fault = "unknown" } }
      pass(unknown)
      assert.equal("service_attributes_unsupported", snapshot.warnings[1].code)
      hints.complete = true
      pass()
      assert.equal("10", find("green").attributes["/"])
      assert.same({}, snapshot.warnings)
    end)

  it("after a trouble the list is asked for first: a namespace may be another by now", function()
    passes(1)
    endpoint:faults { { operation = "DiscoverInstances", match = { ServiceName = "blue" },
      fault = "internal" } }
    sched.run(function()
      snapshot = assert(merge.run(snapshot, cloudmap.read(session, snapshot, given, 1030, hints)))
    end)
    assert.is_true(find("blue").stale)
    assert.equal(1, pass().ListServices)
    assert.is_nil(find("blue").stale)
  end)

  it("what was stale does not rest", function()
    passes(1)
    given.list_time = 0
    endpoint:faults { { operation = "ListServices", fault = "empty_200" } }
    sched.run(function()
      session.seldom:hurry("list", "ns-1")
      snapshot = assert(merge.run(snapshot, cloudmap.read(session, snapshot, given, 1030, hints)))
    end)
    assert.is_true(find("own").stale)
    assert.equal(4, pass().DiscoverInstances)
    assert.is_nil(find("own").stale)
  end)

  it("an operator who asks for a pass gets all of it", function()
    passes(1)
    hints.complete = true
    local expected = { ListServices = 1, DiscoverInstances = 4, GetServiceAttributes = 4 }
    assert.same(expected, pass())
    -- And all that there is in the store of a fleet.
    local requested = {}
    session.fleet = { services = function(_, call)
      requested[#requested + 1] = call.complete or false
      return call.read({}, true)
    end }
    pass()
    hints.complete = nil
    pass()
    assert.same({ true, false }, requested)
  end)

  it("LIST_TIME=0 and ATTRIBUTES_TIME=0 read everything at each pass", function()
    given.list_time, given.attributes_time = 0, 0
    passes(1)
    assert.same({ ListServices = 1, DiscoverInstances = 4, GetServiceAttributes = 4 }, pass())
  end)

  it("a mesh at rest is the very table that it was: nothing is copied", function()
    passes(2)
    local before = find("blue")
    pass()
    assert.is_true(before.instances == find("blue").instances)
    assert.is_true(before.attributes == find("blue").attributes)
  end)

  it("the times differ by up to a quarter, so that a fleet does not ask all at once", function()
    local seldom = require "nightjar.agent.discover.seldom"
    local random = 0
    local one = seldom.new { monotonic = function() return now end,
      random = function() return random end }
    one:done("list", "early", 100)
    random = 0.999
    one:done("list", "late", 100)
    now = now + 74
    assert.is_false(one:due("list", "early"))
    now = now + 1
    assert.is_true(one:due("list", "early"))
    now = now + 49
    assert.is_false(one:due("list", "late"))
    now = now + 1
    assert.is_true(one:due("list", "late"))
  end)
end)
