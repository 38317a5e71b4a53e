-- Collected warnings: their order, their place, and how many there may be.

local warnings = require("nightjar.plan.warnings")

describe("collected warnings", function()
  it("stay in their order, with where they belong", function()
    local collected = warnings.new()
    collected:add("b", "second word", { mesh = "m", code = "not this" })
    collected:add("a", "first word")
    assert.same({ { code = "b", message = "second word", mesh = "m" },
      { code = "a", message = "first word" } }, collected:all())
  end)

  it("are a thousand at most, and say how many more there were", function()
    local collected = warnings.new()
    for _ = 1, 1005 do collected:add("x", "y") end
    local list = collected:all()
    assert.equal(1001, #list)
    assert.same({ code = "more_warnings", message = "5 more warnings are not listed" }, list[1001])
  end)
end)
