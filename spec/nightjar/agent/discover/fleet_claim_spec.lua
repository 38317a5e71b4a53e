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

  local function note(seconds) renewed[#renewed + 1] = seconds end

  -- Until it was renewed so many times.
  local function work_until(count)
    while #renewed < count do context.sleep(1) end
  end

  it("is not renewed where its work needs no time, and gives what that gives", function()
    assert.equal("result", hold(note, function() return "result" end))
    assert.same({}, renewed)
  end)

  it("is renewed in half its life again and again while its work goes on, not after", function()
    hold(note, function() work_until(4) end)
    local last = 0
    for _, seconds in ipairs(renewed) do
      assert.is_true(seconds - last >= claim.LIFE / 2 - 0.1, seconds)
      last = seconds
    end
    local count = #renewed
    sched.run(context.sleep, 2 * claim.LIFE)
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
    hold(function(seconds)
      note(seconds)
      return false
    end, function()
      work_until(1)
      context.sleep(3 * claim.LIFE)
    end)
    assert.equal(1, #renewed)
  end)

  it("ends with the error that ends its work", function()
    assert.error_matches(function()
      hold(note, function() error("no reading") end)
    end, "no reading")
  end)
end)
