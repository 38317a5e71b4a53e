-- What an agent warns of is what it has found, or what the leader of that mesh has: agents that
-- each lead one mesh and follow in the other do not tell each other for ever what is over.

local cloudmap = require "nightjar.agent.discover.cloudmap"
local fake_s3 = require "spec.support.fake_s3"
local json = require "host.json"
local log = require "nightjar.log"
local merge = require "nightjar.agent.discover.merge"
local sched = require "nightjar.agent.sched"

local NOW, T = 1795491670, 27

describe("the warning that attributes of services are denied", function()
  local time, bucket

  before_each(function()
    log.configure({ level = "error" })
    time = NOW
    bucket = fake_s3.new(function() return time end)
  end)

  after_each(function() log.configure({ level = "info" }) end)

  local function operation_of(request)
    for _, pair in ipairs(request.headers) do
      local operation = pair[1] == "X-Amz-Target" and pair[2]:match("%.(%w+)$")
      if operation then return operation end
    end
  end

  -- What Cloud Map answers: each namespace has one service.
  local function answer(one, request)
    local operation, input = operation_of(request), json.decode(request.body)
    if operation == "GetServiceAttributes" and one.is_denied then
      return 400, { __type = "AccessDeniedException", message = "no" }
    end
    local id = operation == "ListServices" and input.Filters[1].Values[1]
    return 200, ({
      GetNamespace = { Namespace = { Id = input.Id, Name = (input.Id or "") .. ".local" } },
      ListServices = { Services = json.array { { Id = "srv-" .. (id or ""), Name = "web" } } },
      GetServiceAttributes = { ServiceAttributes = { Attributes = { X = "1" } } },
      DiscoverInstances = { Instances = json.array {}, InstancesRevision = 1 },
    })[operation]
  end

  -- A gateway of two meshes.
  local function agent()
    local one = { is_denied = true, settings = { gateway = true, snapshot_store = "s3://fleet/m",
      namespaces = { { ref = "NAMESPACE_1", namespace = "id: ns-1", port = 1 },
        { ref = "NAMESPACE_2", namespace = "id: ns-2", port = 2 } }, refresh_time = 30,
      sources = {}, environment = { AWS_REGION = "eu-central-1", HOME = "/nonexistent",
        AWS_ACCESS_KEY_ID = "a", AWS_SECRET_ACCESS_KEY = "b" } } }
    one.session = assert(cloudmap.session(one.settings, { now = function() return time end,
      monotonic = function() return time end, sleep = function(seconds)
        sched.sleep(0)
        time = time + seconds
      end, http = function(request)
        sched.sleep(0)
        if request.url:find("s3", 1, true) then return bucket:http(request) end
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

  it("is everybody's as long as it is true, and nobody's after it", function()
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
end)
