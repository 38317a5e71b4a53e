-- Twenty real agents on the emulator's S3 and Cloud Map: one reads. Whatever happens to it, to the
-- store or to what is in it, all have the mesh as it is; what they ask is counted.

local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")
local proxy_of = require("spec.support.proxy")
local sched = require("nightjar.agent.sched")
local world_of = require("spec.support.world")

local missing = moto.missing() or proxy_of.missing()
if missing then
  pending("a fleet of agents: " .. missing)
  return
end

local AGENTS, SERVICES = 20, 3
-- Seconds between two passes; the specs wait for what must happen, however long it takes.
local REFRESH, PATIENCE = 2, 60
-- The least at which agents pass more often and leave out looks, and how many agents do so.
local SLOWER, SLOW_AGENTS = 25, 6
local BUCKET = "my-bucket"

describe("a fleet of real agents", function()
  local cloud, world, proxy, namespace, ids, agents, weight, key, slow, slow_ids

  local function instance(port)
    return { AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = tostring(port) }
  end

  local function start(number, more)
    local name = ("agent-%d"):format(number)
    local folder, keys = world.directory .. "/" .. name, cloud.users.fleet
    assert(file.mkdir(folder))
    local environment = { HOME = "/nonexistent", TMP_DIR = folder, ENVOY_BIN = "",
      ENVOY_PID_FILE = folder .. "/envoy.pid", TRIGGER_STOP_FILE = folder .. "/stop.txt",
      ENVOY_ADMIN_PORT = world:ports(1), REFRESH_TIME = REFRESH, SERVICE_MEMBER = ids["web-1"],
      SNAPSHOT_STORE = ("s3://%s/mesh"):format(BUCKET), AWS_REGION = "eu-central-1",
      AWS_ENDPOINT_URL_SERVICEDISCOVERY = cloud.endpoint, AWS_CA_BUNDLE = proxy.ca_file,
      AWS_ENDPOINT_URL_S3 = ("https://localhost:%d"):format(proxy.port),
      AWS_ACCESS_KEY_ID = keys.id, AWS_SECRET_ACCESS_KEY = keys.secret,
      AWS_EC2_METADATA_DISABLED = "true", STOP_TIMEOUT = 2 }
    for name_of, value in pairs(more or {}) do environment[name_of] = value end
    local agent = world:start(name, { world.nightjar, "run" }, environment)
    agent.snapshot = folder .. "/nightjar-state/snapshot.json"
    return agent
  end

  local function weight_of(agent, name)
    local snapshot = json.decode(file.read(agent.snapshot) or "")
    for _, service in ipairs(snapshot and snapshot.meshes[1].services or {}) do
      if service.name == (name or "web-1") then return service.attributes["/"] end
    end
  end

  local function lives(agent) return not world:status(agent) end

  local function count(fit)
    local sum = 0
    for _, agent in ipairs(agents) do sum = sum + (lives(agent) and fit(agent) and 1 or 0) end
    return sum
  end

  local function all(what, fit)
    world.eventually(function() return count(fit) == count(lives) end, PATIENCE, what)
  end

  local function all_have(text)
    all("all have " .. text, function(agent) return weight_of(agent) == text end)
  end

  local function set_weight(id, text)
    cloud:cloudmap("register_instance", { ServiceId = id, InstanceId = "service-settings",
      Attributes = { SERVICE = "web", COLOR = "blue", ["/"] = text } })
  end

  -- The mesh changes, and all come to know it.
  local function change()
    weight = weight + 1
    set_weight(ids["web-1"], tostring(weight))
    all_have(tostring(weight))
  end

  -- The last of some events in an agent's log.
  local function last_of(agent, ...)
    local last, at = nil, 0
    local log = world:log(agent)
    for _, event in ipairs { ... } do
      local position = log:match(".*()event=" .. event)
      if position and position > at then last, at = event, position end
    end
    return last
  end

  -- Whether it says that it reads for itself, and not yet that this is over.
  local function warns(agent)
    local log = world:log(agent)
    local _, begun = log:gsub("event=fleet_unread ", "")
    local _, over = log:gsub("event=resolved code=fleet_unread ", "")
    return begun > over
  end

  local function warns_not(agent) return not warns(agent) end

  local function leader()
    local found
    for _, agent in ipairs(agents) do
      if lives(agent) and last_of(agent, "fleet_leads", "fleet_follows") == "fleet_leads" then
        found = agent
      end
    end
    return found
  end

  local function record()
    return cloud:call { { service = "s3", operation = "get_object",
      parameters = { Bucket = BUCKET, Key = key } } }[1].Body
  end

  local function place(text)
    cloud:call { { service = "s3", operation = "put_object",
      parameters = { Bucket = BUCKET, Key = key, Body = text } } }
  end

  local function total(counts, ...)
    local sum = 0
    for _, name in ipairs { ... } do sum = sum + (counts[name] or 0) end
    return sum
  end

  -- What the agents ask until there were so many more writes.
  local function window(writes, seconds)
    local before = cloud:counts()
    local wanted = total(before, "PUT 200") + writes
    world.eventually(function() return total(cloud:counts(), "PUT 200") >= wanted end,
      seconds or PATIENCE, writes .. " writes")
    local after, asked = cloud:counts(), {}
    for name, value in pairs(after) do asked[name] = value - (before[name] or 0) end
    return asked
  end

  setup(function()
    cloud, world, weight = moto.start(), world_of.new(), 1
    cloud:call { { service = "s3", operation = "create_bucket", parameters = { Bucket = BUCKET,
      CreateBucketConfiguration = { LocationConstraint = "eu-central-1" } } } }
    local services = {}
    for number = 1, SERVICES do
      services[number] = { name = "web-" .. number, settings = { SERVICE = "web",
        COLOR = number == 1 and "blue" or "c" .. number, ["/"] = "1" },
        instances = { one = instance(9000 + number) } }
    end
    namespace, ids = cloud:fill("shop.local", services)
    key = ("mesh/%s.json"):format(namespace.Id)
    proxy = proxy_of.new(world, cloud.endpoint:match("//(.*)"))
    agents = {}
    for number = 1, AGENTS do agents[number] = start(number) end
    all_have("1")
    -- Another fleet, which comes to rest while the first one has its troubles.
    slow, slow_ids = {}, select(2, cloud:fill("quiet.local", { { name = "quiet-1",
      settings = { SERVICE = "web", COLOR = "blue", ["/"] = "1" },
      instances = { one = instance(9101) } } }))
    for number = 1, SLOW_AGENTS do
      slow[number] = start(AGENTS + 1 + number, { REFRESH_TIME = SLOWER,
        SERVICE_MEMBER = slow_ids["quiet-1"], AWS_ENDPOINT_URL_S3 = cloud.endpoint })
    end
  end)

  teardown(function()
    for _, list in ipairs { agents or {}, slow or {} } do
      for _, agent in ipairs(list) do world:signal(agent, "TERM") end
    end
    local left = world:close()
    cloud:stop()
    assert.same({}, left)
  end)

  it("reads once for all of them, in the first pass and in those after it", function()
    -- One reading, or two if the emulator let two claims pass at the same moment.
    local asked = window(5)
    local readings = asked.DiscoverInstances / SERVICES
    print(("# %d agents: %d DiscoverInstances, %d PUT, %d GET and HEAD"):format(AGENTS,
      asked.DiscoverInstances, total(asked, "PUT 200", "PUT 412"),
      total(asked, "GET 200", "GET 304", "HEAD 200")))
    assert.is_true(readings <= 1.5 * asked["PUT 200"], readings)
    assert.is_true(total(asked, "GET 200", "GET 304", "HEAD 200") >= 2 * asked["PUT 200"])
    assert.equal(AGENTS - 1, count(function(agent)
      return last_of(agent, "fleet_leads", "fleet_follows") == "fleet_follows"
    end))
  end)

  it("has all know a change, while one reads", function()
    local before = cloud:counts()
    change()
    local after = cloud:counts()
    assert.is_true(total(after, "DiscoverInstances") - total(before, "DiscoverInstances")
      <= 1.5 * SERVICES * (total(after, "PUT 200") - total(before, "PUT 200") + 1))
  end)

  it("goes on when its leader is killed", function()
    local killed = assert(leader())
    world:signal(killed, "KILL")
    world:ended(killed, 5)
    change()
    local new = world.eventually(leader, PATIENCE, "another one leads")
    assert.not_equal(killed.name, new.name)
    local asked = window(3)
    assert.is_true(asked.DiscoverInstances / SERVICES <= 1.5 * asked["PUT 200"])
  end)

  it("mends a record that somebody spoiled, or an old one that came back", function()
    local old = record()
    for what, text in pairs { cut = old:sub(1, #old // 2), binary = "\0\1\2\127PNG",
      foreign = old:gsub(namespace.Id, "ns-other"), old = old:gsub('"leader":"%x+"',
        '"leader":"0123456789abcdef"') } do
      place(text)
      change()
      world.eventually(function()
        local value = json.decode(record())
        return value and value.mesh.id == namespace.Id and value.leader ~= "0123456789abcdef"
      end, PATIENCE, what .. " record is mended")
    end
    all("nobody warns", warns_not)
  end)

  for fault, how in pairs { ["nobody listens"] = { "refuse", "listen" },
    ["nobody answers"] = { "fault", "fault", "tarpit", "none" },
    ["it answers with 503"] = { "fault", "fault", "html_503", "none" } } do
    it("reads for itself while the store is away, and together again after: " .. fault, function()
      proxy[how[1]](proxy, how[3])
      change()
      change()
      all("all warn", warns)
      proxy[how[2]](proxy, how[4])
      all("nobody warns", warns_not)
      change()
      local asked = window(3)
      assert.is_true(asked.DiscoverInstances / SERVICES <= 1.5 * asked["PUT 200"])
    end)
  end

  it("has an agent whose clock is wrong read for itself, and say so", function()
    local library = world.directory .. "/skew.so"
    if not os.execute(("cc -shared -fPIC -o %s spec/support/skew.c 2>/dev/null"):format(library))
    then
      pending("no C compiler for a clock that is wrong")
      return
    end
    local skewed = start(AGENTS + 1, { LD_PRELOAD = library, CLOCK_SKEW = "900" })
    agents[#agents + 1] = skewed
    all_have(tostring(weight))
    change()
    assert.matches("fleet_clock", world:log(skewed), 1, true)
    assert.is_nil(last_of(skewed, "fleet_leads", "fleet_follows"))
    for position = 1, AGENTS do
      assert.not_matches("fleet_clock", world:log(agents[position]), 1, true)
    end
  end)

  it("passes a tenth more often, and half of it looks in a pass while nothing changes", function()
    for _, agent in ipairs(agents) do world:signal(agent, "TERM") end
    for _, agent in ipairs(agents) do world:ended(agent, 10) end
    window(1)
    local began, asked = sched.now(), window(4, 6 * SLOWER)
    local passed, looks = sched.now() - began, total(asked, "GET 200", "GET 304", "HEAD 200")
    print(("# %d agents in step: %d GET and HEAD in 4 passes of %.1f s"):format(SLOW_AGENTS, looks,
      passed / 4))
    assert.is_true(passed < 4 * SLOWER, passed)
    -- Five followers, four passes: twenty looks, were it one for each pass.
    assert.is_true(looks <= 14 and looks >= 7, looks)
    began = sched.now()
    set_weight(slow_ids["quiet-1"], "2")
    for _, agent in ipairs(slow) do
      world.eventually(function() return weight_of(agent, "quiet-1") == "2" end, PATIENCE,
        "the change is known")
      assert.is_false(warns(agent))
    end
    print(("# a change was everywhere after %.1f s"):format(sched.now() - began))
  end)
end)
