-- What host.shape promises (lua/meta/host/shape.lua), and that it never says yes where the walk of
-- nightjar.plan.schema, which it stands in for, finds a fault.
local json = require "host.json"
local shape = require "host.shape"

local INTEGER = shape.new("integer", { min = 1, max = 9 })
local NAME = shape.new("name", { max = 5 })
local PATH, LABEL = shape.new("path", { max = 20 }), shape.new("label", { max = 20 })
local MAP = shape.new("map", { of = shape.new("string", { max = 3 }), max = 4 })
local ITEM = shape.new("record", { parts = { { name = "id", shape = NAME },
  { name = "rank", shape = INTEGER, optional = true }, { name = "tags", shape = MAP } } })
local LIST = shape.new("list", { of = ITEM, max = 3 })

local function item(id)
  return { id = id, rank = 1, tags = { a = "x" } }
end

describe("shape: a value", function()
  local cases = {
    { INTEGER, 1, true }, { INTEGER, 9, true }, { INTEGER, 0, false }, { INTEGER, 10, false },
    { INTEGER, 1.0, false }, { INTEGER, "1", false }, { NAME, "abcde", true },
    { NAME, "abcdef", false }, { NAME, "", false }, { NAME, "a\n", false },
    { NAME, "a\127", false }, { NAME, "é", false }, { NAME, 5, false },
    { shape.new("string", { max = 2 }), "", true },
    { shape.new("string", { max = 2 }), "\n", true },
    { shape.new("string", { max = 2 }), "é", true },
    { shape.new("string", { max = 4 }), "\xC3", false },
    { shape.new("string", { max = 4 }), "\xED\xA0\x80", false },
    { shape.new("string", { max = 4 }), "\xF4\x90\x80\x80", false },
    { PATH, "/", true }, { PATH, "/shop/cart_1-~", true }, { PATH, "", false },
    { PATH, "shop", false }, { PATH, "/shop/", false }, { PATH, "/a//b", false },
    { PATH, "//", false }, { PATH, "/a.b", false }, { PATH, "/%41", false },
    { PATH, "/é", false }, { PATH, "/12345678901234567890", false }, { PATH, 5, false },
    { LABEL, "private-8080", true }, { LABEL, "a", true }, { LABEL, "1._-", true },
    { LABEL, "", false }, { LABEL, "-a", false }, { LABEL, "a/b", false }, { LABEL, "a\n", false },
    { LABEL, "é", false }, { LABEL, "123456789012345678901", false },
    { shape.new("string", { max = 2 }), "abc", false }, { shape.new("boolean", {}), false, true },
    { shape.new("boolean", {}), 0, false },
    { shape.new("one_of", { parts = { "a", "b" } }), "b", true },
    { shape.new("one_of", { parts = { "a", "b" } }), "ab", false },
    { shape.new("one_of", { parts = { ("x"):rep(60) } }), ("x"):rep(30) .. ("x"):rep(30), true },
    { MAP, {}, true }, { MAP, { abcd = "xyz" }, true }, { MAP, { abcde = "" }, false },
    { MAP, { a = "wxyz" }, false }, { MAP, { "a" }, false }, { MAP, { a = {} }, false },
    { MAP, setmetatable({}, {}), false }, { MAP, json.array({}), false }, { MAP, "a", false },
    { ITEM, item("a"), true }, { ITEM, { id = "a", tags = {} }, true },
    { ITEM, { id = "a" }, false }, { ITEM, { id = "a", rank = 1, tags = {}, more = 1 }, false },
    { ITEM, { id = "a", tags = {}, 5 }, false }, { ITEM, { id = "a", tags = 5 }, false },
    { LIST, {}, true }, { LIST, { item("a"), item("b") }, true },
    { LIST, { item("a"), nil, item("b") }, false }, { LIST, { item("a"), x = 1 }, false },
    { LIST, { item("a"), item("b"), item("c"), item("d") }, false },
    { LIST, { item("a"), 5 }, false }, { LIST, { [2] = item("a") }, false },
  }
  for i, case in ipairs(cases) do
    it(("%s the shape of row %d"):format(case[3] and "has" or "has not", i), function()
      assert.equal(case[3], case[1]:take(case[2], {}))
      assert.equal(case[3], case[1]:fits(case[2]))
    end)
  end

  it("that contains itself comes to an end", function()
    local value = item("a")
    value.tags = value
    assert.is_false(ITEM:take(value, {}))
    assert.is_false(ITEM:fits(value))
  end)

  it("fits only where no table stands twice in it, which is left as it is", function()
    local once, tags = item("a"), { a = "x" }
    assert.is_false(LIST:fits { once, once })
    local value = { item("a"), item("b") }
    value[1].tags, value[2].tags = tags, tags
    assert.is_false(LIST:fits(value))
    assert.equal(value[1].tags, value[2].tags)
    value[2].tags = {}
    assert.is_true(LIST:fits(value))
    -- As many as make the table of what was met grow and collide.
    local many, large = shape.new("list", { of = MAP, max = 5000 }), {}
    for i = 1, 5000 do
      large[i] = {}
      if i % 617 == 0 then assert.is_true(many:fits(large)) end
    end
    assert.is_true(many:fits(large))
    for _, place in ipairs { 1, 2, 2500, 4999 } do
      local there = large[place]
      large[place] = large[5000]
      assert.is_false(many:fits(large))
      large[place] = there
    end
    assert.is_true(many:fits(large))
  end)

  it("of the right shape is noted with all its tables, a wrong one not at all", function()
    local seen, value = {}, { item("a"), item("b") }
    assert.is_true(LIST:take(value, seen))
    for _, one in ipairs({ value, value[1], value[2], value[1].tags, value[2].tags }) do
      assert.is_true(seen[one])
    end
    seen, value[2].rank = {}, 10
    assert.is_false(LIST:take(value, seen))
    assert.is_nil(next(seen))
  end)

  it("gets copies of its own of what was met before", function()
    local once, tags = item("a"), { a = "x" }
    local value = { once, once, item("b") }
    value[3].tags = tags
    assert.is_true(LIST:take(value, { [tags] = true }))
    assert.are_not.equal(value[1], value[2])
    assert.are_not.equal(value[1].tags, value[2].tags)
    assert.are_not.equal(tags, value[3].tags)
    assert.equal(once, value[1])
    assert.same({ item("a"), item("a"), item("b") }, value)
  end)
end)

describe("shape.new", function()
  it("raises for what is no shape", function()
    assert.has_error(function() shape.new("tuple", {}) end)
    assert.has_error(function() shape.new("list", {}) end)
    assert.has_error(function() shape.new("list", { of = {} }) end)
    assert.has_error(function() shape.new("map", { of = LIST, max = 1 }) end)
    assert.has_error(function() shape.new("record", { parts = { { name = "a" } } }) end)
    assert.has_error(function() shape.new("record", { parts = { { shape = NAME } } }) end)
    assert.has_error(function() shape.new("one_of", { parts = { 5 } }) end)
  end)

  it("keeps what it was made of", function()
    local made = shape.new("record", { parts = { { name = "a" .. 1,
      shape = shape.new("list", { of = shape.new("name", { max = 5 }), max = 2 }) } } })
    collectgarbage()
    collectgarbage()
    assert.is_true(made:take({ a1 = { "x", "y" } }, {}))
    assert.is_false(made:take({ a1 = { "x", "abcdef" } }, {}))
  end)
end)

-- The same module, with shapes that are never sure.
local function slow_schema()
  local real, loaded = package.loaded["host.shape"], package.loaded["nightjar.plan.schema"]
  local unsure = { fits = function() return false end, take = function() return false end }
  package.loaded["host.shape"] = { new = function() return unsure end }
  package.loaded["nightjar.plan.schema"] = nil
  local schema = require("nightjar.plan.schema")
  package.loaded["host.shape"], package.loaded["nightjar.plan.schema"] = real, loaded
  return schema
end

local function shape_of(schema)
  local leaf = schema.record({ id = schema.name(6), on = schema.boolean,
    ["port?"] = schema.integer(1, 5), ["kind?"] = schema.one_of({ "a", "b" }),
    attributes = schema.map(schema.string(4), 3) })
  return schema.record({ leaves = schema.list(leaf, 4), ["first?"] = leaf,
    ["odd?"] = schema.where(function(value) return value == 1 end, "1") })
end

local VALUES = { 1, 5, 6, 2.0, "", "a", "b", "é", "\255", "seven77", true, false }

local function random_map()
  local map = {}
  for _ = 1, math.random(0, 2) do
    map[({ "k", "key", "long", "ä" })[math.random(4)]] = VALUES[math.random(5, 9)]
  end
  return map
end

-- Mostly right, often with one thing changed, at times with one table in two places.
local function random_value()
  local leaves, maps = {}, { {}, { k = "v" } }
  for i = 1, math.random(0, 4) do
    local leaf = { id = "leaf" .. i, on = i % 2 == 0, attributes = maps[math.random(6)] or
      { k = "v" } }
    if math.random(4) == 1 then
      leaf[({ "id", "on", "port", "kind", "more", 1 })[math.random(6)]] =
        VALUES[math.random(#VALUES)]
    end
    if math.random(6) == 1 then leaf.attributes = random_map() end
    leaves[i] = math.random(6) == 1 and leaves[1] or leaf
  end
  return { leaves = leaves, first = math.random(3) == 1 and leaves[1] or nil,
    odd = math.random(3) == 1 and 1 or nil }
end

-- How many tables a value is made of, each counted once.
local function tables_in(value, seen)
  if type(value) ~= "table" or seen[value] then return 0 end
  seen[value] = true
  local count = 1
  for _, one in next, value do count = count + tables_in(one, seen) end
  return count
end

-- The value, with the same table wherever it was the same.
local function twin_of(value, made)
  if type(value) ~= "table" then return value end
  if made[value] then return made[value] end
  local result = {}
  made[value] = result
  for key, one in next, value do result[key] = twin_of(one, made) end
  return result
end

describe("a schema with quick shapes", function()
  it("says and does the same as without them", function()
    local schema, slow = require("nightjar.plan.schema"), slow_schema()
    local quick_shape, slow_shape = shape_of(schema), shape_of(slow)
    local right, wrong = 0, 0
    math.randomseed(20261128)
    for _ = 1, 3000 do
      local a = random_value()
      local b = twin_of(a, {})
      local expected, expected_path = slow.check(slow_shape, b)
      local message, path = schema.check(quick_shape, a)
      assert.equal(expected, message)
      assert.equal(expected_path, path)
      if message then
        wrong = wrong + 1
      else
        right = right + 1
        assert.same(b, a)
        assert.equal(tables_in(b, {}), tables_in(a, {}))
      end
    end
    assert.is_true(right > 300 and wrong > 300)
  end)
end)
