-- What host.yaml promises (lua/meta/host/yaml.lua), by tables of hard cases.
local json = require "host.json"
local yaml = require "host.yaml"

local function decoded(text, options)
  local value, message = yaml.decode(text, options)
  assert(value ~= nil, message)
  return value
end

-- The value as JSON: shows null, empty arrays and number types at a glance.
local function as_json(text, options)
  return json.encode(decoded(text, options))
end

local function message_of(text, options)
  local value, message = yaml.decode(text, options)
  assert.is_nil(value, text)
  return message
end

describe("yaml.decode: plain scalars (core schema of YAML 1.2)", function()
  local integers = {
    ["0"] = 0, ["8080"] = 8080, ["-17"] = -17, ["+5"] = 5, ["0777"] = 777, ["0o17"] = 15,
    ["0xfF"] = 255, ["9223372036854775807"] = math.maxinteger,
    ["-9223372036854775807"] = -math.maxinteger, ["-0"] = 0,
    ["0x7fffffffffffffff"] = math.maxinteger, ["9007199254740993"] = 9007199254740993,
  }
  for text, wanted in pairs(integers) do
    it("reads " .. text .. " as an integer", function()
      local value = decoded(text)
      assert.equal("integer", math.type(value))
      assert.equal(wanted, value)
    end)
  end

  local floats = {
    ["1.0"] = 1.0, ["-1.5"] = -1.5, [".5"] = 0.5, ["+.5"] = 0.5, ["1."] = 1.0, ["1e3"] = 1000.0,
    ["1E-2"] = 0.01, ["12e03"] = 12000.0, ["-2E+05"] = -200000.0, [".inf"] = math.huge,
    ["-.INF"] = -math.huge, ["+.Inf"] = math.huge,
    ["9223372036854775808"] = 9223372036854775808.0, ["0x10000000000000000"] = 2.0 ^ 64,
  }
  for text, wanted in pairs(floats) do
    it("reads " .. text .. " as a float", function()
      local value = decoded(text)
      assert.equal("float", math.type(value))
      assert.equal(wanted, value)
    end)
  end

  it("reads .nan as not-a-number", function()
    for _, text in ipairs { ".nan", ".NaN", ".NAN" } do
      local value = decoded(text)
      assert.is_true(value ~= value)
    end
  end)

  it("reads null and booleans in their three spellings", function()
    for _, text in ipairs { "null", "Null", "NULL", "~", "", "---", "# nothing", "--- ~\n..." } do
      assert.equal(yaml.null, decoded(text))
    end
    for _, text in ipairs { "true", "True", "TRUE" } do assert.is_true(decoded(text)) end
    for _, text in ipairs { "false", "False", "FALSE" } do
      assert.is_false((yaml.decode(text)))
    end
    assert.equal(json.null, yaml.null)
  end)

  it("reads everything else as a string", function()
    for _, text in ipairs {
      "yes", "no", "on", "off", "y", "n", "tRUE", "nULL", "1_000", "0b11", "1:30", "12:30:45",
      "2001-12-14", "1.2.3", "0x", "0o", "0o8", "0xg", "-0x1", "+0o7", "1e", "1e+", ".", "-.", "+",
      "..5", ".e1", ".infinity", "inf", "nan", "-.nan", "1 2", "=", "<<", "10.0.0.1", "::1", "1e5x",
    } do
      assert.equal(text, decoded(text))
    end
  end)

  it("reads quoted and block scalars as strings", function()
    assert.equal("8080", decoded('"8080"'))
    assert.equal("null", decoded("'null'"))
    assert.equal("", decoded('""'))
    assert.equal("true\n", decoded("|\n  true\n"))
    assert.equal("12", decoded(">-\n  12\n"))
    assert.equal("it's", decoded("'it''s'"))
  end)

  it("keeps NUL and every other escape", function()
    assert.equal("\0", decoded([["\0"]]))
    assert.equal("a\0b\u{85}\u{2028}é😀\27\t", decoded([["a\x00b\N\Lé\U0001F600\e\t"]]))
  end)
end)

describe("yaml.decode: collections", function()
  it("gives the same marks as JSON", function()
    assert.equal('{"a":[],"b":{},"c":null,"d":[1,"2",true]}',
      as_json("b: {}\na: []\nc:\nd:\n- 1\n- '2'\n- true\n"))
    assert.is_true(json.is_array(decoded("[]")))
    assert.is_false(json.is_array(decoded("{}")))
  end)

  it("reads JSON", function()
    local text = '{"a":[1,2.5,"x\\n",null,true,[],{}],"b":{"c":"\\u00e9"},"d":""}'
    assert.equal(json.encode(json.decode(text)), as_json(text))
    assert.equal('{"a":{"b":[1]}}', as_json('{\n\t"a": {\n\t\t"b": [\n1]}}'))
  end)

  it("makes keys of all scalars, as they are written", function()
    assert.equal('{"":5,"/":6,"1":1,"1.0":2,"null":4,"true":3}',
      as_json("1: 1\n1.0: 2\ntrue: 3\nnull: 4\n'': 5\n/: 6"))
    assert.equal('{"":1,"~":2}', as_json("? \n: 1\n~: 2"))
    assert.equal('{"?/b":2,"[public]/a":1}', as_json("'[public]/a': 1\n?/b: 2"))
  end)

  it("keeps a null value as a member", function()
    assert.same({ a = yaml.null }, decoded("a:"))
    assert.same({ a = yaml.null }, decoded("{a}"))
  end)

  local wrong = {
    { "a: 1\nb: 2\na: 3", "line 3, column 1: this key is given twice: a" },
    { "a: ~\n'a': ~", "line 2, column 1: this key is given twice: a" },
    { "{1: a, '1': b}", "line 1, column 8: this key is given twice: 1" },
    { "a:\n  <<: {b: 1}", "line 2, column 3: merge keys (<<) are not supported" },
    { "a: &x {b: 1}\nc: {<<: *x, d: 2}", "line 2, column 5: merge keys" },
    { "? [1, 2]\n: 3", "line 1, column 3: a key must be written out as text" },
    { "? {a: 1}\n: 3", "a key must be written out as text" },
    { "&a x: 1\n*a : 2", "line 2, column 1: a key must be written out as text" },
    { "a: 1\n---\nb: 2", "line 2, column 1: a second document" },
    { "--- 1\n--- 2", "a second document" },
    { "a: 1\n...\n---\n...\n", "a second document" },
  }
  for _, case in ipairs(wrong) do
    it("refuses: " .. case[2], function()
      local message = message_of(case[1])
      assert.truthy(message:find(case[2], 1, true), message)
    end)
  end

  it("takes '<<' in quotes as the key it is", function()
    assert.equal('{"<<":1}', as_json("'<<': 1"))
    assert.equal('{"<<":1}', as_json("!!str <<: 1"))
  end)

  it("escapes a key in its message", function()
    assert.equal([[line 1, column 15: this key is given twice: \x1b[31m\n]],
      message_of([[{"\e[31m\n": 1, "\e[31m\n": 1}]]):gsub("column %d+", "column 15"))
  end)
end)

describe("yaml.decode: tags", function()
  it("takes those of the core schema", function()
    assert.equal('["8080","1","","x",7,true,null,{},[]]', as_json([[
- !!str 8080
- ! 1
- !!str
- !!str "x"
- !!int "7"
- !!bool true
- !!null
- !!map {}
- !!seq []
]]))
    assert.equal("float", math.type(decoded("!!float 1")))
    assert.equal("x", decoded("!<tag:yaml.org,2002:str> x"))
    assert.equal("5", decoded("%TAG !e! tag:yaml.org,2002:\n--- !e!str 5"))
  end)

  local wrong = {
    { "!!binary aGk=", "line 1, column 1: a tag that is not supported here: binary" },
    { "a: !Ref x", "line 1, column 4: a tag that is not supported here: !Ref" },
    { "!!python/object:os.system x", "python/object:os.system" },
    { "!!set {a}", "not supported here: set" }, { "!!omap []", "not supported here: omap" },
    { "!mine [1]", "not supported here: !mine" }, { "!!map [1]", "not supported here: map" },
    { "!!str {}", "not supported here: str" }, { "!mine k: 1", "not supported here: !mine" },
    { "!!int x", "this value is no int" }, { "!!int 1.5", "this value is no int" },
    { "!!bool yes", "this value is no bool" }, { "!!null x", "this value is no null" },
    { "!!float x", "this value is no float" }, { "!!timestamp 2001-01-01", "timestamp" },
  }
  for _, case in ipairs(wrong) do
    it("refuses " .. case[1], function()
      local message = message_of(case[1])
      assert.truthy(message:find(case[2], 1, true), message)
    end)
  end
end)

describe("yaml.decode: aliases", function()
  it("gives each alias a copy of its own", function()
    local value = decoded("a: &x {l: [1, {m: []}]}\nb: *x\nc: [*x]")
    assert.same(value.a, value.b)
    assert.not_equal(value.a, value.b)
    assert.not_equal(value.a.l[2], value.b.l[2])
    assert.is_true(json.is_array(value.c[1].l[2].m))
  end)

  it("takes anchors on scalars and keys, and the later of two", function()
    assert.equal('{"a":1,"b":1,"c":2,"d":2}', as_json("a: &x 1\nb: *x\nc: &x 2\nd: *x"))
    assert.equal('{"k":"v","l":"k"}', as_json("&key k: v\nl: *key"))
    assert.equal("[null,null]", as_json("[&x , *x]"))
    assert.equal("[false,false]", as_json("[&x false, *x]"))
  end)

  it("refuses an alias without an anchor, or within its own", function()
    assert.equal("line 1, column 4: no anchor is complete before this alias: *x",
      message_of("a: *x"))
    assert.matches("no anchor is complete", message_of("&x [*x]"))
    assert.matches("no anchor is complete", message_of("&x {a: {b: *x}}"))
  end)

  it("bounds aliases, and what they expand to", function()
    local lines = { "a0: &a0 [x, x, x, x, x, x, x, x, x, x]" }
    for i = 1, 9 do
      local list = ("*a%d, "):rep(9):gsub("%%d", i - 1)
      lines[#lines + 1] = ("a%d: &a%d [%s*a%d]"):format(i, i, list, i - 1)
    end
    local bomb = table.concat(lines, "\n")
    local started = os.clock()
    assert.matches("more than 1000000 values, aliases counted", message_of(bomb))
    assert.is_true(os.clock() - started < 10)
    assert.matches("more than 5000 values", message_of(bomb, { max_nodes = 5000 }))
    assert.matches("more than 100 aliases", message_of("[&x 1" .. (", *x"):rep(101) .. "]"))
    assert.equal(101, #decoded("[&x 1" .. (", *x"):rep(100) .. "]"))
    assert.matches("more than 0 aliases", message_of("[&x 1, *x]", { max_aliases = 0 }))
  end)

  it("counts the depth of what an alias stands for", function()
    assert.equal("[[[1]],[[[1]]]]", as_json("[&x [[1]], [*x]]", { max_depth = 4 }))
    assert.matches("more than 3 levels", message_of("[&x [[1]], [*x]]", { max_depth = 3 }))
  end)
end)

describe("yaml.decode: limits", function()
  it("takes 64 levels unless told otherwise", function()
    assert.is_table(decoded(("["):rep(64) .. ("]"):rep(64)))
    assert.matches("^line 1, column 65: more than 64 levels",
      message_of(("["):rep(65) .. ("]"):rep(65)))
    assert.matches("more than 64 levels", message_of(("- "):rep(70) .. "x"))
    assert.matches("more than 64 levels", message_of(("{a: "):rep(100000)))
    assert.is_table(decoded(("- "):rep(500) .. "x", { max_depth = 1000 }))
  end)

  it("takes as many bytes and values as it is told", function()
    assert.equal(12, decoded("12", { max_bytes = 2 }))
    assert.matches("3 bytes of text, at most 2", message_of("123", { max_bytes = 2 }))
    assert.equal("limit", (select(3, yaml.decode("123", { max_bytes = 2 }))))
    assert.is_table(decoded("[1, 2]", { max_nodes = 3 }))
    assert.matches("more than 3 values", message_of("[1, 2, 3]", { max_nodes = 3 }))
  end)

  it("raises when it is used wrongly", function()
    assert.has_error(function() yaml.decode() end)
    assert.error_matches(function() yaml.decode("1", { depth = 1 }) end, "unknown option 'depth'")
    assert.error_matches(function() yaml.decode("1", { max_nodes = 0 }) end, "'max_nodes'")
  end)
end)

describe("yaml.decode: broken text", function()
  local wrong = {
    { "a: [1, 2", "line 2, column 1" }, { "a: 'x", "line" },
    { "a: b: c", "line 1" }, { "\ta: 1", "line 1" },
    { "a: 1\n b: 2", "line 2" }, { "- 1\n2", "line 3" }, { "a: @x", "line 1, column 4" },
    { "a: `x", "line 1" }, { "[1]]", "line 1" }, { "%YAML 3.0\n--- x", "line" },
    { 'a: "\\q"', "line 1" }, { "a: \xff", "byte 4: " }, { "\xe2\x82", "byte 1: " },
    { "a: \0", "byte" }, { "a: \27[31m", "byte" }, { "caf\xe9: 1", "byte" },
    { "\xff\xfea\0", "byte 1: " }, { "{a: 1", "line" }, { "? ? ?\n]", "line" },
  }
  for _, case in ipairs(wrong) do
    it(("refuses %q and says where"):format(case[1]), function()
      local value, message = yaml.decode(case[1])
      assert.is_nil(value)
      assert.equal(case[2], message:sub(1, #case[2]))
      assert.is_nil(message:find("%c"))
    end)
  end

  it("says where what was not closed began", function()
    assert.equal("line 3, column 1: did not find expected ',' or ']', while parsing a flow " ..
      "sequence that began at line 2, column 4", message_of("b: 1\na: [1, 2"))
  end)

  it("takes a byte order mark, CRLF and comments", function()
    assert.equal('{"a":1,"b":2}', as_json("\u{FEFF}# x\r\na: 1 # one\r\nb: 2\r\n"))
  end)
end)

-- What yaml.set_to_json promises, made the long way.
local function long_way(text)
  local value = decoded(text)
  local version = json.hash(json.encode(value, { indent = 2 }) .. "\n")
  value.version_info = version
  return json.encode(value, { indent = 2 }) .. "\n", version
end

describe("yaml.set_to_json", function()
  local usual = {
    "resources: []",
    "resources:\n  []\n",
    "{resources: [{}, {}]}",
    "resources:\n- name: b\n  a: [1, 2.5, -0.0, 1e300, 0x1F, ~, true, yes, '1', \"2\"]\n"
      .. "  \"@type\": t\n",
    "z: 1\nresources:\n- {z: {y: {}, x: []}, a: [[], [[1]]]}\na: 2\nversion: 3\nw: 4\n",
    "resources:\n- name: \"a\\0\\n\\t\\e\\\\ \\\"q\\\" é \\u2028\"\n"
      .. "- cluster_name: |\n    x\n     y\n",
    "resources:\n- b: 1\n  \"b \": 2\n  ba: 3\n  a: 4\n  B: 5\n  é: 6\n  \"\": 7\n",
    "--- # comment\nresources:\n- name: x # y\n...\n",
    "resources:\n- a: null\n  name: a\n  n: 9223372036854775807\n  m: 99999999999999999999\n",
  }
  for i, text in ipairs(usual) do
    it(("writes usual set %d as decode and encode do, with its version"):format(i), function()
      local content, version, resources = yaml.set_to_json(text)
      local wanted, wanted_version = long_way(text)
      assert.equal(wanted, content)
      assert.equal(wanted_version, version)
      assert.is_true(json.is_array(resources))
      for index, resource in ipairs(decoded(text).resources) do
        for _, key in ipairs({ "@type", "name", "cluster_name" }) do
          assert.equal(resource[key], resources[index][key])
        end
      end
      assert.equal(#decoded(text).resources, #resources)
    end)
  end

  local others = {
    "", "5", "[]", "a: 1", "resources:", "resources: {}", "resources: [1]", "resources: [[]]",
    "resources: []\nversion_info: x", "resources: []\nversion_info:",
    "resources:\n- name: 5", "resources:\n- name: []", "resources:\n- name: &a b",
    "resources:\n- resource: {}", "resources:\n- rds_config: {}",
    "resources:\n- a: {config_source: {path: /x}}", "resources: &a []",
    "resources:\n- a: &x 1\n  b: *x", "resources:\n- a: !!str 1", "resources: !!seq []",
    "resources:\n- a: 1\n  a: 2", "resources: []\nresources: []", "resources:\n- <<: {}",
    "resources:\n- [a]: 1", "resources: [", "resources: []\n---\nresources: []",
    "resources:\n- a: .nan", "resources:\n- a: .inf", "resources:\n- a: \255",
    "resources: [{a: " .. ("["):rep(70) .. ("]"):rep(70) .. "}]",
  }
  for i, text in ipairs(others) do
    it(("leaves text %d to decode: it is no usual set"):format(i), function()
      assert.equal(0, select("#", yaml.set_to_json(text)))
    end)
  end

  it("leaves a mapping of more than 64 keys to decode, and takes one of 64", function()
    local lines = { "resources:", "- a0: 0" }
    for i = 63, 1, -1 do lines[#lines + 1] = ("  a%d: %d"):format(i, i) end
    local text = table.concat(lines, "\n") .. "\n"
    assert.equal(long_way(text), (yaml.set_to_json(text)))
    assert.equal(0, select("#", yaml.set_to_json(text .. "  b: 1\n")))
  end)

  it("writes random sets as decode and encode do", function()
    math.randomseed(20261128)
    local function value(depth)
      local kind = math.random(depth > 5 and 3 or 6)
      if kind == 1 then return math.random(-10, 1000) / (math.random(2) == 1 and 1 or 8) end
      if kind == 2 then return ("a\n\"'é: #\\"):sub(1, ({ 0, 1, 2, 3, 4, 99 })[math.random(6)]) end
      if kind == 3 then return math.random(2) == 1 end
      local result = kind == 4 and json.array({}) or {}
      for i = 1, math.random(0, 5) do
        result[kind == 4 and i or "k" .. math.random(99)] = value(depth + 1)
      end
      return result
    end
    for _ = 1, 200 do
      local set = { resources = json.array({}), ["r" .. math.random(9)] = value(1),
        ["z" .. math.random(9)] = value(1) }
      for i = 1, math.random(0, 4) do
        set.resources[i] = { name = "n" .. i, k = value(1), ["@type"] = "t" }
      end
      local text = json.encode(set, { indent = math.random(0, 1) }) -- JSON is YAML
      assert.equal(long_way(text), (yaml.set_to_json(text)))
    end
  end)
end)
