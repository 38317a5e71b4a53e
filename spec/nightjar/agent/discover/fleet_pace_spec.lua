-- When a follower of a fleet looks: in step with the leader's writes, and seldom in quiet times.

local pace_of = require "nightjar.agent.discover.fleet_pace"

local REFRESH_TIME = 30
local EVERY = 27 -- what the agents of a fleet make of it

describe("the pace of a follower", function()
  local time, chance, pace, record, is_open

  before_each(function()
    time, chance, is_open = 1000, 0.5, false
    pace = pace_of.new({ monotonic = function() return time end,
      random = function() return chance end }, REFRESH_TIME)
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
      if not known then
        pace:saw({ record = record, age = 2, date = 5000 + time }, is_open)
      end
      text = text .. (known and "-" or "L")
    end
    return text
  end

  -- Nothing to spend any more: one that has followed for a while, through changes.
  local function spend() assert.matches("%-L%-", passes(20)) end

  it("is a tenth faster than that of one that reads alone", function()
    assert.equal(27, pace_of.between(30))
    assert.equal(0.9, pace_of.between(1))
  end)

  it("comes into step with one pass that is early", function()
    -- Written ten seconds ago, so again in seventeen; then one second and a part that is chance.
    assert.near(1000 + 17 + 1 + 0.5 * 1.8, look(10), 0.01)
    time = 1022
    assert.is_nil(look(2))
    chance, time = 0.999, 5000 -- much later
    assert.near(5000 + 2 + 1 + 1.8, look(25), 0.01)
  end)

  it("says once when the next pass should begin, and forgets it in the next one", function()
    look(10)
    assert.is_nil(pace:take_due())
    time = 5000
    pace:saw { record = record, age = 10, date = 1 }
    pace:skips()
    assert.is_nil(pace:take_due())
  end)

  it("takes three seconds after the write, at thirty for REFRESH_TIME, for in step", function()
    assert.is_nil(look(3))
    assert.is_not_nil(look(4))
  end)

  it("comes soon where the leader is late", function()
    assert.near(1000 + 1 + 0.9, look(31), 0.01)
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

  it("leaves out each second look once four brought nothing new: one half now, one then", function()
    chance = 0.49
    pace = pace_of.new(pace.context, REFRESH_TIME)
    assert.equal("LLLLL-L-L-", passes(10))
    chance = 0.5
    pace = pace_of.new(pace.context, REFRESH_TIME)
    assert.equal("LLLLLL-L-L", passes(10))
  end)

  it("looks each time again once something is new, and had been the same for a while", function()
    passes(100)
    for _ = 1, 2 do
      record = { every = EVERY, services = { { id = "srv-2" } } }
      assert.matches("^%-?LLLLL", passes(6))
      passes(6)
    end
  end)

  it("looks each time while it may have to lead, and spends nothing for it", function()
    is_open = true
    assert.equal(("L"):rep(20), passes(20))
    record, is_open = { every = EVERY, services = {} }, false
    assert.matches("^LLLLL", passes(6))
  end)

  it("has one more look to spend after twenty-five passes, five at most", function()
    local function in_changes(count)
      local text = ""
      for _ = 1, count do
        record = { every = EVERY, services = {} }
        text = text .. passes(1)
      end
      return text
    end
    local _, looks = in_changes(100):gsub("L", "")
    assert.equal(50 + 2 + 4, looks) -- two to begin with
    passes(1000)
    assert.matches("^%-?" .. ("L"):rep(10) .. "L?%-L%-L%-L%-L", in_changes(20))
  end)

  it("looks each time while it is out of step", function()
    for _ = 1, 30 do
      look(9)
      time = time + EVERY
    end
  end)

  it("does without a look with what the last one found, as old as it is by now", function()
    spend()
    while passes(1) == "-" do end
    time = time + EVERY
    assert.same({ record = record, age = 29, date = 5000 + time }, pace:skips())
  end)

  it("looks when an operator asks for a pass, and after having stood still", function()
    for _, case in ipairs { { true, EVERY }, { nil, 1.5 * EVERY + 1 } } do
      spend()
      while passes(1) == "-" do end
      time = time + case[2]
      assert.is_nil(pace:skips(case[1]))
    end
  end)

  it("is that of each pass where the leader's passes take another time", function()
    record.every = 30
    assert.is_nil(look(10))
    assert.equal(("L"):rep(20), passes(20))
  end)

  it("is that of each pass below 25 seconds, and in step above five", function()
    for _, case in ipairs { { 24, true }, { 5, true }, { 4.9, false } } do
      local every, steps = table.unpack(case)
      pace = pace_of.new(pace.context, every)
      record.every = pace_of.between(every)
      assert.equal(steps, look(record.every - 0.5) ~= nil)
      for _ = 1, 20 do
        time = time + record.every
        assert.is_nil(look(1))
      end
    end
  end)
end)
