-- When a follower of a fleet looks: in step with the leader's writes, and seldom in quiet times.

local pace_of = require "nightjar.agent.discover.fleet_pace"

local EVERY = 30

describe("the pace of a follower", function()
  local time, chance, pace, record

  before_each(function()
    time, chance = 1000, 0.5
    pace = pace_of.new({ monotonic = function() return time end,
      random = function() return chance end }, EVERY)
    record = { leader = "one", every = EVERY, services = { { id = "srv-1" } } }
  end)

  -- A pass that looks and finds an object of that age; when the next one should begin, if at all.
  local function look(age)
    assert.is_nil(pace:skips())
    pace:saw { record = record, age = age, date = 5000 + time }
    return pace:take_due()
  end

  -- Passes in step; the text says of each whether it looked (L) or did without (-).
  local function passes(count)
    local text = ""
    for _ = 1, count do
      time = time + EVERY
      local known = pace:skips()
      if not known then pace:saw { record = record, age = 2, date = 5000 + time } end
      text = text .. (known and "-" or "L")
    end
    return text
  end

  it("comes into step with one pass that is early", function()
    -- Written ten seconds ago, so again in twenty; then one second and a part that is chance.
    assert.equal(1000 + 20 + 1 + 0.5 * 2, look(10))
    time = 1022
    assert.is_nil(look(2))
    chance, time = 0.999, 5000 -- much later
    assert.near(5000 + 5 + 1 + 2, look(25), 0.01)
  end)

  it("says once when the next pass should begin, and forgets it in the next one", function()
    look(10)
    assert.is_nil(pace:take_due())
    time = 5000
    pace:saw { record = record, age = 10, date = 1 }
    pace:skips()
    assert.is_nil(pace:take_due())
  end)

  it("takes four seconds after the write, at thirty for a pass, for in step", function()
    assert.is_nil(look(4))
    assert.is_not_nil(look(5))
  end)

  it("comes soon where the leader is late", function()
    assert.equal(1000 + 1 + 1, look(34))
  end)

  it("tries twice, and then after ten passes, where the leader is out of step", function()
    assert.is_not_nil(look(20))
    assert.is_not_nil(look(20))
    for _ = 1, 2 do
      for _ = 1, 9 do
        time = time + EVERY
        assert.is_nil(look(20))
      end
      time = time + EVERY
      assert.is_not_nil(look(20))
    end
  end)

  it("tries at once with another leader", function()
    look(20)
    look(20)
    record = { leader = "another", every = EVERY, services = {} }
    assert.is_not_nil(look(20))
  end)

  it("looks each second time once four looks, or five, brought nothing new", function()
    chance = 0.49
    pace = pace_of.new(pace.context, EVERY)
    assert.equal("LLLLL-L-L-", passes(10))
    chance = 0.5
    pace = pace_of.new(pace.context, EVERY)
    assert.equal("LLLLLL-L-L", passes(10))
  end)

  it("looks each time again once something is new", function()
    passes(20)
    record = { every = EVERY, services = { { id = "srv-2" } } }
    assert.matches("LLLLL", passes(8), 1, true)
  end)

  it("looks each time while a service could not be read, or is out of step", function()
    record.services[2] = { id = "srv-2", stale = true }
    assert.equal(("L"):rep(12), passes(12))
    record = { every = EVERY, services = { { id = "srv-2", error = "denied" } } }
    assert.equal(("L"):rep(12), passes(12))
    record = { every = EVERY, services = {} }
    for _ = 1, 12 do
      look(9)
      time = time + EVERY
    end
    look(2)
    assert.is_not_nil(pace:skips())
  end)

  it("does without a look with what the last one found, as old as it is by now", function()
    passes(6)
    time = time + EVERY
    local known = pace:skips()
    assert.same({ record = record, age = 32, date = 5000 + time }, known)
  end)

  it("looks when an operator asks for a pass, and after having stood still", function()
    passes(6)
    time = time + EVERY
    assert.is_nil(pace:skips(true))
    passes(1)
    time = time + 1.5 * EVERY + 1
    assert.is_nil(pace:skips())
  end)

  it("is that of each pass where the leader's passes take another time, or no five seconds",
    function()
      record.every = 20
      assert.is_nil(look(10))
      assert.equal(("L"):rep(9), passes(9))
      pace = pace_of.new(pace.context, 4)
      record.every = 4
      assert.is_nil(look(3))
      for _ = 1, 9 do
        time = time + 4
        assert.is_nil(look(0))
      end
    end)
end)
