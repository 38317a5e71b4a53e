-- Library functions that give policies the same result in every run.

local deterministic = require("nightjar.plan.deterministic")

local function walk(t, step)
  local keys = {}
  for key in step(t) do keys[#keys + 1] = key end
  return keys
end

local function by_next(t)
  return deterministic.next, t, nil
end

describe("functions that do not differ from run to run", function()
  it("walk in key order: numbers, strings, booleans", function()
    local t = { b = 1, a = 1, [10] = 1, [2.5] = 1, [-1] = 1, [true] = 1, [false] = 1, 1, 2 }
    local expected = { -1, 1, 2, 2.5, 10, "a", "b", false, true }
    assert.same(expected, walk(t, deterministic.pairs))
    assert.same(expected, walk(t, by_next))
  end)

  it("walk while fields are changed and cleared", function()
    local t, seen = { a = 1, b = 2, c = 3 }, {}
    for key in deterministic.pairs(t) do
      seen[#seen + 1] = key
      t.b, t[key] = nil, "changed"
    end
    assert.same({ "a", "c" }, seen)
  end)

  it("say that tables as keys have no order", function()
    local t = { [{}] = 1, a = 2 }
    assert.has_error(function() deterministic.pairs(t) end,
      "pairs: a table as a key has no fixed order; keep such keys in a list beside the table")
    assert.has_error(function() walk(t, by_next) end)
    assert.is_not_nil(deterministic.next({ [{}] = 1 }))
    assert.is_nil(deterministic.next({}))
  end)

  it("honour __pairs", function()
    local t = setmetatable({}, { __pairs = function() return next, { x = 1 }, nil end })
    assert.same({ "x" }, walk(t, deterministic.pairs))
  end)

  it("show no address", function()
    assert.equal("table", deterministic.tostring({}))
    assert.equal("function", deterministic.tostring(print))
    assert.equal("x", deterministic.tostring(setmetatable({}, { __tostring = function()
      return "x"
    end })))
    assert.equal("table 1 function nil 50%", deterministic.format("%s %d %s %s 50%%", {}, 1,
      print, nil))
    assert.has_error(function() deterministic.format("%p", {}) end,
      "format: %p shows an address, which differs from run to run")
    assert.has_error(function() deterministic.format("%-10p", {}) end)
    assert.equal("%p", deterministic.format("%%p"))
  end)

  it("write what is no number the same, whatever sign the processor gave it", function()
    for _, value in ipairs({ 0 / 0, -(0 / 0), math.huge - math.huge }) do
      assert.equal("nan", deterministic.tostring(value))
      assert.equal("nan  nan|nan nan", deterministic.format("%s %4.1f|%g %a", value, value, value,
        value))
      assert.equal("0x1p+0 nan inf -inf", deterministic.format("%a %f %g %s", 1.0, value, math.huge,
        -math.huge))
      assert.equal("nan|NAN %", deterministic.format("%-3s|%G %%", value, value))
      assert.equal("(0/0)", deterministic.format("%q", value))
    end
    assert.has_error(function() deterministic.format("%d", 0 / 0) end)
  end)

  it("sort, and leave equals in their order", function()
    for _, count in ipairs({ 0, 1, 2, 3, 10, 257 }) do
      local list = {}
      for i = 1, count do list[i] = { key = (i * 7919) % 5, at = i } end
      deterministic.sort(list, function(a, b) return a.key < b.key end)
      assert.equal(count, #list)
      for i = 2, count do
        local a, b = list[i - 1], list[i]
        assert.is_true(a.key < b.key or (a.key == b.key and a.at < b.at))
      end
    end
    local words = { "c", "a", "b" }
    deterministic.sort(words)
    assert.same({ "a", "b", "c" }, words)
  end)

  it("raise about what they cannot take, at the caller's line", function()
    for fn, message in pairs {
      [function() deterministic.pairs(5) end] = "pairs: expected a table, got 5",
      [function() deterministic.format(5) end] = "format: expected a string, got 5",
    } do
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.matches("deterministic_spec%.lua:%d+: " .. message, err)
    end
  end)
end)
