-- The order of a drain, with an Envoy whose answers are given; real ones are in spec/system.

local drain = require("nightjar.agent.drain")
local sched = require("nightjar.agent.sched")

describe("drain.run", function()
  local said, active, refuses

  -- An admin interface that notes what it is told, and when.
  local function envoy()
    local one, started = {}, sched.now()
    local function note(word)
      said[#said + 1] = word
      said[word] = sched.now() - started
    end
    function one.fail_health_check()
      if refuses > 0 then
        refuses = refuses - 1
        return nil
      end
      note("fail")
      return true
    end
    function one.drain() note("drain") end
    function one.active() return active() end
    return one
  end

  -- Runs a drain and returns what it says and how long it took.
  local function run(more)
    local options = { quiet = 0.5, single = function() return true end,
      expected = function() return false end }
    for key, value in pairs(more or {}) do options[key] = value end
    local result, seconds
    sched.run(function()
      local one, started = envoy(), sched.now()
      options.admin = function() return one end
      options.deadline = started + (options.seconds or 10)
      result = drain.run(options)
      seconds = sched.now() - started
    end)
    return result, seconds
  end

  before_each(function()
    said, refuses = {}, 0
    active = function() return 0 end
  end)

  it("has health checks fail, waits until others have seen it, and then drains", function()
    local ok, seconds = run()
    assert.is_true(ok)
    assert.same({ "fail", "drain" }, { said[1], said[2] })
    assert.is_true(said.drain - said.fail >= 0.5)
    assert.is_true(seconds >= said.drain + 0.5 and seconds < 3)
  end)

  it("waits for requests, and for a while without any", function()
    local calls = 0
    active = function()
      calls = calls + 1
      return calls < 12 and 1 or 0
    end
    local _, seconds = run()
    assert.is_true(seconds >= 1.5 and seconds < 4, tostring(seconds))
  end)

  it("sees requests that come and go between two looks", function()
    local routed = 0
    active = function()
      routed = routed + 1
      return 0, routed
    end
    local _, seconds = run { seconds = 2 }
    assert.is_true(seconds >= 2, tostring(seconds))
  end)

  it("ends at its time, whatever runs", function()
    active = function() return 1 end
    local ok, seconds = run { seconds = 1.2 }
    assert.is_true(ok)
    assert.is_true(seconds >= 1.2 and seconds < 2)
  end)

  it("counts the old process of a hot restart as a request", function()
    local _, seconds = run { seconds = 1.5, single = function() return false end }
    assert.is_true(seconds >= 1.5)
  end)

  it("ends when Envoy does not answer any more", function()
    active = function() return nil end
    local ok, seconds = run()
    assert.is_true(ok)
    assert.is_true(seconds < 0.5)
  end)

  it("does not wait for an Envoy that takes no part, unless its admin is on its way", function()
    refuses = 3
    assert.is_false((run()))
    refuses = 3
    assert.is_true((run { expected = function() return true end }))
    assert.equal("fail", said[1])
    refuses = math.huge
    local ok, seconds = run { expected = function() return true end, seconds = 0.4 }
    assert.is_false(ok)
    assert.is_true(seconds < 1)
  end)
end)
