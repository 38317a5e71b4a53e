-- What json.fingerprint promises (lua/meta/host/json.lua).
local json = require "host.json"

describe("json.fingerprint", function()
  local function same(a, b)
    return assert(json.fingerprint(a)) == assert(json.fingerprint(b))
  end

  it("is 16 bytes, the same each time", function()
    assert.equal(16, #json.fingerprint('{"a":1}'))
    assert.is_true(same('{"a":1}', '{"a":1}'))
  end)

  it("does not look at the order of keys and elements, nor at how the text is written", function()
    assert.is_true(same('{"a":[1,{"b":2,"c":"x"},3],"d":null}',
      '{ "d" : null, "a" : [3.0, {"c":"\\u0078", "b":2}, 1] }'))
  end)

  local different = { "null", "true", "false", "0", "1", "-1", "0.5", '""', '"0"', '"a"', '"b"',
    '"ab"', "[]", "{}", "[[]]", "[{}]", '{"a":{}}', '{"a":[]}', '{"a":null}', '{"a":"b"}',
    '{"b":"a"}', '["a","b"]', '["a","a"]', '["a"]', '[["a"],"b"]', '[["a","b"]]',
    '[["a"],["b"]]', '{"a":1,"b":2}', '{"a":2,"b":1}', '[{"a":1},{"b":2}]', '[{"a":1,"b":2}]',
    '{"a":{"b":1},"c":{"d":2}}', '{"a":{"d":2},"c":{"b":1}}', '"\\u0000"', '"\\uE000"',
    '"a\\u0000"', '[1,1]', "[1,1,1]", "[2]", "[3]" }
  it(("tells %d texts apart that differ in little"):format(#different), function()
    local seen = {}
    for _, text in ipairs(different) do
      local fingerprint = assert(json.fingerprint(text))
      assert.is_nil(seen[fingerprint], text .. " and " .. tostring(seen[fingerprint]))
      seen[fingerprint] = text
    end
  end)

  it("is the same however a large list is shuffled, and another for each single change", function()
    local random = 12345
    local function next_random(most)
      random = (random * 1103515245 + 12345) % 2147483648
      return random % most + 1
    end
    local items = {}
    for i = 1, 1000 do
      items[i] = ('{"InstanceId":"i-%d","Attributes":{"A":"10.0.%d.%d"}}'):format(i, i // 250,
        i % 250)
    end
    local function text() return '{"Instances":[' .. table.concat(items, ",") .. "]}" end
    local first = assert(json.fingerprint(text()))
    for i = #items, 2, -1 do
      local j = next_random(i)
      items[i], items[j] = items[j], items[i]
    end
    assert.equal(first, json.fingerprint(text()))
    for _ = 1, 200 do
      local i = next_random(#items)
      local before = items[i]
      items[i] = before:gsub("10%.0", "10.1")
      assert.not_equal(first, json.fingerprint(text()))
      items[i] = before
    end
    assert.equal(first, json.fingerprint(text()))
  end)

  -- What is known is looked for first, in a text that nobody has checked yet.
  describe("with one that is known", function()
    local whole = '{"Instances":[{"A":{"P":"8080","ü":"x"},"H":true,"I":null,"J":false},'
      .. '{"A":{},"n":[1,20,0]}],"R":12}'

    it("is that for each way to write the same, and another one for anything else", function()
      local known = assert(json.fingerprint(whole))
      assert.equal(known, json.fingerprint(whole, nil, known))
      assert.equal(known, json.fingerprint(whole:gsub("12}", "1.2e1}"), nil, known))
      assert.equal(known, json.fingerprint(whole:gsub("ü", "\\u00fc"), nil, known))
      assert.equal(known, json.fingerprint((whole:gsub("[:,]", " %0\n")), nil, known))
      assert.not_equal(known, json.fingerprint(whole:gsub("8080", "8081"), nil, known))
      assert.equal(known, json.fingerprint(whole, nil, "too short"))
      assert.equal(known, json.fingerprint(whole, nil, ("\0"):rep(16)))
    end)

    it("refuses all that it refuses without", function()
      local known = assert(json.fingerprint(whole))
      local pieces = { "", ",", ":", "{", "}", "[", "]", '"', "0", "1", "-", ".", "\\", "\\u0041",
        "\0", "\1", "\n", "\xff", "\xc3", "t", "true", " ", "x" }
      local refused, equal = 0, 0
      for position = 1, #whole do
        for _, piece in ipairs(pieces) do
          for left_out = 0, 2 do
            local text = whole:sub(1, position - 1) .. piece .. whole:sub(position + left_out)
            local expected = { json.fingerprint(text) }
            assert.same(expected, { json.fingerprint(text, nil, known) }, text)
            refused = refused + (expected[1] and 0 or 1)
            equal = equal + (expected[1] == known and 1 or 0)
          end
        end
      end
      assert.is_true(refused > 1000 and equal > 100, refused .. " and " .. equal)
      for cut = 0, #whole - 1 do
        assert.is_nil((json.fingerprint(whole:sub(1, cut), nil, known)))
      end
    end)

    it("goes no deeper than it may", function()
      for _, depth in ipairs { 1, 31, 32, 33, 63, 64 } do
        local text = ("["):rep(depth) .. ("]"):rep(depth)
        local known = assert(json.fingerprint(text))
        assert.equal(known, json.fingerprint(text, nil, known))
      end
      assert.is_nil((json.fingerprint(("["):rep(1000000), nil, ("x"):rep(16))))
    end)
  end)

  it("refuses what decode refuses", function()
    for _, text in ipairs { "", "{", "[01]", '"\xff"' } do
      local _, err, code = json.decode(text)
      local none, same_err, same_code = json.fingerprint(text)
      assert.is_nil(none)
      assert.same({ err, code }, { same_err, same_code })
    end
    local none, err, code = json.fingerprint("[[1]]", { max_depth = 1 })
    assert.is_nil(none)
    assert.matches("1", err)
    assert.equal("limit", code)
    assert.equal("limit", select(3, json.fingerprint("[1]", { max_bytes = 2 })))
  end)
end)
