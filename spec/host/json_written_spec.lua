-- What json.written promises (lua/meta/host/json.lua).
local json = require "host.json"

describe("json.written", function()
  it("stands for the text of a value wherever it stands", function()
    local list = assert(json.written { { id = "a", text = 'say "hi"\n' }, json.null })
    local text = '[{"id":"a","text":"say \\"hi\\"\\n"},null]'
    assert.equal(text, json.encode(list))
    assert.equal(('{"a":%s,"b":[%s,%s]}'):format(text, text, text),
      json.encode { b = { list, list }, a = list })
    assert.equal('{"list":' .. text .. "}", json.encode(json.written { list = list }))
    for _, value in ipairs { 1, "x", true, json.null, json.array {}, {} } do
      assert.equal(json.encode(value), json.encode(json.written(value)))
    end
  end)

  it("does not change with the value that it was made of", function()
    local value = { 1, 2 }
    local list = json.written(value)
    value[3] = 3
    assert.equal("[1,2]", json.encode(list))
  end)

  it("is as it was made where all around it is indented", function()
    assert.equal('{\n  "a": [1,2]\n}', json.encode({ a = json.written { 1, 2 } }, { indent = 2 }))
  end)

  it("counts for the limit of the text", function()
    local value, message, code = json.encode({ json.written(("x"):rep(100)) }, { max_bytes = 100 })
    assert.is_nil(value)
    assert.matches("100", message)
    assert.equal("limit", code)
  end)

  it("says what cannot be JSON, as encode does", function()
    for _, value in ipairs { { a = { print } }, { a = "\255" }, { 1, b = 2 }, { 0 / 0 } } do
      local written, message, code = json.written(value)
      local _, expected, expected_code = json.encode(value)
      assert.is_nil(written)
      assert.equal(expected, message)
      assert.equal(expected_code, code)
    end
    assert.error_matches(json.written, "value expected")
    assert.matches("cannot be JSON", (select(2, json.encode { io.stdout })))
  end)
end)
