-- What a mesh costs grows no faster than the mesh: of ten times the endpoints (those of the bench's
-- M and L) a first pass and its plan execute less than ten times as much. Counted under valgrind:
-- what the processor's caches make of it is shown by `make bench`.

local budget = require("spec.load.budget")
local counted = require("spec.support.counted")

local missing = counted.missing()
if missing then
  pending("growth: " .. missing)
  return
end

-- As in bench/mesh.py.
local M, L = { services = 100, instances = 10 }, { services = 500, instances = 20 }
local TIMES = L.services * L.instances // (M.services * M.instances)

describe("ten times the endpoints take less than ten times as much", function()
  local counts_of

  setup(function() counts_of = counted.new() end)

  teardown(function() counts_of:stop() end)

  local function check(name, small, large)
    assert.equal(10, TIMES)
    for what, most in pairs(budget.growth[name]) do
      local growth = large[what] / small[what]
      print(("# %s: %s %d to %d: %.2f of %.2f"):format(name, what, small[what], large[what], growth,
        most))
      assert.is_true(most < TIMES)
      assert.is_true(growth <= most, ("%s: %s grow by %.2f, expected at most %.2f"):format(name,
        what, growth, most))
      assert.is_true(growth > most / 2, what .. ": was all of it counted?")
    end
  end

  it("of a plan", function() check("plan", (counts_of:plan(M)), (counts_of:plan(L))) end)

  it("of an agent's first pass", function()
    check("first", counts_of:passes(1, false, M), counts_of:passes(1, false, L))
  end)
end)
