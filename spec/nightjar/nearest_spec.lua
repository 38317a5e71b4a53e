-- Specs of the search for the known word nearest to an unknown one.
local nearest = require "nightjar.nearest"

describe("nearest", function()
  it("counts insertions, removals, replacements and swaps as one each", function()
    local cases = {
      { "", "", 0 }, { "a", "", 1 }, { "", "abc", 3 }, { "port", "port", 0 }, { "prot", "port", 1 },
      { "por", "port", 1 }, { "pport", "port", 1 }, { "pork", "port", 1 },
      { "kitten", "sitting", 3 },
      { "ca", "abc", 3 },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[3], nearest.distance(case[1], case[2]), case[1] .. " " .. case[2])
      assert.equal(case[3], nearest.distance(case[2], case[1]), case[2] .. " " .. case[1])
    end
  end)

  it("finds a near word, and none when all are far", function()
    assert.equal("explain", nearest.find("explian", { "check", "explain" }))
    assert.is_nil(nearest.find("zzzzzz", { "check", "explain" }))
    assert.is_nil(nearest.find("", {}))
  end)

  it("takes the first in byte order of equally near words", function()
    assert.equal("aa1", nearest.find("aa3", { "aa2", "aa1" }))
    assert.equal("aa1", nearest.find("aa3", { "aa1", "aa2" }))
  end)

  it("does not measure words that nobody typed", function()
    assert.is_nil(nearest.find(("x"):rep(100000), { ("x"):rep(100000) }))
  end)

  it("makes half a sentence for messages", function()
    assert.equal('; did you mean "check"?', nearest.hint("chek", { "check" }))
    assert.equal("; did you mean --json?", nearest.hint("--jsno", { "--json" }, "%s"))
    assert.equal("", nearest.hint("zzz", { "check" }))
  end)
end)
