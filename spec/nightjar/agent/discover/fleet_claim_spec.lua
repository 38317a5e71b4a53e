-- A claim that is renewed while its reading goes on, on the real scheduler; a second takes a
-- millisecond here.

local claim = require "nightjar.agent.discover.fleet_claim"
local sched = require "nightjar.agent.sched"

describe("a claim", function()
  local renewed

  before_each(function() renewed = {} end)

  local context = {
    monotonic = function() return sched.now() * 1000 end,
    sleep = function(seconds) sched.sleep(seconds / 1000) end,
    spawn = sched.spawn,
  }

  local function hold(renew, work) return sched.run(claim.hold, context, renew, work) end

  it("is not renewed where its work is short, and gives what that gives", function()
    assert.equal("result", hold(function() error("renewed") end, function()
      context.sleep(claim.LIFE / 4)
      return "result"
    end))
  end)

  it("is renewed twice in its life while its work goes on, and not after it", function()
    hold(function(seconds) renewed[#renewed + 1] = seconds end, function()
      context.sleep(10 * claim.LIFE)
    end)
    local count = #renewed
    assert.is_true(count >= 4 and count <= 20, count)
    assert.is_true(renewed[1] >= claim.LIFE / 2, renewed[1])
    sched.run(context.sleep, claim.LIFE)
    assert.equal(count, #renewed)
  end)

  it("is not left in the midst of a renewal", function()
    local begun, ended = 0, 0
    hold(function()
      begun = begun + 1
      context.sleep(claim.LIFE)
      ended = ended + 1
    end, function()
      while begun == 0 do context.sleep(1) end
    end)
    assert.same({ 1, 1 }, { begun, ended })
  end)

  it("is not renewed any more when another agent has it", function()
    hold(function()
      renewed[#renewed + 1] = true
      return false
    end, function() context.sleep(3 * claim.LIFE) end)
    assert.equal(1, #renewed)
  end)

  it("ends with the error that ends its work", function()
    assert.error_matches(function()
      hold(function() renewed[#renewed + 1] = true end, function() error("no reading") end)
    end, "no reading")
    assert.same({}, renewed)
  end)
end)
