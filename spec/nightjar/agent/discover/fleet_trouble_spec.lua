-- What the agents of a fleet do when the store, the record, a clock, a right or the leader is not
-- as it should be.

local fleet_world = require "spec.support.fleet_world"
local json = require "host.json"
local log = require "nightjar.log"
local sched = require "nightjar.agent.sched"

local NOW, KEY, T = fleet_world.NOW, fleet_world.KEY, fleet_world.T
local NAMESPACE = fleet_world.NAMESPACE
local service_of, warned = fleet_world.service_of, fleet_world.warned

describe("a fleet in trouble:", function()
  local world

  before_each(function()
    log.configure({ level = "error" })
    world = fleet_world.new()
  end)

  after_each(function() log.configure({ level = "info" }) end)

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
        local first, second = world:agent(), world:agent()
        world:pass(first)
        world:pass(second)
        local good = world.bucket.objects[KEY].text
        local text, reason = spoil(good)
        assert.not_equal(good, text)
        world.time = NOW + 10
        world.bucket:place(KEY, text)
        world.time = NOW + 20
        local snapshot = world:pass(second)
        assert.matches("fleet_unread: " .. reason, warned(snapshot), 1, true)
        assert.matches("this agent reads for itself", warned(snapshot), 1, true)
        assert.same({ 2, NOW + 20, NOW }, { world.reads, service_of(snapshot).read_at,
          service_of(snapshot).since["/"] })
        local again = world:pass(second)
        assert.equal(warned(snapshot), warned(again))
        world.time = NOW + 30
        world:pass(first)
        world.time = NOW + 50
        assert.same({}, world:pass(second).warnings)
        assert.equal("true", tostring(json.decode(world.bucket.objects[KEY].text) ~= nil))
        assert.same({}, world:pass(first).warnings)
        assert.equal(NOW, service_of(first.snapshot).since["/"])
      end)
    end
  end)

  it("neither leads nor follows with a clock that is wrong, and says so", function()
    local first, second = world:agent(), world:agent { skew = -61 }
    world:pass(first)
    world.bucket:seen()
    local snapshot = world:pass(second)
    assert.matches("fleet_clock: this machine's clock and the store's differ by more than 60 s",
      warned(snapshot), 1, true)
    assert.same({ "GET 200", 2 }, { world.bucket:seen(), world.reads })
    -- Before there is a record it does not claim one.
    world.bucket.objects = {}
    world:pass(world:agent { skew = 61 })
    assert.equal("GET 404", world.bucket:seen())
    second.skew, world.time = 0, NOW + 600
    world:pass(second)
    assert.same({}, world:pass(second).warnings)
  end)

  it("reads for itself while the store is away, without asking it at each pass", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.bucket:seen()
    world.bucket.away = true
    local asked = 0
    for round = 1, 40 do
      world.time = NOW + 10 + round * T
      local snapshot = world:pass(second)
      assert.matches("fleet_unread: GetObject: ConnectionError: no answer", warned(snapshot), 1,
        true)
      assert.equal(math.floor(world.time), service_of(snapshot).read_at)
      asked = asked + #world.bucket.requests
      -- The first time it is tried twice.
      assert.is_true(#world.bucket.requests <= (round == 1 and 2 or 1))
      world.bucket.requests = {}
    end
    assert.is_true(asked >= 4 and asked <= 14, asked)
    world.bucket.away = false
    for _ = 1, 13 do
      world.time = world.time + T
      world:pass(second)
    end
    assert.same({}, second.snapshot.warnings)
    assert.equal(NOW, service_of(second.snapshot).since["/"])
  end)

  it("is not led for long by an object that the store dates later than its own clock", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    -- The store's clock was ahead, and was set; the leader is gone.
    world.bucket.objects[KEY].modified = NOW + 3600
    world.time, world.mesh.services[1].attributes["/"] = NOW + T, "2"
    local snapshot = world:pass(second)
    assert.same({ "2", {}, NOW + T }, { service_of(snapshot).attributes["/"], snapshot.warnings,
      world.bucket.objects[KEY].modified })
  end)

  it("uses what it read when it cannot write", function()
    world.bucket.denied.PUT = true
    local snapshot = world:pass(world:agent())
    assert.matches("fleet_unread: PutObject: 403 AccessDenied: Access Denied", warned(snapshot), 1,
      true)
    assert.same({ 1, "1" }, { world.reads, service_of(snapshot).attributes["/"] })
    world.bucket.denied.PUT = nil
    local leader = world:agent()
    world:pass(leader)
    world.bucket.away, world.time = true, NOW + T
    assert.equal(NOW + T, service_of(world:pass(leader)).read_at)
    assert.equal(3, world.reads)
  end)

  it("leads on when only the answer to its write was lost", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world.bucket:seen()
    world.time, world.bucket.loses, world.mesh.services[1].attributes["/"] = NOW + T, 1, "3"
    world:pass(first)
    -- The second try finds the first one's result and takes it for another agent's.
    assert.equal("PUT lost, PUT 412, GET 200", world.bucket:seen())
    world.time = NOW + 2 * T
    world:pass(first)
    assert.equal("PUT 200", world.bucket:seen())
    assert.same({ {}, 3 }, { world:pass(second).warnings, world.reads })
  end)

  it("writes once more after a race that nobody won", function()
    local conflicts = 0
    local first, second = world:agent { http = function(request)
      if request.method == "PUT" and conflicts > 0 then
        conflicts = conflicts - 1
        return world.bucket:refuse { 409, "ConditionalRequestConflict", "try again" }
      end
      return world.bucket:http(request)
    end }, world:agent()
    world:pass(first)
    world:pass(second)
    world.time, conflicts, world.mesh.services[1].attributes["/"] = NOW + T, 1, "2"
    world.bucket:seen()
    world:pass(first)
    assert.equal("GET 304, PUT 200", world.bucket:seen())
    assert.equal("2", service_of(world:pass(second)).attributes["/"])
    assert.same({ 2, {} }, { world.reads, second.snapshot.warnings })
  end)

  it("leads when only the answer to its claim was lost", function()
    world.bucket.loses = 1
    assert.same({}, world:pass(world:agent()).warnings)
    assert.equal("GET 404, PUT lost, PUT 412, GET 200, PUT 200", world.bucket:seen())
    assert.equal(1, world.reads)
  end)

  it("leads where a missing object is denied, as there is no right to list", function()
    world.bucket.hides_missing = true
    world:pass(world:agent())
    assert.equal("GET 403, PUT 200, PUT 200", world.bucket:seen())
    local second = world:agent()
    world:pass(second)
    assert.equal("GET 200", world.bucket:seen())
    world.bucket.denied.GET = true
    local third = world:pass(world:agent())
    assert.matches("fleet_unread: GetObject: 403 AccessDenied", warned(third), 1, true)
    -- Whether the object has only been missing until then shows one more look.
    assert.equal("GET 403, PUT 412, GET 403", world.bucket:seen())
    assert.equal(2, world.reads)
  end)

  it("reads for itself where an engine refuses each claim of an object that nobody has made",
    function()
      local one = world:agent { http = function(request)
        if request.method == "PUT" then
          return world.bucket:refuse { 409, "ConditionalRequestConflict", "try again" }
        end
        return world.bucket:http(request)
      end }
      assert.matches("fleet_unread: PutObject: 409 ConditionalRequestConflict",
        warned(world:pass(one)), 1, true)
      assert.is_true(world.time - NOW < 30, world.time - NOW)
      assert.equal(1, world.reads)
    end)

  it("asks for the head where a 304 does not say when the object was written", function()
    world.bucket.is_terse = true
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.bucket:seen()
    world.time = NOW + 5
    world:pass(second)
    assert.equal("GET 304, HEAD 200", world.bucket:seen())
    world.time = NOW + 26
    assert.equal(NOW, service_of(world:pass(second)).read_at)
    assert.equal("HEAD 200", world.bucket:seen())
    world.mesh.services[1].attributes["/"] = "7"
    world:pass(first)
    assert.equal("7", service_of(world:pass(second)).attributes["/"])
    assert.equal("PUT 200, HEAD 200, GET 200", world.bucket:seen())
  end)

  it("follows where each write has an ETag of its own", function()
    world.bucket.is_salted = true
    local first, second = world:agent(), world:agent()
    for _ = 1, 3 do
      world:pass(first)
      assert.same({}, world:pass(second).warnings)
      world.time = world.time + 20
    end
    assert.same({ 3, 2 }, { world.reads, second.fleet:not_modified() })
  end)

  it("marks for all what its leader could not read, and keeps each one's data", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    world.time = NOW + T
    world.mesh.services[1] = { id = "srv-1", name = "web-blue", error = "DiscoverInstances: 500 x" }
    world.mesh.services[2] = { id = "srv-2", name = "web-green", attributes = {}, instances = {} }
    world:pass(first)
    local third = world:agent()
    for _, one in ipairs { second, third } do
      local service = service_of(world:pass(one))
      assert.same({ true, NOW, { ["/"] = "1" }, "DiscoverInstances: 500 x" }, { service.stale,
        service.read_at, service.attributes, service.error })
      assert.equal("service_stale: keeps its last good data: DiscoverInstances: 500 x",
        warned(one.snapshot))
    end
  end)

  it("lets another agent lead when the leader cannot read a service for long", function()
    local broken = { services = { { id = "srv-1", name = "web-blue", error = "no" },
      { id = "srv-2", name = "web-green", attributes = {}, instances = {} } } }
    local first, second = world:agent(), world:agent()
    world:pass(first)
    first.mesh = broken
    local round = 0
    repeat
      round, world.time = round + 1, world.time + T
      world:pass(first)
      world:pass(second)
    until not service_of(second.snapshot).stale and round > 3 or round == 300
    assert.is_true(round < 300)
    assert.is_nil(service_of(second.snapshot).error)
    world:pass(first)
    assert.is_nil(service_of(first.snapshot).error)
  end)

  it("does not write what is no reading, and others try", function()
    local first, second = world:agent(), world:agent()
    world:pass(first)
    world:pass(second)
    first.mesh = { services = { { id = "srv-1", name = "web-blue", error = "denied" } } }
    world.bucket:seen()
    world.time = NOW + 10
    assert.equal("denied", service_of(world:pass(first)).error)
    assert.equal("", world.bucket:seen())
    first.mesh = { error = "ListServices: 403 AccessDenied" }
    world.time = NOW + T
    assert.is_true(world:pass(first).meshes[1].stale)
    assert.equal("GET 304", world.bucket:seen())
    world.time = NOW + 45
    assert.same({}, world:pass(second).warnings)
    world.time = NOW + 60
    assert.is_nil(world:pass(first).meshes[1].stale)
    world.time = NOW + 75
    world:pass(second)
    assert.is_nil(world:pass(first).meshes[1].stale)
  end)

  describe("a claim", function()
    -- What another agent has claimed, in place of what it wrote.
    local function claim(fields)
      local value = json.decode(world.bucket.objects[KEY].text)
      value.reading = true
      for name, field in pairs(fields) do value[name] = field end
      world.bucket:place(KEY, json.encode(value))
    end

    it("of an age that cannot be is no record, and mended", function()
      world:pass(world:agent())
      claim { age = 2000000000 }
      local agents = { world:agent(), world:agent() }
      assert.matches("fleet_unread: record.age: expected a whole number of seconds below 1e9",
        warned(world:pass(agents[1])), 1, true)
      world.time = NOW + 2 * T
      for _, one in ipairs(agents) do assert.same({}, world:pass(one).warnings) end
    end)

    it("of data of long ago is claimed again, and led to the end", function()
      world:pass(world:agent())
      claim { age = 999999999 }
      world.time = NOW + 60
      local one = world:agent()
      assert.same({}, world:pass(one).warnings)
      assert.equal(NOW + 60, service_of(one.snapshot).read_at)
    end)

    it("whose renewal's answer was lost gives way to what came of it", function()
      local renewed
      local one = world:agent()
      sched.run(one.fleet.services, one.fleet, world:call(one, { read = function()
        renewed = json.decode(world.bucket.objects[KEY].text)
        renewed.age = 5
        world.bucket:place(KEY, json.encode(renewed))
        return world.mesh
      end }))
      assert.is_true(renewed.reading)
      assert.equal("GET 404, PUT 200, PUT 412, GET 200, PUT 200", world.bucket:seen())
      assert.is_nil(json.decode(world.bucket.objects[KEY].text).reading)
    end)
  end)

  describe("a first reading", function()
    local function goes_on(one)
      world.time = NOW + T
      assert.same({}, world:pass(one).warnings)
      assert.equal(NOW + T, service_of(one.snapshot).read_at)
    end

    it("that ends with an error costs no other pass", function()
      local one = world:agent()
      assert.has_error(function()
        sched.run(one.fleet.services, one.fleet, world:call(one, { read = function()
          error("not enough memory", 0)
        end }))
      end, "not enough memory")
      goes_on(one)
    end)

    it("that is given up costs no other pass", function()
      local one = world:agent { sleep = sched.sleep }
      sched.run(function()
        local task = sched.spawn(function()
          one.fleet:services(world:call(one, { read = function() sched.sleep(60) end }))
        end)
        sched.sleep(0.01)
        task:cancel()
      end)
      goes_on(one)
    end)
  end)

  describe("a clock that is set while its agent leads", function()
    for what, skew in pairs { back = -3600, ahead = 3600 } do
      it("by an hour, " .. what .. ", gives no times to the others", function()
        local first, second = world:agent(), world:agent()
        world:pass(first)
        world:pass(second)
        world.bucket:seen()
        world.time, first.skew, world.mesh.services[1].attributes["/"] = NOW + T, skew, "2"
        assert.matches("fleet_clock", warned(world:pass(first)), 1, true)
        assert.equal("", world.bucket:seen())
        assert.same({}, world:pass(second).warnings)
        assert.equal(NOW, service_of(second.snapshot).since["/"])
        -- The others go on by themselves.
        world.time = NOW + 2 * T
        assert.same({}, world:pass(second).warnings)
        assert.same({ "2", NOW + 2 * T }, { service_of(second.snapshot).attributes["/"],
          service_of(second.snapshot).since["/"] })
      end)
    end
  end)

  describe("what only its leader cannot read", function()
    local function broken()
      return { services = { { id = "srv-1", name = "web-blue", error = "no" },
        { id = "srv-2", name = "web-green", attributes = {}, instances = {} } } }
    end

    -- Passes of both until the second one leads, a hundred at most.
    local function passes(first, second)
      local count = 0
      repeat
        count, world.time = count + 1, world.time + T
        world:pass(first)
        world.time = world.time + 2
        world:pass(second)
        world.time = world.time - 2
      until count == 100 or second.fleet.members["ns-1"].leads
      return count
    end

    it("and never could, is read by another one, after three passes", function()
      local first, second = world:agent { mesh = broken() }, world:agent()
      world:pass(first)
      world:pass(second)
      local count = passes(first, second)
      assert.is_true(count >= 3 and count < 100, count)
      assert.same({ "web-blue" }, { service_of(second.snapshot).name })
      assert.is_nil(service_of(second.snapshot).stale)
      assert.same({}, second.snapshot.warnings)
    end)

    it("is left to it by one that may not write, which follows", function()
      local first = world:agent()
      local second = world:agent { http = function(request)
        if request.method == "PUT" then
          return world.bucket:refuse { 403, "AccessDenied", "Access Denied" }
        end
        return world.bucket:http(request)
      end }
      world:pass(first)
      world:pass(second)
      first.mesh = broken()
      world.reads = 0
      assert.equal(100, passes(first, second))
      assert.equal(100, world.reads) -- the leader's
      assert.equal("service_stale: keeps its last good data: no", warned(second.snapshot))
      -- Nor does it read for itself when it is asked for a pass.
      world:pass(second, true)
      assert.equal(100, world.reads)
    end)

    it("is tried by one that can read nothing, which goes on with what the leader reads", function()
      local first = world:agent()
      local second = world:agent { mesh = { error = "ListServices: 403 AccessDenied" } }
      world:pass(first)
      first.mesh = broken()
      local rounds, tries = 0, 0
      repeat
        rounds, world.time = rounds + 1, world.time + T
        world:pass(first)
        world.time, world.reads = world.time + 2, 0
        world:pass(second)
        world.time, tries = world.time - 2, tries + world.reads
        assert.is_nil(second.snapshot.meshes[1].stale)
      until tries == 2 or rounds == 1000
      assert.equal(2, tries)
      -- Nor does it have nothing for being asked for a pass.
      world:pass(first)
      assert.is_nil(world:pass(second, true).meshes[1].stale)
    end)

    it("nor anybody else, has the lead change ever more seldom", function()
      local agents, changes, leader = {}, {}, nil
      for position = 1, 20 do agents[position] = world:agent { mesh = broken() } end
      for pass = 1, 400 do
        for _, one in ipairs(agents) do
          world:pass(one)
          world.time = world.time + 1
        end
        world.time = world.time + T - #agents
        local now = json.decode(world.bucket.objects[KEY].text).leader
        if now ~= leader then changes[#changes + 1] = pass end
        leader = now
      end
      -- Once to begin with, then after rests of 4, 8, 16 … 128 passes, give or take half.
      assert.is_true(#changes >= 4 and #changes <= 12, table.concat(changes, " "))
    end)
  end)

  it("takes no warning for its own that another agent has found, in another mesh either",
    function()
      local OTHER = { id = "ns-2", name = "other.local" }
      local denied = { code = "service_attributes_denied", message = "denied" }
      local x, y = world:agent(), world:agent()
      local function warned_of(one, namespaces, found)
        local warnings = {}
        for _, namespace in ipairs(namespaces) do
          sched.run(one.fleet.services, one.fleet, world:call(one, { namespace = namespace,
            warnings = warnings, read = function()
              local result = fleet_world.copy(one.mesh)
              result.warnings = found
              return result
            end }))
        end
        return warnings
      end
      assert.same({}, warned_of(x, { OTHER }, {}))
      assert.same({}, warned_of(y, { NAMESPACE }, { denied }))
      -- Each follows in the mesh that the other one leads, before it writes its own.
      assert.same({ denied }, warned_of(x, { NAMESPACE, OTHER }, {}))
      for _ = 1, 6 do
        world.time = world.time + T
        warned_of(y, { OTHER, NAMESPACE }, {})
        warned_of(x, { NAMESPACE, OTHER }, {})
      end
      assert.same({ {}, {} }, { warned_of(y, { OTHER, NAMESPACE }, {}),
        warned_of(x, { NAMESPACE, OTHER }, {}) })
    end)

  it("asks anew for an object that is gone where a 304 tells little and nobody may list",
    function()
      world.bucket.is_terse, world.bucket.hides_missing = true, true
      local first, second = world:agent(), world:agent()
      world:pass(first)
      for _ = 1, 3 do world:pass(second) end
      world.bucket.objects = {}
      world.bucket:seen()
      world.time = NOW + T
      assert.same({}, world:pass(second).warnings)
      assert.equal("HEAD 403, GET 403, PUT 200, PUT 200", world.bucket:seen())
    end)

  it("cuts and cleans what a record says of its mesh", function()
    world:pass(world:agent())
    local text = world.bucket.objects[KEY].text:gsub("arn:aws:x:r",
      "arn:\\n\\u001b[31m" .. ("x"):rep(100000))
    world.bucket:place(KEY, text)
    local message = warned(world:pass(world:agent()))
    assert.matches("mesh: expected arn:aws:x:r:1:namespace/ns-1, got arn:", message, 1, true)
    assert.is_true(#message < 500 and not message:find("%c"), #message)
  end)

  it("takes no record of a million values and more, before it takes memory", function()
    world:pass(world:agent())
    world.bucket:place(KEY, '{"format":1,"x":[' .. ("[],"):rep(1000000) .. "[]]}")
    assert.matches("fleet_unread: no JSON object: line 1, column %d+: too many values",
      warned(world:pass(world:agent())))
  end)
end)
