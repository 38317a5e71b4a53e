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

  it("finds each word that its distance says is near, whatever letters the two have", function()
    local alphabet = "abcdA_09"
    local function word(random)
      local chars = {}
      for i = 1, random() % 9 do
        local at = random() % #alphabet + 1
        chars[i] = alphabet:sub(at, at)
      end
      return table.concat(chars)
    end
    local seed = 1
    local function random() -- the same words in each run
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return seed >> 8
    end
    local near = 0
    for _ = 1, 3000 do
      local one, other, limit = word(random), word(random), random() % 4
      local is_near = nearest.distance(one, other) <= limit
      assert.equal(is_near and other or nil, (nearest.find(one, { other }, limit)))
      assert.equal(is_near and other or nil,
        (nearest.find(one, nearest.prepare({ other }), limit)))
      near = near + (is_near and 1 or 0)
    end
    assert.is_true(near > 100)
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
