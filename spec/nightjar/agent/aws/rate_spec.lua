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

  -- So many calls a second pass, some time after a throttling.
  local function rate_at(moment)
    now = moment
    local count = 0
    while limiter:take("Fast") < 10 do count = count + 1 end
    limiter:give_back("Fast", count + 1)
    return count / 10
  end

  it("falls to seven tenths when AWS throttles, and what is left of the burst goes", function()
    limiter:throttled("Fast")
    assert.same({ 0.2, 0.3, 0.5 }, take("Fast", 3)) -- after 0.14, 0.29 and 0.43 s
  end)

  it("has far less of a burst then, so that the next pass does not run into the same", function()
    local wide = rate.new({ default = { rate = 10, burst = 400 } }, function() return now end)
    local function at_once()
      local count = wide:take_many("Any", 1000, 0)
      wide:give_back("Any", count)
      return count
    end
    wide:throttled("Any")
    assert.equal(0, at_once())
    now = 40
    local some = at_once()
    assert.is_true(some > 130 and some < 290, some) -- a third at first, and two as it grows
    now = 1000
    assert.equal(400, at_once())
  end)

  it("lets one call pass at once however far it has fallen", function()
    for second = 1, 50 do
      now = second
      limiter:throttled("Fast")
    end
    now = 52
    assert.same({ 0 }, take("Fast", 1))
    assert.is_true(take("Fast", 1)[1] > 0)
  end)

  it("counts calls that were under way together as one throttling", function()
    for _ = 1, 8 do limiter:throttled("Fast") end
    assert.same({ 0.2 }, take("Fast", 1))
    now = 1
    limiter:throttled("Fast")
    assert.near(4.9, rate_at(1), 0.2)
  end)

  it("grows back with time, and stays a while a little below where it was throttled", function()
    limiter:throttled("Fast")
    local rates = {}
    for moment = 0, 180, 30 do rates[#rates + 1] = rate_at(moment) end
    for position, expected in ipairs { 7, 8.4, 8.9, 9, 9.1, 9.6, 10 } do
      assert.near(expected, rates[position], 0.2)
    end
  end)

  it("is what it was some minutes after a throttling, whether calls were made or none", function()
    limiter:throttled("Fast")
    now = 150
    assert.is_true(limiter:is_throttled("Fast"))
    assert.equal(1, limiter:slowed())
    now = 165
    assert.equal(0, limiter:slowed())
    assert.is_false(limiter:is_throttled("Fast"))
    assert.same({ 0, 0, 0, 0.1 }, take("Fast", 4))
  end)

  it("never falls below a sixteenth, and comes back from there too", function()
    for second = 1, 50 do
      now = second
      limiter:throttled("Fast")
    end
    assert.is_true(limiter:is_throttled("Fast"))
    assert.same({ 1.6 }, take("Fast", 1))
    now = 50 + 400
    assert.is_true(limiter:is_throttled("Fast"))
    now = 50 + 430
    assert.is_false(limiter:is_throttled("Fast"))
    assert.same({ 0, 0, 0, 0.1 }, take("Fast", 4))
  end)

  -- AWS's own limit, a bucket that all agents of the account share: passes of so many calls, and
  -- how many of them it throttled.
  local function passes(count, calls, aws)
    local own = rate.new({ default = { rate = 100, burst = 1000 } }, function() return now end)
    local tokens, at, throttles = aws, 0, {}
    for pass = 1, count do
      now = 10 * pass
      throttles[pass] = 0
      local left = calls
      while left > 0 do
        now = now + own:take("Any") + 0.001
        tokens, at = math.min(aws, tokens + (now - at) * aws), now
        if tokens >= 1 then
          tokens, left = tokens - 1, left - 1
        else
          throttles[pass] = throttles[pass] + 1
          own:throttled("Any")
        end
      end
      assert.is_true(now < 10 * pass + 10, now)
    end
    return throttles
  end

  it("settles below a limit of the account, which is met again only now and then", function()
    local throttles, met = passes(60, 120, 30), 0
    for pass = 6, 60 do met = met + (throttles[pass] > 0 and 1 or 0) end
    assert.is_true(throttles[1] > 0)
    assert.is_true(met <= 6, met)
  end)
end)
