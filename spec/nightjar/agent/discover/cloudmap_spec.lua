-- Discovery against the emulator, which checks signatures and permissions and is filled by the
-- real SDK.
local cloudmap = require "nightjar.agent.discover.cloudmap"
local discover = require "nightjar.agent.discover"
local json = require "host.json"
local merge = require "nightjar.agent.discover.merge"
local moto = require "spec.support.moto"
local sched = require "nightjar.agent.sched"

local missing = moto.missing()

local function at(port, zone)
  return { AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = tostring(port),
    AVAILABILITY_ZONE = zone }
end

describe("discovery from Cloud Map", function()
  if missing then
    pending(missing)
    return
  end

  local cloud, shop, ids, account

  setup(function()
    cloud = moto.start()
    shop, ids = cloud:fill("shop.local", {
      { name = "web-blue", settings = { SERVICE = "web", COLOR = "blue", ["/"] = " 90 " },
        instances = { b1 = at(9001, "eu-central-1a"), b2 = at(9002) } },
      { name = "web-green", settings = { SERVICE = "web", COLOR = "green", ["/"] = "1" },
        attributes = { ["/"] = "10" }, instances = { g1 = at(9003) } },
      { name = "empty" },
    })
    account = cloud:fill("account.local", {
      { name = "login", attributes = { ["/login"] = "1" }, instances = { l1 = at(9010) } },
    })
    cloud:fill("twice.local", {})
    cloud:fill("twice.local", {})
  end)

  teardown(function() cloud:stop() end)

  local function settings(fields, user)
    local keys = cloud.users[user or "agent"]
    local result = { discovery = "cloudmap", service_member = ids["web-blue"],
      service_port = 8080, namespaces = {}, gateway = false, api_concurrency = 4,
      refresh_time = 30, sources = {},
      environment = { AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = cloud.endpoint,
        AWS_ACCESS_KEY_ID = keys.id, AWS_SECRET_ACCESS_KEY = keys.secret,
        HOME = "/nonexistent" } }
    for key, value in pairs(fields or {}) do result[key] = value end
    return result
  end

  local function run(given, previous) return sched.run(discover.run, previous, given) end

  local function find(snapshot, name)
    for _, mesh in ipairs(snapshot.meshes) do
      for _, service in ipairs(mesh.services) do
        if service.name == name then return service end
      end
    end
  end

  it("finds the own mesh from SERVICE_MEMBER and reads all of it", function()
    local snapshot = assert(run(settings()))
    assert.same({ mesh = "shop.local", mesh_id = shop.Id, service = "web-blue",
      id = ids["web-blue"] }, snapshot.member)
    assert.equal(1, #snapshot.meshes)
    local mesh = snapshot.meshes[1]
    assert.same({ "own", "shop.local", shop.Id, shop.Arn, 8080, "private" },
      { mesh.ref, mesh.name, mesh.id, mesh.arn, mesh.port, mesh.audience })
    assert.same({ "empty", "web-blue", "web-green" },
      { mesh.services[1].name, mesh.services[2].name, mesh.services[3].name })
    local blue = mesh.services[2]
    assert.same({ SERVICE = "web", COLOR = "blue", ["/"] = "90" }, blue.attributes)
    assert.equal(2, #blue.instances)
    assert.same({ AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = "9001",
      AVAILABILITY_ZONE = "eu-central-1a" }, blue.instances[1].attributes)
    assert.same({}, snapshot.warnings)
  end)

  it("holds no code of fleets where the agent is in none", function()
    assert(run(settings()))
    assert.is_nil(package.loaded["nightjar.agent.discover.fleet"])
  end)

  it("lets service-level attributes win over the settings instance", function()
    assert.same({ SERVICE = "web", COLOR = "green", ["/"] = "10" },
      find(run(settings()), "web-green").attributes)
  end)

  it("accepts SERVICE_MEMBER as an ARN", function()
    local arn = cloud:cloudmap("get_service", { Id = ids["web-blue"] }).Service.Arn
    local snapshot = assert(run(settings { service_member = arn }))
    assert.equal(ids["web-blue"], snapshot.member.id)
    assert.equal(3, #snapshot.meshes[1].services)
  end)

  it("finds a namespace by name, id:, bare id and ARN", function()
    for _, reference in ipairs { "account.local", "id:" .. account.Id, account.Id,
      account.Arn } do
      local snapshot = assert(run(settings { gateway = true, namespaces = {
        { ref = "NAMESPACE_7", namespace = reference, port = 9000 } } }))
      local mesh = snapshot.meshes[1]
      assert.same({ "NAMESPACE_7", "account.local", account.Id, 9000, "public" },
        { mesh.ref, mesh.name, mesh.id, mesh.port, mesh.audience })
      assert.equal("login", mesh.services[1].name)
      assert.is_nil(snapshot.member)
    end
  end)

  it("does not take another account's namespace for the own one of that id", function()
    local foreign = account.Arn:gsub("123456789012", "999999999999")
    local snapshot = assert(run(settings { namespaces = {
      { ref = "NAMESPACE_7", namespace = foreign, port = 9000 } } }))
    local mesh = snapshot.meshes[2]
    assert.equal(0, #mesh.services)
    assert.matches("the endpoint knows this id as " .. account.Arn, mesh.error, 1, true)
  end)

  it("names both ids where two namespaces have one name, and goes on with the rest", function()
    local twice = {}
    for _, one in ipairs(cloud:cloudmap("list_namespaces", {}).Namespaces) do
      if one.Name == "twice.local" then twice[#twice + 1] = one.Id end
    end
    table.sort(twice)
    local snapshot = assert(run(settings { namespaces = {
      { ref = "NAMESPACE_1", namespace = "twice.local", port = 9001 },
      { ref = "NAMESPACE_2", namespace = "absent.local", port = 9002 } } }))
    assert.equal(('2 namespaces are named "twice.local": name one of them by id (%s)'):format(
      table.concat(twice, ", ")), snapshot.meshes[2].error)
    assert.equal('no namespace is named "absent.local"', snapshot.meshes[3].error)
    assert.equal(9002, snapshot.meshes[3].port)
    assert.equal(3, #snapshot.meshes[1].services)
  end)

  it("keeps unhealthy instances, marked so (defect 12)", function()
    cloud:cloudmap("update_instance_custom_health_status",
      { ServiceId = ids["web-blue"], InstanceId = "b2", Status = "UNHEALTHY" })
    local blue = find(run(settings()), "web-blue")
    cloud:cloudmap("update_instance_custom_health_status",
      { ServiceId = ids["web-blue"], InstanceId = "b2", Status = "HEALTHY" })
    assert.same({ "HEALTHY", "UNHEALTHY" }, { blue.instances[1].health, blue.instances[2].health })
  end)

  it("reads more than a hundred instances of a service (the default of MaxResults)", function()
    local many = {}
    for number = 1, 130 do many["i" .. number] = at(10000 + number) end
    local namespace = cloud:fill("many.local", { { name = "big", instances = many } })
    local snapshot = assert(run(settings { gateway = true, namespaces = {
      { ref = "NAMESPACE_0", namespace = namespace.Id, port = 9000 } } }))
    assert.equal(130, #snapshot.meshes[1].services[1].instances)
  end)

  it("makes equal snapshots of equal meshes, but for the time", function()
    local one = run(settings())
    local two = run(settings(), one)
    two.taken_at, two.meshes[1].read_at = one.taken_at, one.meshes[1].read_at
    for position, service in ipairs(two.meshes[1].services) do
      service.read_at = one.meshes[1].services[position].read_at
    end
    assert.equal(json.encode(one), json.encode(two))
  end)

  it("sees a weight change in the next pass, and no attribute sticks (defect 15)", function()
    local given = settings()
    local one = run(given)
    cloud:call {
      { operation = "deregister_instance", parameters = { ServiceId = ids["web-blue"],
        InstanceId = "service-settings" } },
      { operation = "register_instance", parameters = { ServiceId = ids["web-blue"],
        InstanceId = "service-settings", Attributes = { ["/"] = "50", HTTP2 = "yes" } } },
    }
    local two = run(given, one)
    assert.same({ ["/"] = "50", HTTP2 = "yes" }, find(two, "web-blue").attributes)
    cloud:call {
      { operation = "deregister_instance", parameters = { ServiceId = ids["web-blue"],
        InstanceId = "service-settings" } },
      { operation = "register_instance", parameters = { ServiceId = ids["web-blue"],
        InstanceId = "service-settings", Attributes = { ["/"] = "90", SERVICE = "web",
          COLOR = "blue" } } },
    }
    local three = run(given, two)
    assert.same({ ["/"] = "90", SERVICE = "web", COLOR = "blue" },
      find(three, "web-blue").attributes)
  end)

  it("lets a deleted service go", function()
    local namespace, made = cloud:fill("passing.local",
      { { name = "one", instances = { a = at(1) } }, { name = "two" } })
    local given = settings { gateway = true, namespaces = {
      { ref = "NAMESPACE_0", namespace = namespace.Id, port = 9000 } } }
    local before = run(given)
    cloud:cloudmap("delete_service", { Id = made.one })
    local after = run(given, before)
    assert.equal(1, #after.meshes[1].services)
    assert.equal("two", after.meshes[1].services[1].name)
  end)

  it("needs few calls: one for each service; what changes seldom is asked seldom (defect 13)",
    function()
      local given = settings { namespaces = {
        { ref = "NAMESPACE_1", namespace = "account.local", port = 9001 },
        { ref = "NAMESPACE_2", namespace = "shop.local", port = 9002 } } }
      local snapshot = assert(run(given))
      assert.equal(3, #snapshot.meshes[3].services)
      local client = cloudmap.client(given)
      assert.same({ GetService = 1, GetNamespace = 1, ListNamespaces = 2, ListServices = 2,
        DiscoverInstances = 4, GetServiceAttributes = 4 }, client:counts())
      run(given, snapshot)
      -- Two services have attributes of their own, which may hold weights.
      assert.same({ GetService = 1, GetNamespace = 1, ListNamespaces = 2, ListServices = 2,
        DiscoverInstances = 8, GetServiceAttributes = 6 }, client:counts())
      assert.equal(0, client.retries)
    end)

  it("goes on with settings instances where GetServiceAttributes is denied, and says so once",
    function()
      local snapshot = assert(run(settings({}, "restricted")))
      assert.equal("1", find(snapshot, "web-green").attributes["/"])
      assert.equal(1, #snapshot.warnings)
      assert.equal("service_attributes_denied", snapshot.warnings[1].code)
      assert.matches("AccessDenied", snapshot.warnings[1].message, 1, true)
    end)

  it("moves no weight when GetServiceAttributes becomes denied (defect 1)", function()
    local before = run(settings())
    local after = run(settings({}, "restricted"), before)
    local green = find(after, "web-green")
    assert.equal("10", green.attributes["/"])
    assert.is_true(green.stale)
    assert.is_nil(find(after, "web-blue").stale)
  end)

  it("fails with operation, status and code where the secret is wrong", function()
    local given = settings()
    given.environment.AWS_SECRET_ACCESS_KEY = "wrong-secret"
    local snapshot, err = run(given)
    assert.is_nil(snapshot)
    assert.matches("^discovery: own: GetService: 403 SignatureDoesNotMatch", err)
    assert.is_nil(err:find("wrong-secret", 1, true))
  end)

  it("keeps everything while credentials are gone", function()
    local before = run(settings())
    local given = settings()
    given.environment.AWS_SECRET_ACCESS_KEY = "wrong-secret"
    local after = run(given, before)
    assert.is_true(after.meshes[1].stale)
    assert.same(before.member, after.member)
    assert.same(before.meshes[1].services[2].instances, after.meshes[1].services[2].instances)
  end)

  it("says that a SERVICE_MEMBER is nowhere", function()
    local snapshot, err = run(settings { service_member = "srv-nobody" })
    assert.is_nil(snapshot)
    assert.equal("discovery: own: GetService: 400 ServiceNotFound: srv-nobody", err)
  end)

  it("refuses to start without a region", function()
    local given = settings()
    given.environment.AWS_REGION, given.environment.AWS_EC2_METADATA_DISABLED = nil, "true"
    local snapshot, err = run(given)
    assert.is_nil(snapshot)
    assert.equal("discovery: no AWS region: set AWS_REGION, or `region` in the profile", err)
  end)

  it("is a reading first: merge makes the snapshot", function()
    local given = settings()
    local reading = sched.run(function()
      return cloudmap.read(assert(cloudmap.session(given)), nil, given, 1000)
    end)
    assert.equal(1000, merge.run(nil, reading).taken_at)
  end)
end)
