-- Nothing becomes dearer unnoticed: instructions, allocations and calls of AWS on the reference
-- mesh stay within spec/load/budget.lua. All of them are counted, none is a time. It stands here
-- since valgrind takes all of a processor.

local budget = require("spec.load.budget")
local counted = require("spec.support.counted")

local missing = counted.missing()
if missing then
  pending("budgets: " .. missing)
  return
end

-- Passes beyond the first two, of which the second has a few things to do for the last time.
local UNCHANGED, CHANGED = 6, 3
local TRIES = 3

describe("the budget of", function()
  local counts_of

  setup(function() counts_of = counted.new() end)

  teardown(function() counts_of:stop() end)

  local function is_within(counts, bounds)
    for what, most in pairs(bounds) do
      if counts[what] > most then return false end
    end
    return true
  end

  local function check(name, counts)
    local within = {}
    for what, most in pairs(budget[name]) do
      -- What was counted wrong would be within any bound.
      assert.is_true(counts[what] > most / 2, ("%s: %s: %d, expected more than half of %d: was all "
        .. "of it counted?"):format(name, what, counts[what], most))
      within[#within + 1] = ("%s %d of %d"):format(what, counts[what], most)
      assert.is_true(counts[what] <= most, ("%s: %s: %d, expected at most %d"):format(name, what,
        counts[what], most))
    end
    table.sort(within)
    print(("# %s: %s"):format(name, table.concat(within, ", ")))
  end

  it("a plan", function()
    local plan, first = counts_of:plan()
    check("first", first)
    check("plan", plan)
  end)

  local function least(one, other)
    local counts = {}
    for what, number in pairs(one) do
      counts[what] = math.min(number, other and other[what] or number)
    end
    return counts
  end

  -- What each pass takes beyond the fifth, from which on nothing is left to settle. On a busy
  -- machine answers come one by one, and each wait adds to what is executed, so that what is beyond
  -- its bound is counted again: the least count of a run is the one that was disturbed least.
  local function beyond(name, count, changes)
    local five, all, each
    for _ = 1, TRIES do
      five = least(counts_of:passes(5, changes), five)
      all, each = least(counts_of:passes(5 + count, changes), all), {}
      -- Rounded up: a call that only some of the passes make is one too many.
      for what, number in pairs(all) do each[what] = -((five[what] - number) // count) end
      if is_within(each, budget[name]) then break end
    end
    return each
  end

  it("a pass in which nothing has changed", function()
    check("unchanged", beyond("unchanged", UNCHANGED))
  end)

  it("a pass with a change", function() check("changed", beyond("changed", CHANGED, true)) end)
end)
