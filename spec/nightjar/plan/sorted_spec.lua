-- Lists in one fixed order, whether they come so or not.

local sorted = require("nightjar.plan.sorted")

describe("a sorted list", function()
  local asked
  local function before(a, b)
    asked = asked + 1
    return a < b
  end

  before_each(function() asked = 0 end)

  it("is in order, whatever order it came in", function()
    for _, list in ipairs { {}, { 1 }, { 1, 2, 3 }, { 3, 2, 1 }, { 2, 1, 3 }, { 1, 3, 2 },
      { 2, 2, 1, 1 } } do
      local expected = table.move(list, 1, #list, 1, {})
      table.sort(expected)
      sorted.sort(list, before)
      assert.same(expected, list)
    end
  end)

  it("that comes in order is looked at once", function()
    local list = {}
    for i = 1, 100 do list[i] = i // 2 end
    sorted.sort(list, before)
    assert.equal(99, asked)
  end)
end)
