-- Values in each place of a YAML template.
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")
local yaml = require("host.yaml")

local function render(template, view)
  return mustache.render(template, view, nil, { escape = "yaml", name = "templates/x" })
end

-- Each case: what it shows, template, view, the text expected, the value it means (if given).
local function check(cases)
  for _, case in ipairs(cases) do
    local about, template, view, expected, meaning = table.unpack(case, 1, 5)
    it(about, function()
      local text = assert(render(template, view))
      assert.equal(expected, text)
      if meaning ~= nil then
        assert.same(meaning, assert(yaml.decode(text)))
      end
    end)
  end
end

local function fails(about, template, view, expected)
  it(about, function()
    local text, err = render(template, view)
    assert.is_nil(text)
    assert.equal(expected, err)
  end)
end

describe("a value that is a whole scalar", function()
  check({
    { "stays a number", "a: {{v}}\n", { v = 8080 }, "a: 8080\n", { a = 8080 } },
    { "stays a decimal", "a: {{v}}\n", { v = 1.21 }, "a: 1.21\n", { a = 1.21 } },
    { "stays a boolean", "a: {{v}}\n", { v = true }, "a: true\n", { a = true } },
    { "stays null", "a: {{v}}\n", { v = json.null }, "a: null\n", { a = json.null } },
    { "stays a plain string",
      "a: {{v}}\n", { v = "web-blue" }, "a: web-blue\n", { a = "web-blue" } },
    { "stays a string when it looks like a number", "a: {{v}}", { v = "8080" }, 'a: "8080"',
      { a = "8080" } },
    { "stays a string when it is a word with a meaning",
      "a: {{v}}\nb: {{w}}", { v = "yes", w = "~" },
      'a: "yes"\nb: "~"', { a = "yes", b = "~" } },
    { "stays a string when it is empty", "a: {{v}}", { v = "" }, 'a: ""', { a = "" } },
    { "is quoted when it has signs of YAML", "a: {{v}}", { v = "x: y # z" }, 'a: "x: y # z"',
      { a = "x: y # z" } },
    { "is quoted and escaped when it has line breaks", "a: {{v}}", { v = 'b\n"c"\\\0' },
      'a: "b\\n\\"c\\"\\\\\\0"', { a = 'b\n"c"\\\0' } },
    { "is nothing when it is missing",
      "a: {{v}}\nb: 1", {}, "a: \nb: 1", { a = json.null, b = 1 } },
    { "is null within brackets when it is missing", "a: [{{v}}, {{v}}]\nb: { c: {{v}} }", {},
      "a: [null, null]\nb: { c: null }",
      { a = { json.null, json.null }, b = { c = json.null } } },
    { "may be followed by a comment", "a: {{v}} # c: d\n", { v = "- x" }, 'a: "- x" # c: d\n',
      { a = "- x" } },
    { "may be an entry", "- {{v}}\n- - {{w}}\n", { v = "- x", w = 1 }, '- "- x"\n- - 1\n' },
    { "may be a key", "{{v}}: {{w}}\n", { v = "a: b", w = 1 }, '"a: b": 1\n', { ["a: b"] = 1 } },
    { "may be a key within braces", "a: { {{v}}: 1, b: {{v}} }", { v = "x, y" },
      'a: { "x, y": 1, b: "x, y" }', { a = { ["x, y"] = 1, b = "x, y" } } },
    { "may be on a line of its own",
      "a:\n  {{v}}\nb: 1\n", { v = "x: y" }, 'a:\n  "x: y"\nb: 1\n' },
    { "may be a whole document", "{{v}}", { v = "--- x" }, '"--- x"', "--- x" },
    { "may end without a line break", "a: {{v}}", { v = "x y" }, 'a: "x y"' },
    { "may stand within a section", "a: {{#v}}{{.}}{{/v}}\n", { v = "x: y" }, 'a: "x: y"\n' },
    { "may repeat within brackets", "a: [{{#l}}{{.}}, {{/l}}]\n", { l = { "x", "1", 2, "]" } },
      'a: [x, "1", 2, "]", ]\n', { a = { "x", "1", 2, "]" } } },
    { "is followed through marks that wait for white space", "-{{#y}} {{v}}{{/y}}\n",
      { y = true, v = "a: b" }, '- "a: b"\n' },
    { "is followed through keys that wait for white space", "a:{{#y}} {{v}}{{/y}}\n",
      { y = true, v = "a: b" }, 'a: "a: b"\n' },
    { "is escaped beyond the end of a quoted key", '"a":{{#y}} {{v}}{{/y}}\n',
      { y = true, v = "a: b" }, '"a": "a: b"\n' },
  })
end)

describe("a value that is a part of a bare scalar", function()
  check({
    { "is beside the text when it is plain",
      "a: web-{{v}}-x\n", { v = "blue" }, "a: web-blue-x\n" },
    { "may be a number with a unit", "a: {{v}}s\n", { v = 15 }, "a: 15s\n", { a = "15s" } },
    { "may be a number made of numbers", "a: {{v}}.{{w}}\n", { v = 1, w = 5 }, "a: 1.5\n",
      { a = 1.5 } },
    { "has the whole of it quoted when it would change it", "a: x {{v}} y # z\n", { v = "b: c" },
      'a: "x b: c y" # z\n', { a = "x b: c y" } },
    { "makes it a string when it is one", "a: {{v}}{{w}}\n", { v = "1", w = "2" }, 'a: "12"\n',
      { a = "12" } },
    { "makes it a string when it becomes a word with a meaning", "a: n{{v}}\n", { v = "ull" },
      'a: "null"\n', { a = "null" } },
    { "may begin with a sign of the template", "a: *{{v}}\nb: -{{v}}\nc: -{{n}}\n",
      { v = "x", n = 5 }, 'a: *x\nb: "-x"\nc: -5\n' },
    { "may be followed by what would be a sign behind nothing", "a: {{v}}#x\nb: {{w}}#x\n",
      { v = "", w = "w" }, 'a: "#x"\nb: "w#x"\n', { a = "#x", b = "w#x" } },
    { "may be empty", "a: x{{v}}\nb: x {{v}}\nc: {{v}}x\n", {}, "a: x\nb: x \nc: x\n",
      { a = "x", b = "x", c = "x" } },
    { "may be a part of a key", "x{{v}}: 1\nb: { {{v}}y: 2 }\n", { v = "a: " },
      '"xa: ": 1\nb: { "a: y": 2 }\n', { ["xa: "] = 1, b = { ["a: y"] = 2 } } },
    { "does not make a key of a colon before it", "a:{{v}}\n", { v = "b" }, '"a:b"\n', "a:b" },
    { "stands on a later line of a scalar", "a: b\n  c {{v}}\n", { v = "d" }, "a: b\n  c d\n",
      { a = "b c d" } },
  })
  fails("is refused on a later line when it is not plain", "a: b\n  c {{v}}\n", { v = "d: e" },
    "templates/x:2: {{v}}: the value cannot stand within a bare scalar of several lines: "
      .. "expected quotes")
end)

describe("a value within quotes", function()
  check({
    { "is escaped within double ones", 'a: "x {{v}} y"\n', { v = 'b"\\\n\u{85}\u{2028}\127' },
      'a: "x b\\"\\\\\\n\\u0085\\u2028\\u007F y"\n', { a = 'x b"\\\n\u{85}\u{2028}\127 y' } },
    { "is text, whatever its type", 'a: "{{v}}"\n', { v = 1 }, 'a: "1"\n', { a = "1" } },
    { "keeps white space that a line break would swallow", 'a: "{{v}}\n  {{v}}"\n', { v = " x " },
      'a: "\\x20x\\x20\n  \\x20x\\x20"\n', { a = " x   x " } },
    { "may stand within braces", '{"a": "{{v}}", "b":{{w}}}', { v = '", c: "', w = 'x"' },
      '{"a": "\\", c: \\"", "b":"x\\""}', { a = '", c: "', b = 'x"' } },
    { "is doubled within single ones", "a: '{{v}} it''s'\n", { v = "b'c\\" }, "a: 'b''c\\ it''s'\n",
      { a = "b'c\\ it's" } },
    { "may be nothing", "a: \"{{v}}\"\nb: '{{v}}'\n", {}, "a: \"\"\nb: ''\n", { a = "", b = "" } },
    { "may end with white space before text of the line, whatever breaks the line after that",
      "a: '{{v}}b{{! c }}\n  d'\n", { v = "x " }, "a: 'x b\n  d'\n", { a = "x b d" } },
  })
  fails("is refused within single ones when it has a line break", "\na: '{{v}}'\n", { v = "a\nb" },
    "templates/x:2: {{v}}: the value holds a line break or control character, which single quotes"
      .. " cannot hold: expected double quotes")
  fails("is refused behind a backslash", 'a: "\\{{v}}"\n', { v = "n" },
    "templates/x:1: {{v}}: stands behind a backslash: expected a character of the template there")
  fails("is refused behind the quotes", 'a: "b"{{v}}\n', { v = "c" }, "templates/x:1: {{v}}: no "
    .. "value can stand here: expected it within the quotes, or on a place of its own")
  fails("is refused when it is not UTF-8", 'a: "{{v}}"\n', { v = "\xFF" },
    "templates/x:1: {{v}}: the value is not UTF-8, which YAML cannot hold")
  fails("is refused when a line break would swallow its end", "a: 'x {{v}}\n  y'\n", { v = "b " },
    "templates/x:1: a value with white space at its end, before a line break within single quotes:"
      .. " expected double quotes")
end)

describe("a value elsewhere", function()
  check({
    { "cannot end a comment", "a: 1 # {{v}}\n# {{v}}\n", { v = "x\nb: 2" },
      "a: 1 # x\\x0Ab: 2\n# x\\x0Ab: 2\n", { a = 1 } },
    { "is a line of a block scalar", "a: |\n  {{v}}\n  # {{v}}\nb: {{v}}\n", { v = "x: y" },
      'a: |\n  x: y\n  # x: y\nb: "x: y"\n', { a = "x: y\n# x: y\n", b = "x: y" } },
    { "is a line of a block scalar in a list", "- a: |2-\n     {{v}}\n  b: {{v}}\n",
      { v = "x: y" }, '- a: |2-\n     x: y\n  b: "x: y"\n' },
    { "may name an anchor", "a: &{{v}} 1\nb: *{{v}}\n", { v = "x" }, "a: &x 1\nb: *x\n",
      { a = 1, b = 1 } },
    { "is as it is between three braces", "a: {{{v}}}\nb: {{&v}}{{w}}\n", { v = "[1, 2]", w = "" },
      "a: [1, 2]\nb: [1, 2]\n", { a = { 1, 2 }, b = { 1, 2 } } },
    { "is escaped for where a raw value leads", 'a: {{{q}}}{{v}}"\n', { q = '"', v = '"' },
      'a: "\\""\n' },
    { "is escaped for where a partial's section leads", 'a: {{#q}}"{{/q}}{{v}}{{#q}}"{{/q}}\n',
      { q = true, v = '"' }, 'a: "\\""\n' },
    { "is bare where the section is left out", 'a: {{#q}}"{{/q}}{{v}}{{#q}}"{{/q}}\n',
      { v = '"' }, 'a: "\\""\n' },
    { "leads a second document",
      "a: {{v}}\n---\n{{v}}\n", { v = "---" }, 'a: "---"\n---\n"---"\n' },
  })
  fails("is refused in a block scalar when it has a line break", "a: |\n  {{v}}\n", { v = "a\nb" },
    "templates/x:2: {{v}}: the value holds a line break or control character, which a block scalar "
      .. "cannot hold: expected double quotes")
  fails("is refused in a block scalar when it would change its indentation", "a: |\n  {{v}}\n",
    { v = " a" }, "templates/x:2: {{v}}: a value with white space at its start would change a "
      .. "block scalar's indentation: expected double quotes")
  fails("is refused in an anchor when it is no word", "a: &{{v}} 1\n", { v = "a b" },
    "templates/x:1: {{v}}: the value cannot stand in an anchor, alias or tag: "
      .. "expected letters, digits, - and _")
  fails("is refused beside the sign of a block scalar", "a: |{{v}}\n  b\n", { v = 2 },
    "templates/x:1: {{v}}: no value can stand here: expected it within the quotes, or on a place "
      .. "of its own")
  fails("is refused in a directive", "%YAML {{v}}\n---\n", { v = "1.2" },
    "templates/x:1: {{v}}: no value can stand here: expected it within the quotes, or on a place "
      .. "of its own")
end)

it("partials are escaped for where they stand", function()
  local text = assert(mustache.render("a:\n  {{>p}}\nb: '{{>q}}'\n", { v = "x: 'y'" },
    { p = "- {{v}}\n- \"{{v}}\"\n", q = "{{v}}" }, { escape = "yaml" }))
  assert.equal("a:\n  - \"x: 'y'\"\n  - \"x: 'y'\"\nb: 'x: ''y'''\n", text)
end)

it("the templates of older versions go on working", function()
  local text = assert(render(table.concat({
    "clusters:", "{{#clusters}}", "  - name: {{name}}", "    hosts:", "{{#endpoints}}",
    "      - socket_address: { address: {{ipv4}}, port_value: {{port}} }", "{{/endpoints}}",
    "{{/clusters}}", 'routes: [{ match: { prefix: "{{route_path}}" } }]', "" }, "\n"),
    { route_path = "/a", clusters = {
      { name = "web-blue@x.local", endpoints = { { ipv4 = "10.0.0.1", port = 80 } } } } }))
  assert.same({
    clusters = { { name = "web-blue@x.local",
      hosts = { { socket_address = { address = "10.0.0.1", port_value = 80 } } } } },
    routes = { { match = { prefix = "/a" } } },
  }, assert(yaml.decode(text)))
end)

it("20,000 endpoints are rendered in little time", function()
  local endpoints = {}
  for i = 1, 20000 do
    endpoints[i] = { address = "10.0." .. i // 256 .. "." .. i % 256, port = i }
  end
  local started = os.clock()
  local text = assert(render(
    "a:\n{{#e}}\n  - address: \"{{address}}\"\n    port: {{port}}\n{{/e}}\n",
    { e = endpoints }))
  assert.is_true(#text > 700000)
  -- Some 0.05 s on an ordinary machine; the limit is for the slowest and for sanitizers.
  assert.is_true(os.clock() - started < 5)
end)
