-- The agent's own limit on how often an operation is called.

local rate = require "nightjar.agent.aws.rate"

describe("the rate limit", function()
  local now, limiter

  before_each(function()
    now = 0
    limiter = rate.new({ Fast = { rate = 10, burst = 3 }, default = { rate = 1, burst = 2 } },
      function() return now end)
  end)

  local function take(operation, times)
    local waits = {}
    for position = 1, times do waits[position] = limiter:take(operation) end
    return waits
  end

  it("lets a burst pass at once, then so many a second, each with its own place", function()
    assert.same({ 0, 0, 0, 0.1, 0.2 }, take("Fast", 5))
  end)

  it("is of each operation alone, with a default for the others", function()
    assert.same({ 0, 0, 1.0 }, take("ListServices", 3))
    assert.same({ 0, 0, 1.0 }, take("GetService", 3))
  end)

  it("lets calls that wait go together at tenths of a second, and no more of them", function()
    local fast = rate.new({ default = { rate = 100, burst = 1 } }, function() return 7.03 end)
    local waits = {}
    for _ = 1, 21 do
      local key = ("%.2f"):format(fast:take("Any"))
      waits[key] = (waits[key] or 0) + 1
    end
    assert.same({ ["0.00"] = 1, ["0.07"] = 7, ["0.17"] = 10, ["0.27"] = 3 }, waits)
  end)

  it("fills up with time, to the burst and no more", function()
    take("Fast", 3)
    now = 0.2
    assert.same({ 0, 0, 0.1 }, take("Fast", 3))
    now = 1000
    assert.same({ 0, 0, 0, 0.1 }, take("Fast", 4))
  end)

  it("gives back the right to a call that is not made", function()
    take("Fast", 3)
    limiter:give_back("Fast")
    assert.same({ 0, 0.1 }, take("Fast", 2))
  end)

  it("gives the right to several calls at once, and leaves some for others", function()
    assert.equal(2, limiter:take_many("Fast", 5, 1))
    assert.equal(0, limiter:take_many("Fast", 5, 1))
    limiter:give_back("Fast", 2)
    assert.equal(1, limiter:take_many("Fast", 1, 0))
    assert.same({ 0, 0, 0.1 }, take("Fast", 3))
    -- Who waits has its place already.
    assert.equal(0, limiter:take_many("Fast", 5, 0))
    now = 0.25
    assert.equal(1, limiter:take_many("Fast", 5, 0))
  end)

  it("grows back by as many calls as have succeeded, told one by one or together", function()
    limiter:throttled("Fast")
    limiter:succeeded("Fast", 9)
    assert.is_true(limiter:is_throttled("Fast"))
    limiter:succeeded("Fast", 1)
    assert.is_false(limiter:is_throttled("Fast"))
  end)

  it("halves when AWS throttles, and what is left of the burst goes", function()
    limiter:throttled("Fast")
    assert.same({ 0.2, 0.4 }, take("Fast", 2))
  end)

  it("halves the burst too, so that the next pass does not run into the same", function()
    local wide = rate.new({ default = { rate = 10, burst = 40 } }, function() return now end)
    wide:throttled("Any")
    now = 1000
    local at_once = 0
    while wide:take("Any") == 0 do at_once = at_once + 1 end
    assert.equal(20, at_once)
  end)

  it("counts calls that were under way together as one throttling", function()
    for _ = 1, 8 do limiter:throttled("Fast") end
    assert.same({ 0.2 }, take("Fast", 1))
    now = 1
    limiter:throttled("Fast")
    assert.same({ 0.4 }, take("Fast", 1))
  end)

  it("never falls below a sixteenth, and grows back with calls that succeed", function()
    for second = 1, 50 do
      now = second
      limiter:throttled("Fast")
    end
    assert.is_true(limiter:is_throttled("Fast"))
    assert.equal(1, limiter:slowed())
    assert.same({ 1.6 }, take("Fast", 1))
    for _ = 1, 20 do limiter:succeeded("Fast") end
    assert.is_false(limiter:is_throttled("Fast"))
    assert.equal(0, limiter:slowed())
    now = 100
    assert.same({ 0, 0, 0, 0.1 }, take("Fast", 4))
  end)
end)
