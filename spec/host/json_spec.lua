-- What host.json promises (lua/meta/host/json.lua), by tables of hard cases.
local json = require "host.json"

local function decoded(text, options)
  local value, message = json.decode(text, options)
  assert(value ~= nil, message)
  return value
end

describe("json.decode: numbers", function()
  local cases = {
    { "0", 0 }, { "-0", 0 }, { "8080", 8080 }, { "-17", -17 },
    { "1.0", 1 }, { "1e3", 1000 }, { "250e-1", 25 }, { "0.5e1", 5 },
    { "9007199254740991", 9007199254740991 },
    { "9007199254740992", 9007199254740992 },
    { "-9007199254740992", -9007199254740992 },
  }
  for _, case in ipairs(cases) do
    it("reads " .. case[1] .. " as an integer", function()
      local value = decoded(case[1])
      assert.equal("integer", math.type(value))
      assert.equal(case[2], value)
    end)
  end

  it("reads fractions, and what is beyond 2^53, as floats", function()
    for text, wanted in pairs {
      ["0.1"] = 0.1, ["-1.5"] = -1.5, ["1e-7"] = 1e-7,
      ["9007199254740994"] = 9007199254740994.0, ["1e300"] = 1e300,
    } do
      local value = decoded(text)
      assert.equal("float", math.type(value), text)
      assert.equal(wanted, value)
    end
    assert.equal(0, decoded("1e-400"))
  end)

  it("refuses what is no JSON number", function()
    for _, text in ipairs {
      "01", "-01", "1.", ".5", "-.5", "+1", "-", "1e", "1e+", "0x10", "1.5.2", "1-2", "--1",
      "NaN", "-NaN", "Infinity", "-Infinity", "1_000", "1,000", "٣",
    } do
      local value, message = json.decode(text)
      assert.is_nil(value, text)
      assert.matches("^line 1, column %d+: ", message)
    end
  end)

  it("refuses a number beyond a double, with its path", function()
    local value, message, code = json.decode '{"a":[1e999]}'
    assert.is_nil(value)
    assert.equal("a[1]: a number beyond 1.8e308", message)
    assert.equal("value", code)
  end)

  it("refuses a number of more than 63 characters instead of cutting it", function()
    assert.equal(1e62, decoded("1" .. ("0"):rep(62)))
    assert.matches("more than 63 characters", (select(2, json.decode("1" .. ("0"):rep(63)))))
  end)
end)

describe("json.decode: null, arrays and objects", function()
  it("keeps null apart from nothing", function()
    assert.equal(json.null, decoded("null"))
    assert.same({ a = json.null }, decoded('{"a":null}'))
    assert.equal(3, #decoded("[null,null,null]"))
    assert.equal("userdata", type(json.null))
  end)

  it("keeps the empty array and the empty object apart", function()
    assert.is_true(json.is_array(decoded("[]")))
    assert.is_false(json.is_array(decoded("{}")))
    assert.equal('{"a":[],"b":{}}', json.encode(decoded('{ "b" : {} , "a" : [ ] }')))
  end)

  it("keeps false", function()
    assert.same({ a = false, b = true }, decoded('{"a":false,"b":true}'))
    assert.is_false((json.decode("false")))
  end)

  it("refuses duplicate keys, also those that escapes make equal", function()
    assert.equal("services[2].port: this key is given twice",
      (select(2, json.decode('{"services":[1,{"port":1,"port":2}]}'))))
    assert.matches("given twice", (select(2, json.decode('{"a":null,"\\u0061":1}'))))
    assert.matches("given twice", (select(2, json.decode('{"\\u0000":null,"\\u0000":1}'))))
    assert.same({ ["\0"] = 1, [""] = 2 }, decoded('{"\\u0000":1,"":2}'))
  end)

  it("names keys that are no plain words in brackets, controls escaped", function()
    assert.equal([=[["/a b"]["\x1b[31m"]: this key is given twice]=],
      (select(2, json.decode('{"/a b":{"\\u001b[31m":1,"\\u001b[31m":1}}'))))
  end)

  it("takes 64 levels unless told otherwise", function()
    assert.is_table(decoded(("["):rep(64) .. ("]"):rep(64)))
    assert.matches("column 65: nested too deeply",
      (select(2, json.decode(("["):rep(65) .. ("]"):rep(65)))))
    assert.is_table(decoded(('{"a":'):rep(1000) .. "1" .. ("}"):rep(1000), { max_depth = 1000 }))
    assert.is_nil((json.decode(("["):rep(1000000), { max_depth = 1000 })))
    assert.is_nil((json.decode("[[1]]", { max_depth = 1 })))
  end)

  it("takes as many bytes as it is told", function()
    assert.equal(12, decoded("12", { max_bytes = 2 }))
    local _, err, code = json.decode("123", { max_bytes = 2 })
    assert.matches("3 bytes of text, at most 2", err)
    assert.equal("limit", code)
  end)

  it("takes as many values as it is told, and says where one is too many", function()
    local text = '{"a":[1,"two",null],"b":{}}'
    assert.same({ 1, "two", json.null }, decoded(text, { max_nodes = 6 }).a)
    local value, err, code = json.decode(text, { max_nodes = 5 })
    assert.is_nil(value)
    assert.same({ "line 1, column 25: too many values", "limit" }, { err, code })
    -- Before anything is made of them.
    value, err = json.decode("[" .. ("[],"):rep(5000000) .. "[]]", { max_nodes = 100 })
    assert.is_nil(value)
    assert.equal("line 1, column 299: too many values", err)
  end)
end)

describe("json.decode: strings", function()
  local cases = {
    { [["\"\\\/\b\f\n\r\t"]], "\"\\/\b\f\n\r\t" },
    { [["\u00e9\u20AC"]], "é€" },
    { [["\ud83d\ude00"]], "😀" },
    { [["\u0000"]], "\0" },
    { [["a\u0000b\u0000"]], "a\0b\0" },
    { [["\\u0000"]], "\\u0000" },
    { [["\\\u0000"]], "\\\0" },
    { [["\u0000\uE000\ue001"]], "\0\u{E000}\u{E001}" },
    { '"\\u0000\u{E000}\u{E001}\u{F8FF}"', "\0\u{E000}\u{E001}\u{F8FF}" },
    { '"\u{7f}\u{80}\u{2028}\u{FFFF}\u{10FFFF}"', "\u{7f}\u{80}\u{2028}\u{FFFF}\u{10FFFF}" },
    { '""', "" },
  }
  for _, case in ipairs(cases) do
    it(("reads %q"):format(case[1]), function()
      assert.equal(case[2], decoded(case[1]))
    end)
  end

  it("keeps NUL in keys", function()
    assert.same({ ["a\0b"] = "\0" }, decoded('{"a\\u0000b":"\\u0000"}'))
  end)

  it("gives up only when no code point can stand for NUL", function()
    local all = {}
    for i = 0xE000, 0xF8FF do all[#all + 1] = utf8.char(i) end
    local text = table.concat(all)
    assert.equal(text, decoded('"' .. text .. '"'))
    assert.matches("\\u0000 beside all", (select(2, json.decode('"\\u0000' .. text .. '"'))))
    assert.equal("\0" .. text:sub(4), decoded('"\\u0000' .. text:sub(4) .. '"'))
  end)

  local wrong = {
    ["no end"] = { '"abc', "string without an end" },
    ["an escaped end"] = { '"abc\\"', "string without an end" },
    ["a backslash at the end"] = { '"abc\\', "unknown escape" },
    ["a raw line end"] = { '"a\nb"', "control character" },
    ["a raw NUL"] = { '"a\0b"', "control character" },
    ["an unknown escape"] = { [["\x41"]], "unknown escape" },
    ["an escaped NUL byte"] = { '"\\\0"', "unknown escape" },
    ["three digits"] = { [["\u00e"]], "four hexadecimal digits" },
    ["a digit that is none"] = { [["\u00eg"]], "four hexadecimal digits" },
    ["half an escape"] = { [["\u]], "four hexadecimal digits" },
    ["a first half alone"] = { [["\ud83d"]], "without the second" },
    ["a first half with a letter"] = { [["\ud83dx"]], "without the second" },
    ["two first halves"] = { [["\ud83d\ud83d"]], "without the second" },
    ["a first half at the end"] = { [["\ud83d\u]], "without the second" },
    ["a second half alone"] = { [["\ude00"]], "without the first" },
    ["a lone continuation"] = { '"\x80"', "invalid UTF%-8" },
    ["a cut sequence"] = { '"\xe2\x82"', "invalid UTF%-8" },
    ["a cut sequence at the end"] = { '"\xf0\x9f\x98', "invalid UTF%-8" },
    ["an overlong slash"] = { '"\xc0\xaf"', "invalid UTF%-8" },
    ["an overlong three"] = { '"\xe0\x80\xaf"', "invalid UTF%-8" },
    ["an overlong four"] = { '"\xf0\x80\x80\xaf"', "invalid UTF%-8" },
    ["a surrogate in UTF-8"] = { '"\xed\xa0\x80"', "invalid UTF%-8" },
    ["a code point too high"] = { '"\xf4\x90\x80\x80"', "invalid UTF%-8" },
    ["a byte of Latin 1"] = { '"caf\xe9"', "invalid UTF%-8" },
    ["single quotes"] = { "'a'", "expected a value" },
  }
  for name, case in pairs(wrong) do
    it("refuses " .. name, function()
      local value, message, code = json.decode(case[1])
      assert.is_nil(value)
      assert.matches("^line %d+, column %d+: .*" .. case[2], message)
      assert.equal("syntax", code)
    end)
  end
end)

describe("json.decode: text", function()
  local cases = {
    { "", 1, 1, "empty" }, { " \n ", 2, 2, "empty" }, { "{", 1, 2, "ends within" },
    { "[1", 1, 3, "ends within" }, { "[1 2]", 1, 4, "expected ',' or ']'" },
    { "[1,]", 1, 4, "expected a value" }, { "[,1]", 1, 2, "expected a value" },
    { "{,}", 1, 2, "expected a key" }, { '{"a":1,}', 1, 8, "expected a key" },
    { '{"a"}', 1, 5, "expected ':'" }, { '{"a":}', 1, 6, "expected a value" },
    { "{a:1}", 1, 2, "expected a key" }, { "{1:1}", 1, 2, "expected a key" },
    { '{"a":1]', 1, 7, "expected ',' or '}'" }, { "[1}", 1, 3, "expected ',' or ']'" },
    { "]", 1, 1, "expected a value" }, { "1 2", 1, 3, "more text" }, { "{}{}", 1, 3, "more text" },
    { "[]]", 1, 3, "more text" }, { "truefalse", 1, 5, "more text" },
    { "nulll", 1, 5, "more text" }, { "tru", 1, 1, "expected a value" },
    { "True", 1, 1, "expected a value" },
    { "1\0", 1, 2, "more text" }, { "\0", 1, 1, "expected a value" },
    { "[1]\f", 1, 4, "more text" }, { "\u{FEFF}1", 1, 1, "expected a value" },
    { "// x\n1", 1, 1, "expected a value" }, { "[1 /* x */]", 1, 4, "expected ','" },
    { '[\n  "é",\n  "é" x\n]', 3, 7, "expected ',' or ']'" },
    { "[1;2]", 1, 3, "expected ',' or ']'" }, { "\u{a0}1", 1, 1, "expected a value" },
  }
  for _, case in ipairs(cases) do
    it(("refuses %q at line %d, column %d"):format(case[1], case[2], case[3]), function()
      local value, message = json.decode(case[1])
      assert.is_nil(value)
      local place = ("line %d, column %d: "):format(case[2], case[3])
      assert.equal(place, message:sub(1, #place))
      assert.truthy(message:find(case[4], 1, true), message)
    end)
  end

  it("takes blanks around everything", function()
    assert.same({ a = { 1, 2 } }, decoded('\r\n\t { "a" :\n[ 1\t,2 ] } \n'))
  end)

  it("raises when it is used wrongly", function()
    assert.has_error(function() json.decode() end)
    assert.has_error(function() json.decode({}) end)
    assert.error_matches(function() json.decode("1", { max_dept = 1 }) end,
      "unknown option 'max_dept'")
    assert.error_matches(function() json.decode("1", { max_depth = 0 }) end,
      "option 'max_depth': expected an integer from 1 to 1000")
    assert.error_matches(function() json.decode("1", { max_depth = "5" }) end, "an integer")
  end)
end)

describe("json.encode", function()
  it("sorts keys bytewise, whatever order they were made in", function()
    local names, t = {}, {}
    for i = 1, 500 do
      names[i] = ("%x"):format(i * 2654435761 % 4294967296)
      t[names[i]] = i
    end
    local seen = {}
    for name in json.encode(t):gmatch('"(%x+)":') do seen[#seen + 1] = name end
    table.sort(names)
    assert.same(names, seen)
    assert.equal('{"":0,"A":1,"a":2,"aa":3,"b":4,"é":5}',
      json.encode { b = 4, ["é"] = 5, aa = 3, A = 1, a = 2, [""] = 0 })
    assert.equal('{"a":1,"a\\u0000":2,"a\\u0001":3}',
      json.encode { ["a\1"] = 3, ["a"] = 1, ["a\0"] = 2 })
  end)

  it("writes integers, and whole floats, without a fraction", function()
    assert.equal("[8080,8080,-1,0,0]", json.encode { 8080, 8080.0, -1, 0, -0.0 })
    assert.equal("[9223372036854775807,-9223372036854775808]",
      json.encode { math.maxinteger, math.mininteger })
    assert.equal("9007199254740992", json.encode(2.0 ^ 53))
  end)

  it("writes floats so that they read back as the same number", function()
    for _, value in ipairs { 0.1, 1 / 3, 2 / 3, 1e-7, 1.7976931348623157e308, 5e-324, 0.1 + 0.2,
      123456.789, -2.5, 2.0 ^ 53 + 2, 1e23 } do
      assert.equal(value, decoded(json.encode(value)))
    end
    assert.equal("0.1", json.encode(0.1))
  end)

  it("escapes what must be escaped, and nothing else", function()
    assert.equal([["\"\\\b\f\n\r\t\u0000\u0001\u001f/]] .. "\u{7f}é\u{2028}😀\"",
      json.encode("\"\\\b\f\n\r\t\0\1\31/\u{7f}é\u{2028}😀"))
  end)

  it("tells arrays from objects by mark, then by content", function()
    assert.equal("{}", json.encode {})
    assert.equal("[]", json.encode(json.array {}))
    assert.equal("[1,[2],{}]", json.encode { 1, { 2 }, {} })
    assert.equal("[null,false]", json.encode { json.null, false })
  end)

  it("indents", function()
    assert.equal('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}',
      json.encode({ a = { 1, {} }, b = json.array {} }, { indent = 2 }))
    assert.equal("1", json.encode(1, { indent = 4 }))
  end)

  it("reads back what it wrote", function()
    local text = '{"a":[1,2.5,"x",null,true,[],{}],"b":{"c\\u0000":"\\u0000"},"d":""}'
    assert.equal(text, json.encode(decoded(text)))
    assert.equal(text, json.encode(decoded(json.encode(decoded(text), { indent = 3 }))))
  end)

  local loop = { name = "x" }
  loop.list = { { up = loop } }
  local deep = {}
  for _ = 1, 64 do deep = { deep } end
  local wrong = {
    { { a = { 1, { b = print } } }, "a[2].b: a function cannot be JSON" },
    { print, "the value: a function cannot be JSON" },
    { { a = coroutine.create(print) }, "a: a thread cannot be JSON" },
    { { 1, 0 / 0 }, "[2]: JSON has no not-a-number" },
    { { x = { y = -1 / 0 } }, "x.y: JSON has no infinity" },
    { loop, "list[1].up: a table that contains itself" },
    { deep, "nested deeper than 64 levels" },
    { { a = { 1, 2, x = 3 } }, "a: both list items and string keys" },
    { { [1] = 1, [3] = 3 }, "neither an array nor an object" },
    { { [0] = 1 }, "index 0" },
    { { [1.5] = 1 }, "a number as a key" },
    { { a = { [true] = 1 } }, "a: a boolean as a key" },
    { { s = "ab\xff" }, "s: not valid UTF-8 at byte 3" },
    { { ["\xff"] = 1 }, [=[["\xff"]: not valid UTF-8 at byte 1]=] },
    { json.array { a = 1 }, "string keys in a table that is marked" },
    { { { ["/x y"] = { print } } }, [=[[1]["/x y"][1]: a function]=] },
  }
  for _, case in ipairs(wrong) do
    it("refuses: " .. case[2], function()
      local text, message = json.encode(case[1])
      assert.is_nil(text)
      assert.truthy(message:find(case[2], 1, true), message)
    end)
  end

  it("allows one table in two places, which is no cycle", function()
    local shared = { 1 }
    assert.equal('{"a":[1],"b":[1]}', json.encode { a = shared, b = shared })
  end)

  it("looks at no metatable but its own", function()
    local t = setmetatable({ a = 1 }, {
      __index = function() error "looked" end, __pairs = function() error "looked" end,
      __len = function() error "looked" end, __tostring = function() error "looked" end,
    })
    assert.equal('{"a":1}', json.encode(t))
  end)

  it("takes as many levels and bytes as it is told", function()
    assert.equal("[[1]]", json.encode({ { 1 } }, { max_depth = 2 }))
    assert.is_nil((json.encode({ { 1 } }, { max_depth = 1 })))
    assert.equal("[1,2]", json.encode({ 1, 2 }, { max_bytes = 5 }))
    assert.matches("more than 4 bytes", (select(2, json.encode({ 1, 2 }, { max_bytes = 4 }))))
    local level = {}
    for _ = 1, 999 do level = { level } end
    assert.equal(("["):rep(999) .. "{}" .. ("]"):rep(999), json.encode(level, { max_depth = 1000 }))
  end)

  it("raises when it is used wrongly", function()
    assert.has_error(function() json.encode() end)
    assert.error_matches(function() json.encode(1, { indet = 2 }) end, "unknown option 'indet'")
    assert.equal("the value: a nil cannot be JSON", (select(2, json.encode(nil))))
  end)
end)

describe("json.array and json.is_array", function()
  it("marks and returns the same table", function()
    local t = {}
    assert.equal(t, json.array(t))
    assert.equal(t, json.array(t))
    assert.is_true(json.is_array(t))
  end)

  it("knows a sequence, and nothing else", function()
    assert.is_true(json.is_array { 1 })
    for _, value in ipairs { {}, { a = 1 }, { 1, a = 1 }, { [2] = 1 }, "x", 1, false } do
      assert.is_false(json.is_array(value))
    end
  end)

  it("leaves other metatables, and its own, alone", function()
    assert.error_matches(function() json.array(setmetatable({}, {})) end, "metatable of its own")
    assert.has_error(function() setmetatable(json.array {}, nil) end)
    assert.equal("host.array", getmetatable(json.array {}))
  end)
end)

describe("json.hash", function()
  it("is FNV-1a of 64 bits", function()
    -- Values of the draft's own test list.
    assert.equal("cbf29ce484222325", json.hash(""))
    assert.equal("af63dc4c8601ec8c", json.hash("a"))
    assert.equal("85944171f73967e8", json.hash("foobar"))
  end)
end)
