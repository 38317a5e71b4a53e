-- Values in each place of a JSON template.
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")

local function render(template, view)
  return mustache.render(template, view, nil, { escape = "json", name = "templates/x" })
end

local function check(cases)
  for _, case in ipairs(cases) do
    local about, template, view, expected, meaning = table.unpack(case, 1, 5)
    it(about, function()
      local text = assert(render(template, view))
      assert.equal(expected, text)
      if meaning ~= nil then
        assert.same(meaning, assert(json.decode(text)))
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

describe("a value in JSON", function()
  check({
    { "is a literal of its type when bare", "[{{s}}, {{n}}, {{f}}, {{t}}]",
      { s = "x", n = 80, f = 1.21, t = true }, '["x", 80, 1.21, true]', { "x", 80, 1.21, true } },
    { "is null when it is null or missing", "[{{a}}, {{b}}]", { a = json.null }, "[null, null]" },
    { "may be a key", "{ {{k}}: 1}", { k = 'a"b' }, '{ "a\\"b": 1}', { ['a"b'] = 1 } },
    { "is escaped within a string", '{"a": "x {{v}} y"}', { v = 'b"\\\n\0\t' },
      '{"a": "x b\\"\\\\\\n\\u0000\\t y"}', { a = 'x b"\\\n\0\t y' } },
    { "is text within a string, whatever its type", '["{{n}}{{t}}{{z}}"]', { n = 1, t = true },
      '["1true"]' },
    { "is bare again behind a string with escapes", '["\\"\\\\", {{v}}]', { v = "x" },
      '["\\"\\\\", "x"]' },
    { "is escaped for where a raw value leads", "[{{{q}}}{{v}}{{{q}}}]", { q = '"', v = '"' },
      '["\\""]' },
    { "is escaped for where a section leads", '[{{#q}}"{{/q}}{{v}}{{#q}}"{{/q}}]',
      { q = true, v = '"' }, '["\\""]' },
    { "is as it is between three braces", '{"a": {{{v}}}}', { v = "[1]" }, '{"a": [1]}' },
  })
  fails("is refused behind a backslash", '["\\{{v}}"]', { v = "n" },
    "templates/x:1: {{v}}: stands behind a backslash: expected a character of the template there")
  fails("is refused when it is not UTF-8", '\n[{{v}}]', { v = "\xFF" },
    "templates/x:2: {{v}}: the value is not UTF-8, which JSON cannot hold")
  fails("is refused when it is a list", "[{{v}}]", { v = { 1 } },
    "templates/x:1: {{v}}: is a list or an object: expected a single value")
  fails("is refused as it is, too, when it is a list", "[{{{v}}}]", { v = { 1 } },
    "templates/x:1: {{v}}: is a list or an object: expected a single value")
  check({
    { "of quotes alone is escaped without a look at each character", '["{{v}}"]', { v = 'a"b' },
      '["a\\"b"]', { 'a"b' } },
    { "is escaped behind a backslash of the value before it", '["{{{r}}}n{{v}}"]',
      { r = "\\", v = '"' }, '["\\n\\""]', { '\n"' } },
    { "keeps all digits that a number needs", "[{{v}}]", { v = 0.1 + 0.2 },
      "[0.30000000000000004]" },
  })
  fails("is refused when the number is not finite", "[{{v}}]", { v = math.huge },
    "templates/x:1: {{v}}: the number is not finite")
end)
