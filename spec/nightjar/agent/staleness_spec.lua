-- What the log says of data whose reading failed: one line for a fault, whatever its size.
local staleness = require "nightjar.agent.staleness"

local THROTTLED = "DiscoverInstances: 429 RequestLimitExceeded: Rate exceeded"
local REFUSED = "ListServices: ConnectionError: connection refused"

local function service(name, read_at, why)
  return { id = "srv-" .. name, name = name, read_at = read_at, stale = why and true,
    error = why }
end

local function mesh(name, read_at, why, services)
  return { ref = name, name = name, read_at = read_at, stale = why and true, error = why,
    services = services }
end

local function snapshot(taken_at, ...)
  return { taken_at = taken_at, meshes = { ... } }
end

local function one_stale(taken_at, why)
  return snapshot(taken_at, mesh("shop", taken_at, nil, { service("blue", 100, why),
    service("green", taken_at) }))
end

local function outage(taken_at, count, why)
  local services = {}
  for i = 1, count do services[i] = service(("s%02d"):format(i), 100, why) end
  return snapshot(taken_at, mesh("shop", 100, why, services))
end

describe("staleness", function()
  it("says nothing while all is read", function()
    local state, line = staleness.look(one_stale(100))
    assert.same({}, { state, line })
  end)

  it("names a service, the age of its data, and the cause", function()
    local _, line = staleness.look(one_stale(130, THROTTLED))
    assert.same({ level = "warn", event = "stale", fields = { services = 1, oldest_seconds = 30,
      which = "blue@shop", reason = THROTTLED } }, line)
  end)

  it("names a mesh whose list failed once, not each of its services", function()
    local _, line = staleness.look(outage(130, 40, REFUSED))
    assert.same({ services = 40, oldest_seconds = 30, which = "shop", reason = REFUSED },
      line.fields)
  end)

  it("says nothing more while only the age grows", function()
    local state, line = staleness.look(outage(130, 40, REFUSED))
    assert.truthy(line)
    for now = 131, 140 do
      state, line = staleness.look(outage(now, 40, REFUSED), state)
      assert.is_nil(line)
    end
  end)

  it("names five of many, and how many more there are", function()
    local services = {}
    for i = 1, 7 do services[i] = service("s" .. i, 100, THROTTLED) end
    local _, line = staleness.look(snapshot(130, mesh("m", 130, nil, services)))
    assert.equal("s1@m, s2@m, s3@m, s4@m, s5@m and 2 more", line.fields.which)
  end)

  it("gives the most common cause, and says how many others there are", function()
    local _, line = staleness.look(snapshot(130, mesh("m", 130, nil, {
      service("a", 100, "rare"), service("b", 90, THROTTLED), service("c", 100, THROTTLED),
      service("d", 100, "other") })))
    assert.equal(THROTTLED, line.fields.reason)
    assert.equal(2, line.fields.other_reasons)
    assert.equal(40, line.fields.oldest_seconds)
  end)

  it("takes the same of two equally common causes each time", function()
    local _, line = staleness.look(snapshot(130, mesh("m", 130, nil, {
      service("a", 100, "zulu"), service("b", 100, "alpha") })))
    assert.equal("alpha", line.fields.reason)
  end)

  it("speaks again when the cause changes", function()
    local state = staleness.look(outage(130, 2, REFUSED))
    local _, line = staleness.look(outage(160, 2, "ListServices: 503 HTTP503"), state)
    assert.equal("ListServices: 503 HTTP503", line.fields.reason)
  end)

  it("says each of two causes once that take turns", function()
    local spoken, state = 0, nil
    for turn = 1, 6 do
      local cause = turn % 2 == 0 and REFUSED or THROTTLED
      local now, line = staleness.look(outage(100 + turn * 30, 2, cause), state)
      state, spoken = now, spoken + (line and 1 or 0)
    end
    assert.equal(2, spoken)
  end)

  it("speaks again when more is stale, and when less is", function()
    local state = staleness.look(one_stale(130, THROTTLED))
    local both = one_stale(160, THROTTLED)
    both.meshes[1].services[2] = service("green", 130, THROTTLED)
    local line
    state, line = staleness.look(both, state)
    assert.equal("blue@shop, green@shop", line.fields.which)
    state, line = staleness.look(one_stale(190, THROTTLED), state)
    assert.equal("blue@shop", line.fields.which)
    assert.equal(90, line.fields.oldest_seconds)
    assert.equal(130, state.began)
  end)

  it("tells two services of one name in two meshes apart", function()
    local function in_mesh(name, other)
      return snapshot(130, mesh(name, 130, nil, { service("web", 100, THROTTLED) }),
        mesh(other, 130, nil, { service("web", 130) }))
    end
    local state = staleness.look(in_mesh("a", "b"))
    local _, line = staleness.look(in_mesh("b", "a"), state)
    assert.equal("web@b", line.fields.which)
  end)

  it("says once that it is over, and how long it took", function()
    local state = staleness.look(outage(130, 40, REFUSED))
    state = staleness.look(outage(160, 40, REFUSED), state)
    local line
    state, line = staleness.look(one_stale(190), state)
    assert.same({ level = "info", event = "fresh", fields = { services = 40, seconds = 60 } },
      line)
    assert.is_nil(state)
    state, line = staleness.look(one_stale(220), state)
    assert.same({}, { state, line })
  end)

  it("names a stale mesh that has no services", function()
    local _, line = staleness.look(snapshot(130, mesh("empty", 100, REFUSED, {})))
    assert.same({ services = 0, oldest_seconds = 30, which = "empty", reason = REFUSED },
      line.fields)
  end)

  it("leaves a mesh that was never read to its own warning", function()
    local state, line = staleness.look(snapshot(130, mesh("new", 0, REFUSED, {})))
    assert.same({}, { state, line })
  end)

  it("shows no negative age after the clock went back", function()
    local state, line = staleness.look(one_stale(50, THROTTLED))
    assert.equal(0, line.fields.oldest_seconds)
    line = select(2, staleness.look(one_stale(40), state))
    assert.equal(0, line.fields.seconds)
  end)
end)
