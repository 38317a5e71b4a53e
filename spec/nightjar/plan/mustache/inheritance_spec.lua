-- Parents, blocks, and where the lines of an override go.
local mustache = require("nightjar.plan.mustache")

local function check(cases)
  for _, case in ipairs(cases) do
    local about, template, partials, expected, view = table.unpack(case, 1, 5)
    it(about, function()
      assert.equal(expected, assert(mustache.render(template, view or {}, partials)))
    end)
  end
end

describe("blocks", function()
  check({
    { "show what they hold", "{{$t}}title{{/t}}\n", {}, "title\n" },
    { "show values", "{{$t}}a {{v}} b{{/t}}", {}, "a x b", { v = "x" } },
    { "show values as they are", "{{$t}}a {{{v}}}{{&v}} b{{/t}}", {}, "a << b", { v = "<" } },
    { "show sections", "{{$t}}a {{#o}}{{v}}{{/o}} b{{/t}}", {}, "a x b", { o = { v = "x" } } },
    { "show inverted sections", "{{$t}}a {{^o}}{{v}}{{/o}} b{{/t}}", {}, "a x b", { v = "x" } },
    { "do not read values as templates", "{{$t}}{{v}}{{/t}}", {}, "{{w}}", { v = "{{w}}", w = 1 } },
  })
end)

describe("parents", function()
  check({
    { "show their blocks", "{{<p}}{{/p}}", { p = "{{$b}}own{{/b}}" }, "own" },
    { "have their blocks overridden", "{{<p}}{{$b}}new{{/b}}{{/p}}", { p = "-{{$b}}own{{/b}}-" },
      "-new-" },
    { "have one block overridden and not the other", "{{<p}}{{$b}}new{{/b}}{{/p}}",
      { p = "{{$a}}A{{/a}}, {{$b}}B{{/b}}" }, "A, new" },
    { "may be used twice in different ways",
      "{{<p}}{{$b}}1{{/b}}{{/p}} {{<p}}{{$b}}2{{/b}}{{/p}}\n", { p = "|{{$b}}{{/b}}|" },
      "|1| |2|\n" },
    { "have blocks that are not in the view", "{{<p}}{{$b}}new{{/b}}{{/p}}{{<p}}{{/p}}",
      { p = "{{$b}}own{{/b}}" }, "newown", { b = "view" } },
    { "are partials when nothing is overridden", "{{>p}}|{{<p}}{{/p}}", { p = "{{$b}}own{{/b}}" },
      "own|own" },
    { "that are missing are nothing", "[{{<p}}{{$b}}x{{/b}}{{/p}}]", {}, "[]" },
    { "ignore text between their blocks", "{{<p}} a {{$b}}x{{/b}} {{v}} c {{/p}}",
      { p = "{{$b}}{{/b}}" }, "x", { v = "no" } },
    { "see overrides in the context of their blocks", "{{<p}}{{$b}}{{f}}{{/b}}{{/p}}",
      { p = "{{#o}}{{$b}}{{/b}}{{/o}}" }, "in", { f = "out", o = { f = "in" } } },
    { "of parents are overridden from outside", "{{<a}}{{$x}}1{{/x}}{{/a}}",
      { a = "{{<b}}{{$x}}2{{/x}}{{/b}}", b = "{{<c}}{{$x}}3{{/x}}{{/c}}", c = "{{$x}}4{{/x}}" },
      "1" },
    { "of parents are overridden from the outermost that does", "{{<a}}{{/a}}",
      { a = "{{<b}}{{$x}}2{{/x}}{{/b}}", b = "{{<c}}{{$x}}3{{/x}}{{/c}}", c = "{{$x}}4{{/x}}" },
      "2" },
    { "may come back to themselves", "{{<a}}{{$x}}1{{/x}}{{/a}}", {
      a = "{{$x}}a{{/x}} {{$y}}{{<b}}{{/b}}{{/y}}",
      b = "{{$x}}b{{/x}} {{<a}}{{$y}}end{{/y}}{{/a}}" }, "1 1 1 end" },
    { "keep delimiters of overrides", "{{=| |=}}|<p||$b||v|{{v}}|/b||/p|", { p = "{{$b}}{{/b}}" },
      "1{{v}}", { v = 1 } },
    { "pass their blocks on to partials", "{{<p}}{{$b}}new{{/b}}{{/p}}",
      { p = "{{>q}}", q = "{{$b}}own{{/b}}" }, "new" },
  })
end)

describe("lines of overrides", function()
  check({
    { "are kept", "{{<p}}{{$b}}\none\n\n(\n{{/b}}{{/p}}", { p = "{{$b}}{{/b}}" }, "one\n\n(\n" },
    { "stand where the block stood", "{{<p}}{{$b}}new{{/b}}{{/p}}",
      { p = "a:\n  {{$b}}own{{/b}}\n" },
      "a:\n  new\n" },
    { "are indented with a parent alone on its line", "a\n  {{<p}}{{/p}}\nb\n", { p = "1\n2\n" },
      "a\n  1\n  2\nb\n" },
    { "are indented with a parent on lines of its own",
      "a\n  {{<p}}\n    {{$b}}x{{/b}}\n  {{/p}}\nb\n", { p = "1\n{{$b}}{{/b}}\n" },
      "a\n  1\n  x\nb\n" },
    { "keep the white space of a parent beside text", "a {{<p}}{{/p}} \nb", { p = "1" },
      "a 1 \nb" },
    { "keep the lead of a parent with text behind", "  {{<p}}{{/p}} b\n", { p = "1" }, "  1 b\n" },
    { "are indented with a block alone on its line",
      "{{<p}}{{$b}}\none\ntwo{{/b}}\n{{/p}}\n", { p = "a\n  {{$b}}{{/b}}\n" },
      "a\n  one\n  two\n" },
    { "move from their own indentation to the block's",
      "{{<p}}{{$b}}\n      one\n        two\n{{/b}}{{/p}}\n",
      { p = "a\n  {{$b}}\n  {{/b}}\nb\n" }, "a\n  one\n    two\nb\n" },
    { "move to the indentation of what they replace", "{{<p}}{{$b}}\none\ntwo\n{{/b}}{{/p}}\n",
      { p = "a\n{{$b}}\n    own\n{{/b}}\n" }, "a\n    one\n    two\n" },
    { "move with the block around them", "{{<p}}{{$in}}\nx\n{{/in}}{{/p}}\n", {
      p = "{{<q}}{{$out}}\n    one\n    {{$in}}\n      own\n    {{/in}}\n{{/out}}{{/q}}\n",
      q = "{{$out}}own{{/out}}" }, "one\n  x\n" },
    { "end as on DOS", "{{<p}}{{$b}}\r\none\r\n{{/b}}\r\n{{/p}}\r\n",
      { p = " {{$b}}\r\n {{/b}}\r\n" },
      " one\r\n" },
    { "may be sections with lines of their own",
      "{{<p}}\n{{$b}}\n{{#l}}\n- {{.}}\n{{/l}}\n{{/b}}\n{{/p}}\n",
      { p = "a:\n  {{$b}}\n  {{/b}}\n" }, "a:\n  - 1\n  - 2\n", { l = { 1, 2 } } },
  })
end)

it("errors in overrides name the line where they are written", function()
  local text, err = mustache.render("{{<p}}\n{{$b}}\nx\n{{l}}\n{{/b}}\n{{/p}}", { l = { 1 } },
    { p = "\n\n\n{{$b}}{{/b}}" }, { name = "t" })
  assert.is_nil(text)
  assert.equal("t:4: {{l}}: is a list or an object: expected a single value", err)
end)
