-- Discovery against an endpoint that fails on demand: what a failed or partial reading must not
-- do. The endpoint checks our requests and its own answers against AWS's public service model.
local cloudmap = require "nightjar.agent.discover.cloudmap"
local discover = require "nightjar.agent.discover"
local json = require "host.json"
local merge = require "nightjar.agent.discover.merge"
local moto = require "spec.support.moto"
local rate = require "nightjar.agent.aws.rate"
local sched = require "nightjar.agent.sched"

local OWN = "arn:aws:servicediscovery:eu-central-1:123456789012:"
local OTHER = "arn:aws:servicediscovery:eu-central-1:210987654321:"

local function instance(id, port, health)
  return { InstanceId = id, HealthStatus = health,
    Attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = tostring(port) } }
end

local function service(id, name, namespace, fields)
  local result = { Id = id, Name = name, NamespaceId = namespace, Arn = OWN .. "service/" .. id,
    Instances = json.array {} }
  for key, value in pairs(fields or {}) do result[key] = value end
  return result
end

local function namespace(id, name, fields)
  local result = { Id = id, Name = name, HttpName = name, Arn = OWN .. "namespace/" .. id }
  for key, value in pairs(fields or {}) do result[key] = value end
  return result
end

local function world()
  return {
    page_size = 2,
    namespaces = { namespace("ns-1", "shop.local"), namespace("ns-2", "other.local"),
      namespace("ns-3", "far.local", { Shared = true, Arn = OTHER .. "namespace/ns-3" }) },
    services = {
      service("srv-blue", "blue", "ns-1", { Attributes = { ["/"] = "90" },
        Instances = { instance("a", 9001), instance("b", 9002, "UNHEALTHY") } }),
      service("srv-green", "green", "ns-1", { Attributes = { ["/"] = "10" },
        Instances = { instance("c", 9003) } }),
      service("srv-red", "red", "ns-1"),
      service("srv-4", "four", "ns-1"),
      service("srv-5", "five", "ns-1"),
      service("srv-login", "login", "ns-2", { Instances = { instance("l", 9010) } }),
      service("srv-far", "far", "ns-3", { Arn = OTHER .. "service/srv-far", Shared = true,
        Owner = "210987654321", Attributes = { ["/far"] = "1" },
        Instances = { instance("f", 9020) } }),
    },
  }
end

describe("discovery under faults", function()
  if moto.missing() then
    pending(moto.missing())
    return
  end

  local endpoint, given

  setup(function() endpoint = moto.faulty() end)
  teardown(function() endpoint:stop() end)

  before_each(function()
    endpoint:state(world())
    given = { discovery = "cloudmap", service_member = "srv-blue", service_port = 8080,
      namespaces = { { ref = "NAMESPACE_1", namespace = "other.local", port = 9001 } },
      gateway = false, api_concurrency = 4, refresh_time = 30, sources = {},
      list_time = 0, attributes_time = 0, -- what is read seldom is in seldom_spec.lua
      environment = { AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint.endpoint,
        AWS_ACCESS_KEY_ID = "A", AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" } }
  end)

  after_each(function() assert.same({}, endpoint:asked().violations) end)

  -- Retries do not wait here: what they wait for is settled in the specs of the client.
  local session
  local function pass(previous, now)
    return sched.run(function()
      session = session or assert(cloudmap.session(given, { sleep = function() end }))
      return merge.run(previous, cloudmap.read(session, previous, given, now or 100))
    end)
  end
  before_each(function() session = nil end)

  local function faults(...) endpoint:faults { ... } end

  local function count(operation)
    local number = 0
    for _, asked in ipairs(endpoint:asked().requests) do
      if asked.operation == operation then number = number + 1 end
    end
    return number
  end

  local function find(snapshot, name)
    for _, mesh in ipairs(snapshot.meshes) do
      for _, one in ipairs(mesh.services) do
        if one.name == name then return one end
      end
    end
  end

  -- What decides about traffic: endpoints and attributes of every service.
  local function traffic(snapshot)
    local result = {}
    for _, mesh in ipairs(snapshot.meshes) do
      for _, one in ipairs(mesh.services) do
        result[mesh.ref .. " " .. one.name] = { one.attributes, one.instances }
      end
    end
    return result
  end

  it("reads every page of a list", function()
    local snapshot = assert(pass())
    assert.equal(5, #snapshot.meshes[1].services)
    assert.equal(3 + 1, count("ListServices"))
    assert.same({ "a", "b" }, { find(snapshot, "blue").instances[1].id,
      find(snapshot, "blue").instances[2].id })
  end)

  describe("with more services than its own rate lets it ask for within REFRESH_TIME", function()
    local elapsed -- by what is waited for

    before_each(function()
      local state = world()
      state.page_size, state.services = 100, {}
      for i = 1, 700 do
        state.services[i] = service("srv-" .. i, "s" .. i, "ns-1",
          { Instances = { instance("a", 9000) } })
      end
      endpoint:state(state)
      given.service_member, given.namespaces, given.refresh_time = "srv-1", {}, 10
      given.api_concurrency = 1
      elapsed = 0
      session = assert(cloudmap.session(given, { monotonic = function() return elapsed end,
        sleep = function(seconds) elapsed = elapsed + seconds end }))
    end)

    it("leaves nothing out of a first reading, and delays no later one", function()
      local first = assert(pass())
      assert.same({}, first.warnings)
      assert.equal(700, #first.meshes[1].services)
      assert.is_true(elapsed > 12, elapsed)
      elapsed = 1000
      local second = assert(pass(first))
      assert.same(traffic(first), traffic(second))
      assert.is_true(elapsed <= 1010, elapsed)
    end)

    it("does not delay a first reading where one service does not answer", function()
      faults { operation = "DiscoverInstances", match = { ServiceName = "s1" }, fault = "drop" }
      local first = assert(pass())
      assert.is_true(elapsed <= 12, elapsed)
      assert.is_true(#first.meshes[1].services > 500, #first.meshes[1].services)
      local unread
      for _, one in ipairs(first.warnings) do unread = unread or one.code == "service_unread" end
      assert.is_true(unread)
    end)
  end)

  it("has its time for a first reading also after a wait for another agent's", function()
    local elapsed = 0
    given.namespaces = {}
    session = assert(cloudmap.session(given, { monotonic = function() return elapsed end,
      sleep = function(seconds) elapsed = elapsed + seconds end }))
    session.fleet = { services = function(_, call)
      assert.is_nil(call.complete)
      elapsed = elapsed + 150
      return call.read({}, true)
    end }
    local snapshot = assert(pass())
    assert.same({}, snapshot.warnings)
    assert.equal(5, #snapshot.meshes[1].services)
  end)

  it("leaves out others each time where there is not time for all", function()
    local elapsed = 0
    given.namespaces, given.refresh_time, given.api_concurrency = {}, 10, 1
    session = assert(cloudmap.session(given, { monotonic = function() return elapsed end,
      sleep = function(seconds) elapsed = elapsed + seconds end }))
    -- One or two services in the ten seconds of a pass, of five.
    session.client.limiter = rate.new({ DiscoverInstances = { rate = 0.2, burst = 5 },
      default = { rate = 1000, burst = 1000 } }, session.client.context.monotonic)
    local snapshot = assert(pass())
    for round = 1, 10 do
      snapshot = assert(pass(snapshot, 100 + 10 * round))
      local stale = 0
      for _, one in ipairs(snapshot.meshes[1].services) do
        -- Each has its turn in the fifth pass at the latest.
        assert.is_true(one.read_at >= 100 + 10 * (round - 5), one.name)
        stale = stale + (one.stale and 1 or 0)
      end
      assert.is_true(stale >= 2, stale)
    end
  end)

  it("asks for all instances whatever their health", function()
    pass()
    for _, asked in ipairs(endpoint:asked().requests) do
      if asked.operation == "DiscoverInstances" then
        assert.equal(1000, asked.input.MaxResults)
        assert.equal("ALL", asked.input.HealthStatus)
        assert.is_nil(asked.input.OwnerAccount)
      end
    end
  end)

  for _, fault in ipairs { "throttle", "internal", "html", "html_200", "empty_200", "cut", "drop",
    "short", "denied" } do
    it("changes no endpoint and no weight when one service answers: " .. fault
      .. " (defect 1)", function()
      local before = assert(pass())
      faults { operation = "DiscoverInstances", match = { ServiceName = "blue" }, fault = fault }
      local after = assert(pass(before, 130))
      assert.same(traffic(before), traffic(after))
      local blue = find(after, "blue")
      assert.is_true(blue.stale)
      assert.matches("^DiscoverInstances: ", blue.error)
      assert.equal(100, blue.read_at)
      assert.equal(130, find(after, "green").read_at)
      assert.is_nil(find(after, "green").stale)
      assert.is_nil(after.meshes[1].stale)
    end)
  end

  it("changes no weight when a service's attributes cannot be read", function()
    local before = assert(pass())
    for _, fault in ipairs { "throttle", "internal", "html", "empty_200", "drop", "denied",
      "unknown" } do
      faults { operation = "GetServiceAttributes", match = { ServiceId = "srv-green" },
        fault = fault }
      local after = assert(pass(before, 130))
      assert.same(traffic(before), traffic(after), fault)
      assert.is_true(find(after, "green").stale, fault)
      session = nil
    end
  end)

  it("keeps the old list when half of the pages came (defect 13)", function()
    local before = assert(pass())
    faults { operation = "ListServices", match = { NextToken = "2" }, fault = "throttle" }
    local after = assert(pass(before, 130))
    assert.same(traffic(before), traffic(after))
    assert.same({ { code = "list_stale", mesh = "shop.local", message = "its list of services "
      .. "cannot be read, and the last one counts: ListServices: 429 RequestLimitExceeded: "
      .. "Rate exceeded" } }, after.warnings)
    assert.same({ 100, 130 }, { after.meshes[1].read_at, find(after, "green").read_at })
    assert.equal(130, after.meshes[2].read_at)
  end)

  it("takes no empty answer for an empty list", function()
    local before = assert(pass())
    faults { operation = "ListServices", fault = "empty_200" }
    local after = assert(pass(before, 130))
    assert.same(traffic(before), traffic(after))
    assert.matches("UnexpectedResponse: expected Services", after.meshes[1].error, 1, true)
  end)

  it("gets over a throttle and a broken answer by trying again", function()
    faults({ operation = "ListServices", times = 1, fault = "throttle" },
      { operation = "DiscoverInstances", match = { ServiceName = "blue" }, times = 2,
        fault = "html" })
    local snapshot = assert(pass())
    assert.is_nil(find(snapshot, "blue").stale)
    assert.same({}, snapshot.warnings)
    assert.equal(3, session.client.retries)
  end)

  it("lets a service go that is deleted while it is read", function()
    local before = assert(pass())
    faults { operation = "DiscoverInstances", match = { ServiceName = "red" }, fault = "gone" }
    local after = assert(pass(before, 130))
    assert.is_nil(find(after, "red"))
    assert.is_nil(after.meshes[1].stale)
    assert.same({}, after.warnings)
  end)

  it("gives a service that was never read a second round, so that no color takes its share",
    function()
      faults { operation = "DiscoverInstances", match = { ServiceName = "blue" }, times = 3,
        fault = "internal" }
      local snapshot = assert(pass())
      assert.equal("90", find(snapshot, "blue").attributes["/"])
      assert.is_nil(find(snapshot, "blue").stale)
    end)

  it("names a service that could never be read, and goes on with the rest (defect 7)", function()
    faults { operation = "DiscoverInstances", match = { ServiceName = "blue" }, fault = "denied" }
    local snapshot = assert(pass())
    assert.is_nil(find(snapshot, "blue"))
    assert.truthy(find(snapshot, "green"))
    assert.same({ "service_unread", "blue" },
      { snapshot.warnings[1].code, snapshot.warnings[1].service })
  end)

  it("keeps all it knows in an outage, and comes back by itself", function()
    local before = assert(pass())
    faults { operation = "*", fault = "html" }
    local during = before
    for now = 130, 400, 30 do during = assert(pass(during, now)) end
    assert.same(traffic(before), traffic(during))
    assert.equal(100, find(during, "blue").read_at)
    assert.equal(400, during.taken_at)
    faults()
    local after = assert(pass(during, 430))
    assert.same(traffic(before), traffic(after))
    assert.equal(430, find(after, "blue").read_at)
    assert.same({}, after.warnings)
  end)

  it("starts from the kept snapshot where AWS is away from the beginning", function()
    local before = assert(pass())
    session = nil
    faults { operation = "*", fault = "drop" }
    local kept = assert(json.decode(json.encode(before)))
    local after = assert(pass(kept, 500))
    assert.same(traffic(before), traffic(after))
    assert.same(before.member, after.member)
    assert.is_true(after.meshes[1].stale)
  end)

  it("sends no storm into an outage: the retries run out", function()
    faults { operation = "*", fault = "internal" }
    local previous
    for _ = 1, 30 do previous = pass(previous) end
    -- Two first calls a pass (own mesh, other mesh), and 35 retries in all.
    assert.equal(60 + 35, #endpoint:asked().requests)
  end)

  it("fails where nothing was ever read", function()
    faults { operation = "*", fault = "throttle" }
    local snapshot, err = pass()
    assert.is_nil(snapshot)
    assert.equal("own: GetService: 429 RequestLimitExceeded: Rate exceeded", err)
  end)

  it("goes on without service-level attributes at an endpoint that has none", function()
    faults { operation = "GetServiceAttributes", fault = "unknown" }
    local snapshot = assert(pass())
    assert.equal(2, #find(snapshot, "blue").instances)
    assert.equal(1, #snapshot.warnings)
    assert.equal("service_attributes_unsupported", snapshot.warnings[1].code)
    faults { operation = "GetServiceAttributes", fault = "unknown" }
    pass(snapshot, 130)
    assert.equal(0, count("GetServiceAttributes"))
  end)

  it("reads a namespace that another account shares, by its ARN (defect 14)", function()
    given.namespaces = { { ref = "NAMESPACE_1", namespace = OTHER .. "namespace/ns-3",
      port = 9001 } }
    local snapshot = assert(pass())
    assert.equal("far.local", snapshot.meshes[2].name)
    local far = find(snapshot, "far")
    assert.same({ ["/far"] = "1" }, far.attributes)
    assert.equal(1, #far.instances)
    for _, asked in ipairs(endpoint:asked().requests) do
      if asked.input.ServiceName == "far" then
        assert.equal("210987654321", asked.input.OwnerAccount)
      end
    end
  end)

  it("reads a shared namespace by name too", function()
    given.namespaces = { { ref = "NAMESPACE_1", namespace = "far.local", port = 9001 } }
    local snapshot = assert(pass())
    assert.equal(1, #find(snapshot, "far").instances)
    faults()
    pass(snapshot, 130)
    -- Which of its names finds services is remembered.
    assert.equal(3 + 1, count("ListServices"))
  end)

  it("finds the own mesh in a shared namespace from the service's ARN", function()
    given.service_member, given.namespaces = OTHER .. "service/srv-far", {}
    local snapshot = assert(pass())
    assert.same({ mesh = "far.local", mesh_id = "ns-3", service = "far", id = "srv-far" },
      snapshot.member)
    assert.equal(1, #find(snapshot, "far").instances)
  end)

  it("says that an ARN is of another region than the one it asks", function()
    given.namespaces = { { ref = "NAMESPACE_1", port = 9001,
      namespace = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-9" } }
    local snapshot = assert(pass())
    assert.matches("^GetNamespace: 404 NamespaceNotFound: .* %(the ARN is of region us%-east%-1, "
      .. "but eu%-central%-1 is asked%)$", snapshot.meshes[2].error)
  end)

  it("looks a name up again when its namespace was made anew", function()
    local before = assert(pass())
    local changed = world()
    changed.namespaces[2] = namespace("ns-9", "other.local")
    changed.services[6].NamespaceId = "ns-9"
    endpoint:state(changed)
    local gap = assert(pass(before, 130))
    local after = assert(pass(gap, 160))
    assert.equal("ns-9", after.meshes[2].id)
    assert.equal("login", after.meshes[2].services[1].name)
  end)

  it("misses no service for a pass where its namespace was made anew", function()
    local before = assert(pass())
    local changed = world()
    changed.namespaces[2] = namespace("ns-9", "other.local")
    changed.services[6] = service("srv-again", "login", "ns-9",
      { Instances = { instance("l", 9011) } })
    endpoint:state(changed)
    local after = assert(pass(before, 130))
    assert.same({}, after.warnings)
    assert.same({ "ns-9", "srv-again" },
      { after.meshes[2].id, after.meshes[2].services[1].id })
    assert.same({ "9011" }, { find(after, "login").instances[1].attributes.AWS_INSTANCE_PORT })
  end)

  local function list_gone(name)
    return { operation = "ListServices", fault = "gone", match = { Filters = { {
      Name = "NAMESPACE_ID", Values = { name }, Condition = "EQ" } } } }
  end

  for answer, is_known in pairs { ["an empty list"] = true, ["that it is not known"] = false } do
    it("keeps nothing in mind of a namespace that is gone, where AWS answers " .. answer, function()
      local before = assert(pass())
      local changed = world()
      changed.namespaces[2] = namespace("ns-9", "other.local")
      changed.services[6] = service("srv-again", "login", "ns-9")
      endpoint:state(changed)
      if not is_known then faults(list_gone "ns-2", list_gone(OWN .. "namespace/ns-2")) end
      local after = assert(pass(before, 130))
      assert.equal("ns-9", after.meshes[2].id)
      local kept = { session.lists, session.discoveries, session.without_attributes,
        session.troubled, session.refused, session.seldom.at.list, session.seldom.at.attributes }
      for position, list in ipairs(kept) do
        assert.same({}, { list["ns-2"], list["srv-login"] }, position)
      end
    end)
  end

  it("reads attributes after the list that has become empty", function()
    given.api_concurrency = 1
    local before = assert(pass())
    local changed = world()
    changed.namespaces[2] = namespace("ns-9", "other.local")
    changed.services[6].NamespaceId = "ns-9"
    endpoint:state(changed)
    assert.equal("ns-9", assert(pass(before, 130)).meshes[2].id)
    assert.equal(7, count("GetServiceAttributes")) -- `login` once for each namespace
  end)

  it("looks a namespace up again once a pass where it has become empty", function()
    local before = assert(pass())
    local changed = world()
    table.remove(changed.services, 6)
    endpoint:state(changed)
    local after = before
    for _ = 1, 3 do
      faults()
      after = assert(pass(after, 130))
      assert.same({}, after.meshes[2].services)
      assert.equal(1, count("ListNamespaces"))
    end
  end)

  it("puts no host prefix in front of an address", function()
    pass()
    for _, asked in ipairs(endpoint:asked().requests) do
      assert.matches("^127%.0%.0%.1:%d+$", asked.host)
    end
  end)

  it("signs with what the container's endpoint gives, token included", function()
    local state = world()
    state.credentials = { status = 200, body = { AccessKeyId = "ASIA1", SecretAccessKey = "x",
      Token = "container-token", Expiration = "2999-01-01T00:00:00Z" } }
    endpoint:state(state)
    local environment = given.environment
    environment.AWS_ACCESS_KEY_ID, environment.AWS_SECRET_ACCESS_KEY = nil, nil
    environment.AWS_CONTAINER_CREDENTIALS_FULL_URI = endpoint.endpoint .. "/credentials"
    environment.AWS_CONTAINER_AUTHORIZATION_TOKEN = "let me in"
    assert(pass())
    local asked = endpoint:asked().requests
    assert.same({ "credentials", "let me in" }, { asked[1].operation, asked[1].token })
    assert.equal("container-token", asked[2].token)
    assert.matches("Credential=ASIA1/", asked[2].signed, 1, true)
    assert.equal(1, count("credentials"))
  end)

  it("runs as the first stage with real waiting", function()
    faults { operation = "ListServices", times = 1, fault = "internal" }
    local snapshot = assert(sched.run(discover.run, nil, given))
    assert.equal(5, #snapshot.meshes[1].services)
    assert.equal(1, cloudmap.client(given).retries)
  end)
end)
