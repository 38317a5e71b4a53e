-- Closed schemas: what fits passes, what does not is named with its path.

local schema = require("nightjar.plan.schema")

local shape = schema.record({
  name = schema.name(5), ["note?"] = schema.string(5),
  items = schema.list(schema.record({ weight = schema.integer(0, 65535),
    kind = schema.one_of({ "public", "private" }) }), 3),
  ["tags?"] = schema.map(schema.string(5), 5),
})

local function value(change)
  local result = { name = "x", items = { { weight = 1, kind = "public" } } }
  if change then change(result) end
  return result
end

describe("a closed schema", function()
  it("accepts what is right", function()
    assert.is_nil(schema.check(shape, value()))
    assert.is_nil(schema.check(shape, value(function(v) v.note, v.tags = "", { a = "b" } end)))
  end)

  local faults = {
    ['items[1].weight: expected integer 0..65535, got "x"'] =
      function(v) v.items[1].weight = "x" end,
    ["items[1].weight: expected integer 0..65535, got 65536"] =
      function(v) v.items[1].weight = 65536 end,
    ["items[1].weight: expected integer 0..65535, got 45.0 (math.floor makes an integer)"] =
      function(v) v.items[1].weight = 45.0 end,
    ["items[2].weight: expected integer 0..65535, got nothing"] =
      function(v) v.items[2] = { kind = "public" } end,
    ['items[1].kind: expected "public" or "private", got "pubic"; did you mean "public"?'] =
      function(v) v.items[1].kind = "pubic" end,
    ['items[1].wieght: unknown field; did you mean "weight"?'] =
      function(v) v.items[1].wieght = 1 end,
    ['["a b"]: unknown field'] = function(v) v["a b"] = 1 end,
    ["expected named fields only, got 1"] = function(v) v[1] = 1 end,
    ["items: expected a list, got nothing"] = function(v) v.items = nil end,
    ["items: expected a list, but element 2 is missing"] = function(v) v.items[3] = v.items[1] end,
    ["items: expected a list, but element 1 is missing"] = function(v) v.items = { a = 1 } end,
    ["items: expected at most 3 elements, got more"] =
      function(v) for i = 2, 4 do v.items[i] = { weight = i, kind = "public" } end end,
    ["items[1]: expected a table, got true"] = function(v) v.items[1] = true end,
    ["name: expected a name of 1 to 5 bytes without control characters, got \"a\\n\""] =
      function(v) v.name = "a\n" end,
    ["tags.a: expected text of at most 5 bytes in UTF-8, got 1"] =
      function(v) v.tags = { a = 1, b = 2 } end,
    ["tags: expected names as keys, got 1"] = function(v) v.tags = { "a" } end,
    ["items[1]: expected a table, got a table with a metatable"] =
      function(v) setmetatable(v.items[1], { __index = error }) end,
    ["items: expected a list, got a table with a metatable"] =
      function(v) setmetatable(v.items, {}) end,
    ["note: expected text of at most 5 bytes in UTF-8, got \"\\xff\""] =
      function(v) v.note = "\xff" end,
    ["note: expected text of at most 5 bytes in UTF-8, got a function"] =
      function(v) v.note = print end,
  }
  for message, change in pairs(faults) do
    it("says " .. message, function()
      assert.equal(message, (schema.check(shape, value(change))))
    end)
  end

  it("tells the first of several faults, in order of the fields", function()
    for _ = 1, 20 do
      assert.matches("^items: ", (schema.check(shape, { zzz = 1, name = 2, note = 3 })))
    end
  end)

  it("parts tables that stand in two places", function()
    local one = { weight = 1, kind = "public" }
    local v = value(function(it) it.items = { one, one } end)
    assert.is_nil(schema.check(shape, v))
    assert.not_equal(v.items[1], v.items[2])
    v.items[1].weight = 5
    assert.equal(1, v.items[2].weight)
  end)

  it("ends on data that contains itself", function()
    local v = value()
    v.items[1] = v
    assert.is_string((schema.check(shape, v)))
    v = value()
    v.items[2] = v.items
    assert.is_string((schema.check(shape, v)))
  end)

  it("copies plain data only", function()
    assert.same({ a = { 1 } }, (schema.copy({ a = { 1 } })))
    local circle = {}
    circle.a = circle
    assert.is_nil(schema.copy(circle))
    assert.is_nil(schema.copy({ setmetatable({}, {}) }))
  end)
end)
