-- What agents share: equal data are equal bytes, and whatever comes back is a record or a reason.

local json = require "host.json"
local record = require "nightjar.agent.discover.fleet_record"

local NOW = 1795491670
local NAMESPACE = { id = "ns-1", name = "shop.local", arn = "arn:aws:x:r:1:namespace/ns-1" }

local function instances(count)
  local list = json.array {}
  for number = 1, count do
    list[number] = { id = ("i-%04d"):format(number), health = "HEALTHY", since = NOW,
      health_since = NOW, attributes = { AWS_INSTANCE_IPV4 = "10.11.12." .. number % 256,
        AWS_INSTANCE_PORT = "8080", AVAILABILITY_ZONE = "eu-central-1a",
        ECS_TASK_DEFINITION_FAMILY = "web", REGION = "eu-central-1" } }
  end
  return list
end

local function sample(service_count, instance_count)
  local services = {}
  for number = 1, service_count do
    services[number] = { id = ("srv-%04d"):format(number), name = ("service-%04d"):format(number),
      arn = "arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-" .. number,
      attributes = { SERVICE = "web", COLOR = "blue", ["/web"] = "10" },
      since = { SERVICE = NOW, COLOR = NOW, ["/web"] = NOW }, instances = instances(instance_count),
      shared = true, read_at = NOW + number }
  end
  return { mesh = NAMESPACE, leader = "0123456789abcdef", every = 30, services = services,
    warnings = {} }
end

describe("a record", function()
  it("comes back as it was written, without what is each reader's own", function()
    local value = sample(2, 2)
    value.services[1].service_level = true
    value.services[2].stale, value.services[2].error = true, "DiscoverInstances: 500 x"
    value.services[3] = { id = "srv-3", name = "zoo", error = "never" }
    value.warnings[1] = { code = "service_attributes_denied", message = "no" }
    local back = assert(record.decode(record.encode(value), NAMESPACE, NOW + 60))
    for _, service in ipairs(value.services) do
      service.shared = nil
      if not service.stale then service.read_at = nil end
    end
    assert.same(value, back)
  end)

  it("is the same bytes for the same data, however old they are", function()
    local one, other = sample(2, 2), sample(2, 2)
    other.services[1].read_at = NOW + 99
    assert.equal(record.encode(one), record.encode(other))
  end)

  it("may be a claim, with or without data", function()
    local value = sample(1, 1)
    value.reading, value.age = true, 45
    assert.equal(45, record.decode(record.encode(value), NAMESPACE, NOW + 60).age)
    value.services = nil
    assert.is_true(record.decode(record.encode(value), NAMESPACE, NOW + 60).reading)
    value.reading = nil
    local back, err = record.decode(record.encode(value), NAMESPACE, NOW + 60)
    assert.is_nil(back)
    assert.equal("services: expected a list", err)
  end)

  it("of the largest mesh is within its limit", function()
    local text = record.encode(sample(1000, 20))
    print(("# 1,000 services of 20 instances: %.1f MiB; 40 of 3: %.0f KiB"):format(#text / 1048576,
      #record.encode(sample(40, 3)) / 1024))
    assert.is_true(#text < record.MAX_BYTES / 2)
    assert.equal(1000, #record.decode(text, NAMESPACE, NOW + 60).services)
  end)

  it("is refused whole for a single field that is not as it should be", function()
    local text = record.encode(sample(1, 1))
    for _, case in ipairs {
      { '"format":1', '"format":"1"', "^format: expected 1" },
      { '"leader":"%x+"', '"leader":7', "^record%.leader: expected text" },
      { '"every":30', '"every":-1', "^record%.every: expected a number of seconds" },
      { '"id":"srv%-0001"', '"id":""', "^services%[1%]%.id: expected text" },
      { '"health":"HEALTHY"', '"health":null', "instances%[1%]%.health: expected text" },
      { '"since":{', '"since":{"more":"1",', "^services%[1%]%.since: expected times by name" },
      { '"COLOR":%d+', '"other":1', "^services%[1%]%.since: expected one for each attribute" },
      { '"health_since":%d+', '"health_since":' .. NOW + 61,
        "health_since: expected a time that has been" },
      { '"warnings":%[%]', '"warnings":{}', "^record%.warnings: expected a list" },
      { '"warnings":%[%]', '"warnings":[],"age":1.5', "^record%.age: expected a whole number" },
      { '"warnings":%[%]', '"warnings":[' .. ('{"code":"c","message":"m"},'):rep(100)
        .. '{"code":"c","message":"m"}]', "^warnings: expected at most 100" },
      { '"name":"service%-0001"', '"name":"service-0001","stale":true',
        "^services%[1%]: expected stale, error and read_at together" },
      { '"arn":"arn:aws:x', '"arn":"arn:aws:y', "^mesh: expected arn:aws:x:.*, got arn:aws:y:" },
    } do
      local changed, count = text:gsub(case[1], case[2], 1)
      assert.equal(1, count, case[1])
      local value, err = record.decode(changed, NAMESPACE, NOW + 60)
      assert.is_nil(value, case[2])
      assert.matches(case[3], err)
      assert.equal(err, select(2, record.decode(changed, NAMESPACE, NOW + 60)))
    end
  end)

  it("is read or refused, whatever bytes there are", function()
    local text = record.encode(sample(2, 2))
    local pieces = { "null", "[]", "{}", "1e999", '"', "\0", "true", "-1", "\255", "[[",
      '{"id":1}' }
    local refused = 0
    for _ = 1, 3000 do
      local at, length = math.random(#text), math.random(0, 12)
      local changed = text:sub(1, at - 1) .. pieces[math.random(#pieces)]
        .. text:sub(at + length)
      local value, err = record.decode(changed, NAMESPACE, NOW + 60)
      assert.is_true(value ~= nil or type(err) == "string" and #err < 500)
      refused = refused + (value and 0 or 1)
      -- What is taken can be written.
      if value then assert.is_string(record.encode(value)) end
    end
    assert.is_true(refused > 1000, refused)
  end)
end)
