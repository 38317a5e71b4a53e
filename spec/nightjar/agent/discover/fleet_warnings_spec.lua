-- What a leader reads of Cloud Map, or may not read, and what all of its fleet then have: agents
-- that read two meshes, whole sessions of discovery.

local cloudmap = require "nightjar.agent.discover.cloudmap"
local fake_s3 = require "spec.support.fake_s3"
local json = require "host.json"
local log = require "nightjar.log"
local merge = require "nightjar.agent.discover.merge"
local sched = require "nightjar.agent.sched"

local NOW, T = 1795491670, 27

describe("in a fleet", function()
  local time, bucket
  local names, made -- of the services that there are, and how often they were made
  local list_time

  before_each(function()
    log.configure({ level = "error" })
    time, names, made, list_time = NOW, { "web" }, 1, nil
    bucket = fake_s3.new(function() return time end)
  end)

  after_each(function() log.configure({ level = "info" }) end)

  local function operation_of(request)
    for _, pair in ipairs(request.headers) do
      local operation = pair[1] == "X-Amz-Target" and pair[2]:match("%.(%w+)$")
      if operation then return operation end
    end
  end

  -- Those of one namespace.
  local function services_of(id)
    local services = json.array {}
    for position, name in ipairs(names) do
      services[position] = { Id = ("srv-%s-%s-%d"):format(id, name, made), Name = name }
    end
    return services
  end

  local function is_there(name)
    for _, one in ipairs(names) do
      if one == name then return true end
    end
    return false
  end

  -- What Cloud Map answers: all namespaces have services of the same names.
  local function answer(one, request)
    local operation, input = operation_of(request), json.decode(request.body)
    if operation == "GetServiceAttributes" and one.is_denied then
      return 400, { __type = "AccessDeniedException", message = "no" }
    end
    if operation == "ListServices" and one.lists_nothing then
      return 400, { __type = one.lists_nothing, message = "no" }
    end
    if operation == "DiscoverInstances" and not is_there(input.ServiceName) then
      return 404, { __type = "ServiceNotFound", message = "no" }
    end
    local id = operation == "ListServices" and input.Filters[1].Values[1]
    return 200, ({
      GetNamespace = { Namespace = { Id = input.Id, Name = (input.Id or "") .. ".local" } },
      ListServices = { Services = services_of(id) },
      GetServiceAttributes = { ServiceAttributes = { Attributes = { X = "1" } } },
      DiscoverInstances = { Instances = json.array {}, InstancesRevision = 1 },
    })[operation]
  end

  -- A gateway of two meshes.
  local function agent(fields)
    local one = { is_denied = true, settings = { gateway = true, snapshot_store = "s3://fleet/m",
      namespaces = { { ref = "NAMESPACE_1", namespace = "id: ns-1", port = 1 },
        { ref = "NAMESPACE_2", namespace = "id: ns-2", port = 2 } }, refresh_time = 30,
      list_time = list_time,
      sources = {}, environment = { AWS_REGION = "eu-central-1", HOME = "/nonexistent",
        AWS_ACCESS_KEY_ID = "a", AWS_SECRET_ACCESS_KEY = "b" } } }
    for name, value in pairs(fields or {}) do one[name] = value end
    one.session = assert(cloudmap.session(one.settings, { now = function() return time end,
      monotonic = function() return time end, sleep = function(seconds)
        sched.sleep(0)
        time = time + seconds
      end, http = function(request)
        sched.sleep(0)
        local wants_store = request.url:find("s3", 1, true)
        if wants_store and one.has_no_store then return nil, { kind = "timeout" } end
        if wants_store then return bucket:http(request) end
        local status, value = answer(one, request)
        return { status = status, body = json.encode(value),
          headers = { date = os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(time)) } }
      end }))
    return one
  end

  -- One pass; the codes of its warnings.
  local function pass(one)
    local reading = sched.run(cloudmap.read, one.session, one.snapshot, one.settings,
      math.floor(time), {})
    one.snapshot = assert(merge.run(one.snapshot, reading))
    local codes = {}
    for position, warning in ipairs(one.snapshot.warnings) do codes[position] = warning.code end
    return codes
  end

  local function leads(one, id) return one.session.fleet.members[id].leads end

  it("attributes that are denied are everybody's warning as long as they are, and no longer",
    function()
      local x, y = agent(), agent()
      pass(x)
      y.is_denied = false
      assert.same({ "service_attributes_denied" }, pass(y)) -- x has read for both
      y.is_denied = true
      -- y takes the second mesh.
      bucket.objects["/m/ns-2.json"].modified = time - 100
      pass(y)
      time = time + 20
      assert.same({ { "service_attributes_denied" }, { "service_attributes_denied" } },
        { pass(x), pass(y) })
      assert.same({ true, false, false, true },
        { leads(x, "ns-1"), leads(x, "ns-2"), leads(y, "ns-1"), leads(y, "ns-2") })
      x.is_denied, y.is_denied = false, false
      local last
      for _ = 1, 60 do
        time = time + T
        last = { pass(x), pass(y) }
      end
      assert.same({ {}, {} }, last)
    end)

  -- Nobody has written for long: who passes next takes the lead.
  local function lead_is_free(seconds)
    for _, object in pairs(bucket.objects) do object.modified = time - (seconds or 100) end
  end

  local function known_by(one)
    local known = {}
    for position, service in ipairs(one.snapshot.meshes[1].services) do
      known[position] = service.name
    end
    return known
  end

  describe("a service that came after its agent had read the list, and another one led,", function()
    local x, y

    before_each(function()
      x, y = agent(), agent()
      pass(x)
      names[2] = "web-new"
      lead_is_free()
      pass(y)
      pass(x)
      assert.same(names, known_by(x))
    end)

    it("stays when that agent leads again", function()
      time = time + T
      lead_is_free()
      pass(x)
      assert.is_true(leads(x, "ns-1"))
      pass(y)
      assert.same({ names, names }, { known_by(x), known_by(y) })
    end)

    it("stays when that agent reads for itself", function()
      bucket.away, time = true, time + T
      pass(x)
      assert.same(names, known_by(x))
    end)

    it("is there once when it is made anew", function()
      local function lead_one(one)
        time = time + T
        lead_is_free(40)
        pass(one)
      end
      lead_one(x)
      made = 2
      lead_one(agent())
      lead_one(x)
      assert.same(names, known_by(x))
      assert.equal("srv-ns-1-web-new-2", x.snapshot.meshes[1].services[2].id)
    end)

    it("goes when it is deleted", function()
      time, names[2] = time + T, nil
      lead_is_free()
      pass(x)
      assert.same(names, known_by(x))
    end)
  end)

  describe("a service that only some have found", function()
    -- Much later: no agent's list is due, and none leaves the store alone any more.
    local function later(one, two)
      for _ = 1, 20 do
        time = time + T
        pass(one)
        if two then pass(two) end
      end
    end

    before_each(function()
      list_time = 3600
    end)

    it("stays when one leads that has not, and has read for itself", function()
      local x = agent { has_no_store = true }
      pass(x)
      names[2] = "web-new"
      local y = agent()
      later(y, x)
      assert.same({ { "web" }, names }, { known_by(x), known_by(y) })
      x.has_no_store, time = false, time + 20 * T
      lead_is_free(100 * T)
      pass(x)
      assert.is_true(leads(x, "ns-1"))
      assert.same(names, known_by(x))
    end)

    it("stays when one follows that has, while it read for itself", function()
      local x, y = agent { has_no_store = true }, agent()
      pass(y)
      names[2] = "web-new"
      pass(x)
      later(y)
      assert.same({ names, { "web" } }, { known_by(x), known_by(y) })
      x.has_no_store = false
      for _ = 1, 3 do
        pass(x)
        assert.same(names, known_by(x))
        time = time + T
        pass(y)
        assert.same(names, known_by(y))
      end
      -- And once one leads that knows it, the other one lets it lead.
      assert.is_false(leads(y, "ns-1"))
    end)
  end)

  for code, leads_on in pairs { AccessDeniedException = false, ThrottlingException = true,
    RequestTimeout = true } do
    it("a leader whose list is refused with " .. code .. (leads_on and " leads on" or
      " gives the lead up"), function()
      local x, y = agent(), agent()
      x.is_denied, y.is_denied = false, false
      for number = 1, 20 do
        time = math.max(time, NOW + number * T)
        pass(x)
        time = math.max(time, NOW + number * T + 2)
        pass(y)
        if number == 2 then x.lists_nothing = code end
      end
      assert.same({ leads_on, not leads_on }, { leads(x, "ns-1"), leads(y, "ns-1") })
      assert.same(leads_on and { "list_stale", "list_stale" } or {}, pass(x))
      assert.same({}, pass(y))
    end)
  end
end)
