-- When a follower tries to lead in place of an agent that cannot read all.

local relief_of = require "nightjar.agent.discover.fleet_relief"

local EVERY = 27

describe("a follower of a leader that cannot read all", function()
  local time, relief

  before_each(function()
    time = 1000
    -- With that chance it tries as soon as it may, and rests as short as it may.
    relief = relief_of.new({ monotonic = function() return time end,
      random = function() return 0 end }, EVERY)
  end)

  local function look(leader)
    return relief:is_due { date = time, record = { leader = leader,
      services = { { id = "srv-1", error = "no" } } } }
  end

  -- Passes until it tries to lead.
  local function passes(leader)
    for count = 0, 100 do
      if look(leader) then return count end
      time = time + EVERY
    end
  end

  it("tries after three passes, and then ever more seldom", function()
    assert.equal(4, passes "one")
    local rests = {}
    for position = 1, 7 do rests[position] = passes "one" end
    assert.same({ 2, 4, 8, 16, 32, 64, 64 }, rests)
  end)

  for leader, what in pairs { one = "the same one leads again", two = "yet another one leads" } do
    it("rests longer when it has led and " .. what, function()
      assert.equal(4, passes "one")
      relief:leads()
      time = time + EVERY
      assert.equal(4, passes(leader))
    end)
  end

  it("that has led from the beginning rests first", function()
    relief:leads()
    relief.unread["srv-1"] = 0
    assert.equal(2, passes "two")
  end)
end)
