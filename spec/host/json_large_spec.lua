-- What json.decode makes of a text of more than 16 KiB, which is taken apart and decoded piece by
-- piece (host/bind/json_decode.c): the same as of a small one.
local json = require "host.json"

local function decoded(text, options)
  local value, message = json.decode(text, options)
  assert(value ~= nil, message)
  return value
end

describe("json.decode: a large text", function()
  local FILLER = ('"' .. ("x"):rep(70000) .. '"')

  it("has the values that its parts have alone", function()
    for _, part in ipairs { "1", "-0.5e1", "true", "false", "null", '""', '"a"', "[]", "{}", "[1]",
      '{"a":[]}', '"say \\"hi\\" \\\\"', '"\\u0000"', '"\\u0000a\\u0000"', '{"\\u0000":"\\u00e9"}',
      '"]}"', '{"]":"[{"}', '[[[["\\\\"]]]]', '"é\\ud83d\\ude00"',
      '{"a":{"b":{"c":[1,{"d":null}]}}}' } do
      local alone = json.encode(decoded(part))
      for _, around in ipairs { { "[%s,%s]", "[%s,%s]" }, { "[%s,[[%s]]]", "[%s,[[%s]]]" },
        { ' [ %s\n,\t%s ] ', "[%s,%s]" }, { '{"a":%s,"b":%s}', '{"a":%s,"b":%s}' },
        { '\r{ "a" :%s , "b"\n:\n%s }\n', '{"a":%s,"b":%s}' },
        { '{"a":[%s],"b":{"c":%s}}', '{"a":[%s],"b":{"c":%s}}' } } do
        local whole = decoded((around[1]:gsub("%%s", function() return FILLER end, 1)
          :gsub("%%s", function() return part end)))
        assert.equal(around[2]:format(FILLER, alone), json.encode(whole))
        whole = decoded((around[1]:gsub("%%s", function() return part end, 1)
          :gsub("%%s", function() return FILLER end)))
        assert.equal(around[2]:format(alone, FILLER), json.encode(whole))
      end
    end
  end)

  local function random_value(depth)
    local kind = math.random(depth > 0 and 8 or 5)
    if kind == 1 then return math.random(-1000, 1000) / 8 end
    if kind == 2 then return math.random(2) == 1 end
    if kind == 3 then return json.null end
    if kind <= 5 then return ('["\\\0é]}'):rep(math.random(0, 40)) end
    local value = kind == 6 and {} or json.array {}
    for i = 1, math.random(0, 60) do
      value[kind == 6 and "key" .. i or i] = random_value(depth - 1)
    end
    return value
  end

  it("is what was encoded, whatever its size and depth", function()
    math.randomseed(20261130)
    local large = 0
    for _ = 1, 60 do
      local value = json.array { random_value(3), random_value(3), random_value(3) }
      local text = assert(json.encode(value))
      large = large + (#text > 1 << 14 and 1 or 0)
      assert.equal(text, json.encode(decoded(text)))
      local spread = assert(json.encode(value, { indent = math.random(0, 3) }))
      assert.equal(text, json.encode(decoded(spread)))
    end
    assert.is_true(large > 10, "too few large ones: " .. large)
  end)

  it("marks its arrays", function()
    local value = decoded(("[%s,[],{}]"):format(FILLER))
    assert.is_true(json.is_array(value) and json.is_array(value[2]))
    assert.is_false(json.is_array(value[3]))
    assert.is_true(json.is_array(decoded(('{"a":[%s]}'):format(FILLER)).a))
  end)

  it("says where a key is given twice, or a number too large", function()
    for text, expected in pairs {
      ['{"a":%s,"a":1}'] = "a: this key is given twice",
      ['[%s,{"b":[0,{"c":1,"c":2}]}]'] = "[2].b[2].c: this key is given twice",
      ['{"list":[%s,1,1e999]}'] = "list[3]: a number beyond 1.8e308",
      ['{"k":{"l":[%s]},"m":[[1e999]]}'] = "m[1][1]: a number beyond 1.8e308",
    } do
      local value, message, code = json.decode((text:gsub("%%s", function() return FILLER end)))
      assert.is_nil(value)
      assert.equal(expected, message)
      assert.equal("value", code)
    end
  end)
end)
