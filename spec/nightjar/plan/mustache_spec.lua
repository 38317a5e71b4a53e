-- The mustache language as the standard describes it, lambdas, mistakes, and where lines come from.
local json = require("host.json")
local mustache = require("nightjar.plan.mustache")

-- Each case: what it shows, template, view, result, partials.
local function check(cases)
  for _, case in ipairs(cases) do
    local about, template, view, expected, partials = table.unpack(case, 1, 5)
    it(about, function()
      assert.equal(expected, assert(mustache.render(template, view, partials)))
    end)
  end
end

local function fails(about, template, expected, view, partials)
  it(about, function()
    local text, err = mustache.render(template, view or {}, partials, { name = "templates/x" })
    assert.is_nil(text)
    assert.equal(expected, err)
  end)
end

describe("values", function()
  check({
    { "leave text without tags alone", "a { b } c\n", {}, "a { b } c\n" },
    { "stand where their tag stood", "to {{who}}!", { who = "you" }, "to you!" },
    { "are not read as templates", "{{a}}", { a = "{{b}}", b = "no" }, "{{b}}" },
    { "are escaped for HTML", "{{a}}", { a = [[<i> & "b" 'c']] },
      "&lt;i&gt; &amp; &quot;b&quot; &#39;c&#39;" },
    { "stay as they are between three braces", "{{{a}}}", { a = "<&>" }, "<&>" },
    { "stay as they are behind an ampersand", "{{&a}}", { a = "<&>" }, "<&>" },
    { "of integers have no point", "{{a}} {{{a}}} {{&a}}", { a = 8080 }, "8080 8080 8080" },
    { "of large integers keep every digit", "{{a}}", { a = 9007199254740991 }, "9007199254740991" },
    { "of floats have the digits they need", "{{a}} {{{b}}} {{&c}}",
      { a = 1.21, b = 0.1 + 0.2, c = -2.5 }, "1.21 0.30000000000000004 -2.5" },
    { "of whole floats have no point", "{{a}}", { a = 3.0 }, "3" },
    { "of booleans are words", "{{a}} {{b}}", { a = true, b = false }, "true false" },
    { "that are null are nothing", "({{a}}{{{a}}}{{&a}})", { a = json.null }, "()" },
    { "that are missing are nothing", "({{a}}{{{a}}}{{&a}})", {}, "()" },
    { "keep the white space around them", "  {{a}} \n {{{a}}}\n\t{{&a}}\n", { a = "x" },
      "  x \n x\n\tx\n" },
    { "may have white space within their tags", "{{ a }}{{{ a }}}{{& a }}{{ & a }}", { a = "x" },
      "xxxx" },
  })
end)

describe("dotted names", function()
  check({
    { "go into objects", "{{a.b}} {{{a.b}}} {{&a.b}}", { a = { b = "<" } }, "&lt; < <" },
    { "go in to any depth", "{{a.b.c.d.e}}", { a = { b = { c = { d = { e = "deep" } } } } },
      "deep" },
    { "end where something is missing", "[{{a.b.c}}]", { a = {} }, "[]" },
    { "end at what is no object", "[{{a.len}}]", { a = "text" }, "[]" },
    { "do not go back to outer contexts halfway", "[{{a.b.name}}]",
      { a = { b = {} }, name = "outer" }, "[]" },
    { "find their first part in any context", "{{#x}}{{a.b}}{{/x}}",
      { x = { y = 1 }, a = { b = "found" } }, "found" },
    { "are bound to the nearest context that has the first part", "[{{#x}}{{a.b}}{{/x}}]",
      { x = { a = { c = 1 } }, a = { b = "outer" } }, "[]" },
    { "are never one key", "[{{a.b}}]", { ["a.b"] = "wrong" }, "[]" },
    { "are not hidden by such a key", "{{a.b}}", { ["a.b"] = "wrong", a = { b = "right" } },
      "right" },
    { "open sections", "{{#a.b}}yes{{/a.b}}{{^a.b}}no{{/a.b}}", { a = { b = true } }, "yes" },
    { "open inverted sections", "{{^a.b}}no{{/a.b}}{{^a.c}}nor{{/a.c}}", { a = { b = false } },
      "nonor" },
    { "that break off are false", "{{#a.b.c}}yes{{/a.b.c}}{{^a.b.c}}no{{/a.b.c}}", { a = {} },
      "no" },
  })
end)

describe("sections", function()
  check({
    { "are rendered when true", "<{{#a}}x{{/a}}>", { a = true }, "<x>" },
    { "are left out when false", "<{{#a}}x{{/a}}>", { a = false }, "<>" },
    { "are left out when null", "<{{#a}}x{{/a}}>", { a = json.null }, "<>" },
    { "are left out when missing", "<{{#a}}x{{/a}}>", {}, "<>" },
    { "are left out for the empty string, zero and the empty object", "<{{#a}}x{{/a}}{{#b}}x{{/b}}"
      .. "{{#c}}x{{/c}}>", { a = "", b = 0, c = {} }, "<>" },
    { "put an object on top of the context", "{{#a}}{{b}}{{/a}}", { a = { b = "in" }, b = "out" },
      "in" },
    { "still see what is outside", "{{#a}}{{c}}{{/a}}", { a = { b = 1 }, c = "out" }, "out" },
    { "test a string and show it", "{{#a}}{{a}} {{.}}{{/a}}", { a = "x" }, "x x" },
    { "repeat over lists", "{{#a}}{{n}};{{/a}}", { a = { { n = 1 }, { n = 2 } } }, "1;2;" },
    { "are left out for empty lists", "<{{#a}}x{{/a}}>", { a = json.array({}) }, "<>" },
    { "see every context from within nested lists", "{{#a}}{{#b}}{{x}}{{y}}{{z}} {{/b}}{{/a}}",
      { x = 1, a = { { y = 2, b = { { z = 3 }, { z = 4 } } } } }, "123 124 " },
    { "nest to a depth", "{{#a}}{{#b}}{{#c}}{{d}}{{/c}}{{/b}}{{d}}{{/a}}",
      { a = { b = { c = { d = "in" } }, d = "mid" } }, "inmid" },
    { "may follow one another", "{{#a}}1{{/a}}{{b}}{{#a}}2{{/a}}", { a = true, b = "-" }, "1-2" },
    { "may be true within true", "|{{#a}}x{{#a}}y{{/a}}z{{/a}}|", { a = true }, "|xyz|" },
    { "may be false within true", "|{{#a}}x{{#b}}y{{/b}}z{{/a}}|", { a = true }, "|xz|" },
    { "go over strings by a point", "{{#a}}({{.}}){{/a}}", { a = { "x", "y" } }, "(x)(y)" },
    { "go over integers by a point", "{{#a}}({{.}}){{/a}}", { a = { 1, 2 } }, "(1)(2)" },
    { "go over decimals by a point", "{{#a}}({{.}}){{/a}}", { a = { 1.1, 2.25 } }, "(1.1)(2.25)" },
    { "go over lists of lists", "{{#a}}({{#.}}{{.}}{{/.}}){{/a}}", { a = { { 1, 2 }, { 3 } } },
      "(12)(3)" },
    { "escape what a point shows", "{{#a}}{{.}}{{{.}}}{{&.}}{{/a}}", { a = { "<" } }, "&lt;<<" },
    { "go over a view that is a list", "{{#.}}{{n}}{{/.}}", { { n = 1 }, { n = 2 } }, "12" },
    { "keep the white space around their tags", " {{#a}} x\t{{/a}}\n", { a = true }, "  x\t\n" },
    { "keep the white space within", "|{{#a}} {{! c }}\n {{/a}} |\n", { a = true }, "| \n  |\n" },
    { "may have white space in their tags", "{{# a }}x{{/ a }}", { a = true }, "x" },
  })
end)

describe("inverted sections", function()
  check({
    { "are rendered when false, null, missing or empty",
      "{{^a}}1{{/a}}{{^b}}2{{/b}}{{^c}}3{{/c}}{{^d}}4{{/d}}",
      { a = false, b = json.null, d = json.array({}) }, "1234" },
    { "are left out when true, an object or a list", "<{{^a}}x{{/a}}{{^b}}x{{/b}}{{^c}}x{{/c}}>",
      { a = true, b = { c = 1 }, c = { 1 } }, "<>" },
    { "may follow one another", "{{^a}}1{{/a}}-{{^a}}2{{/a}}", { a = false }, "1-2" },
    { "may be false within false", "|{{^a}}x{{^a}}y{{/a}}z{{/a}}|", { a = false }, "|xyz|" },
    { "may be true within false", "|{{^a}}x{{^b}}y{{/b}}z{{/a}}|", { b = true }, "|xz|" },
    { "leave no line of their tags", "a\n{{^no}}\nb\n  {{/no}}\nc", {}, "a\nb\nc" },
    { "may have white space in their tags", "{{^ a }}x{{/ a }}", {}, "x" },
  })
end)

describe("tags with a line for themselves", function()
  check({
    { "leave no line", "a\n{{#y}}\nb\n{{/y}}\nc\n", { y = true }, "a\nb\nc\n" },
    { "leave no line when indented", "a\n  {{#y}}\nb\n\t{{/y}}\nc\n", { y = true }, "a\nb\nc\n" },
    { "leave no line that ends as on DOS", "a\r\n{{#y}}\r\n{{/y}}\r\nb", { y = true }, "a\r\nb" },
    { "need no line before", "  {{#y}}\nx{{/y}}\ny", { y = true }, "x\ny" },
    { "need no line after", "x{{#y}}\ny\n  {{/y}}", { y = true }, "x\ny\n" },
    { "keep their lines when there is something beside", " {{#y}}a{{/y}}\n {{#y}}b{{/y}}\n",
      { y = true }, " a\n b\n" },
    { "are comments too", "a\n  {{! c }}\nb\n{{! of\ntwo lines }}\nc\n{{! end }}", {},
      "a\nb\nc\n" },
    { "are changes of delimiters too", "a\n  {{=<% %>=}}\nb\n<%={{ }}=%>\nc", {}, "a\nb\nc" },
    { "are not values", "a\n  {{v}}\nb", { v = "x" }, "a\n  x\nb" },
  })
end)

describe("comments", function()
  check({
    { "are left out", "a{{! nothing }}b{{!x}}c", {}, "abc" },
    { "may span lines", "a{{! one\n two }}b", {}, "ab" },
    { "keep the white space around them", "1 {{! a }} 2\n", {}, "1  2\n" },
    { "are not values of that name", "<{{! x }}{{!x}}>", { x = 1, ["! x"] = 2, ["!x"] = 3 }, "<>" },
    { "beside text keep their line", "  1 {{! a\n b }}\n", {}, "  1 \n" },
  })
end)

describe("delimiters", function()
  check({
    { "may be changed", "{{=<% %>=}}<%a%>{{a}}", { a = 1 }, "1{{a}}" },
    { "may be any signs", "({{=[ ]=}}[a])", { a = 1 }, "(1)" },
    { "last beyond the section in which they were changed",
      "{{#s}}\n{{a}}\n|a|\n{{/s}}\n{{= | | =}}\n|#s|\n{{a}}\n|a|\n|/s|\n", { s = true, a = 1 },
      "1\n|a|\n{{a}}\n1\n" },
    { "are back to the usual in partials", "{{=| |=}}|>p|", { a = 1 }, "1|a|", { p = "{{a}}|a|" } },
    { "of a partial end with it", "{{>p}}{{a}}<a>", { a = 1 }, "1{{a}}1<a>",
      { p = "{{=< >=}}<a>{{a}}" } },
    { "keep the white space around their change", "| {{=@ @=}} |", {}, "|  |" },
    { "may have more white space between", "|{{=  @   @  =}}|", {}, "||" },
    { "hold in inverted sections", "{{=| |=}}|^a|x{{a}}|/a|", {}, "x{{a}}" },
  })
end)

describe("partials", function()
  check({
    { "are put in place", "[{{>p}}]", {}, "[text]", { p = "text" } },
    { "that are missing are nothing", "[{{>p}}]", {}, "[]", {} },
    { "see the context", "{{#a}}{{>p}}{{/a}}", { a = { b = "x" } }, "x", { p = "{{b}}" } },
    { "may hold themselves", "{{>p}}", { c = 1, n = { { c = 2, n = json.array({}) } } }, "1<2<>>",
      { p = "{{c}}<{{#n}}{{>p}}{{/n}}>" } },
    { "may hold others", "{{>a}}", { x = 1 }, "(1)", { a = "({{>b}})", b = "{{x}}" } },
    { "keep the white space around them", "| {{>p}} |", {}, "| \t|\t |", { p = "\t|\t" } },
    { "beside text are not indented", "  {{x}}  {{> p}}\n", { x = "|" }, "  |  >\n>\n",
      { p = ">\n>" } },
    { "alone on a line are indented, lines of values are not", "a\n {{>p}}\nb\n",
      { v = "<\n->" }, "a\n |\n <\n->\n |\nb\n", { p = "|\n{{{v}}}\n|\n" } },
    { "alone on a line leave none", "a\r\n{{>p}}\r\nb", {}, "a\r\n>b", { p = ">" } },
    { "alone need no line before", "  {{>p}}\n>", {}, "  >\n  >>", { p = ">\n>" } },
    { "alone need no line after", ">\n  {{>p}}", {}, ">\n  >\n  >", { p = ">\n>" } },
    { "add up their indentation", " {{>a}}\n", {}, " (\n   x\n )\n",
      { a = "(\n  {{>b}}\n)\n", b = "x\n" } },
    { "may have white space in their tags", "|{{> p }}|", {}, "|[]|", { p = "[]" } },
  })
  it("may come from a function, which names their files", function()
    local function find(name)
      return name == "p" and "\n{{#a}}" or nil, "partials/p.mustache"
    end
    local text, err = mustache.render("{{>p}}", {}, find)
    assert.is_nil(text)
    assert.equal("partials/p.mustache:2: {{#a}} is not closed: expected {{/a}}", err)
  end)
  it("that are missing are an error to the strict", function()
    local text, err = mustache.render("\n{{>p}}", {}, {}, { name = "t", strict = true })
    assert.is_nil(text)
    assert.equal('t:2: {{p}}: there is no partial "p"', err)
  end)
end)

describe("a name that stands for nothing", function()
  local function strict(template, view)
    return mustache.render(template, view, {}, { name = "t", strict = true })
  end

  it("is an error to the strict, who hear of the nearest name", function()
    local view = { admin_port = 1, list = { { name = "a" } } }
    local function why(template) return (select(2, strict(template, view))) end
    assert.equal('t:2: {{admin_prot}}: there is no such field; did you mean "admin_port"?',
      why("\n{{admin_prot}}"))
    assert.equal('t:1: {{nmae}}: there is no such field; did you mean "name"?',
      why("{{#list}}{{{nmae}}}{{/list}}"))
    assert.equal("t:1: {{list.zzzzzzzz}}: there is no such field", why("{{&list.zzzzzzzz}}"))
  end)

  it("is no error when it is there and empty, nor in a section", function()
    assert.equal("[][][false]", strict("[{{a}}][{{b}}][{{c}}]{{#d}}x{{/d}}{{^d}}{{/d}}",
      { a = "", b = json.null, c = false }))
  end)
end)

describe("partials by a name from the view", function()
  local text = { p = "*{{t}}*" }
  check({
    { "are found", "[{{>*n}}]", { n = "p", t = "x" }, "[*x*]", text },
    { "have a star that is no part of the name", "[{{>*n}}]", { n = "p", ["*n"] = "q" }, "[**]",
      text },
    { "whose name is missing are nothing", "[{{>*n}}]", {}, "[]", text },
    { "that are missing are nothing", "[{{>*n}}]", { n = "q" }, "[]", text },
    { "may have a dotted name", "{{>*a.b}}", { a = { b = "p" }, t = 1 }, "*1*", text },
    { "do not put the objects of a dotted name on the context", "{{>*a.b}}",
      { a = { b = "p", t = "in" } }, "**", text },
    { "are looked up from where they stand", "{{#s}}{{>*a.n}}{{/s}}",
      { s = { 1, 2 }, a = { n = "p", t = "in" } }, "****", text },
    { "are looked up once", "[{{>**n}}]", { n = "m", m = "p" }, "[]", text },
    { "have no star within", "[{{>*a.*b}}]", { a = "c", b = "d", c = { d = "p" } }, "[]", text },
    { "alone on a line are indented", " {{>*n}}\nb", { n = "q" }, " 1\n 2\nb", { q = "1\n2\n" } },
    { "alone need no line after", "a\n  {{>*n}}", { n = "q" }, "a\n  1\n  2", { q = "1\n2" } },
    { "may have white space in their tags", "|{{> * n }}|", { n = "q" }, "|-|", { q = "-" } },
    { "may be parents", "{{<*n}}{{$b}}x{{/b}}{{/*n}}", { n = "q" }, "(x)",
      { q = "({{$b}}{{/b}})" } },
  })
end)

describe("lambdas", function()
  local function counter()
    local count = 0
    return function()
      count = count + 1
      return count
    end
  end
  local function twice(text)
    return text .. "{{x}}|x|" .. text
  end
  check({
    { "give a value", "{{f}}!", { f = function() return "x" end }, "x!" },
    { "give a template", "{{f}}!", { f = function() return "{{x}}" end, x = 1 }, "1!" },
    { "give a template with the usual delimiters", "{{=| |=}}|&f|",
      { f = function() return "|x| {{x}}" end, x = 1 }, "|x| 1" },
    { "are called each time", "{{f}} {{{f}}} {{f}}", { f = counter() }, "1 2 3" },
    { "have their values escaped", "{{f}}{{{f}}}", { f = function() return ">" end }, "&gt;>" },
    { "of sections get the text as it is written", "<{{#f}}{{x}} {{/f}}>",
      { f = function(text) return text == "{{x}} " and "yes" or "no" end }, "<yes>" },
    { "of sections give a template", "<{{#f}}-{{/f}}>", { f = twice, x = 1 }, "<-1|x|->" },
    { "of sections give a template with the delimiters there", "{{=| |=}}<|#f|-|/f|>",
      { f = twice, x = 1 }, "<-{{x}}1->" },
    { "of sections are called each time", "{{#f}}a{{/f}}{{#f}}b{{/f}}",
      { f = function(text) return "_" .. text .. "_" end }, "_a__b_" },
    { "are true", "<{{^f}}x{{/f}}>", { f = function() return false end }, "<>" },
  })
end)

describe("mistakes in templates", function()
  fails("name an unclosed tag", "a\n{{b", "templates/x:2: the tag {{b is not closed: expected }}")
  fails("name an unclosed tag of three braces", "{{{b}}",
    "templates/x:1: the tag {{{b}} is not closed: expected }}}")
  fails("name an unclosed section", "a\n\n{{#b}}\n{{/b}}{{^c}}",
    "templates/x:4: {{^c}} is not closed: expected {{/c}}")
  fails("name an unclosed section behind a line of its own", "a\n{{#b}}\nx",
    "templates/x:2: {{#b}} is not closed: expected {{/b}}")
  fails("name what is closed instead", "{{#a}}\n{{#b}}\n{{/a}}",
    "templates/x:3: expected {{/b}} (for {{#b}} in line 2), got {{/a}}")
  fails("name what is closed but not open", "\n{{/a}}",
    "templates/x:2: {{/a}} closes nothing: expected {{#a}} before it")
  fails("name a tag without a name", "{{ }}",
    "templates/x:1: a tag without a name: expected one behind {{")
  fails("name a name with white space", "{{#a b}}",
    'templates/x:1: the name "a b" holds white space: expected {{#name}}')
  fails("name a name with a line's end on one line", "{{#a\nb}}",
    [[templates/x:1: the name "a\nb" holds white space: expected {{#name}}]])
  fails("name names as text, whatever stands in them", "{{/\27[31m\xff}}",
    [[templates/x:1: {{/\x1b[31m\xff}} closes nothing: expected {{#\x1b[31m\xff}} before it]])
  fails("name a bad change of delimiters", "{{=a=}}",
    "templates/x:1: a change of delimiters: expected {{=OPEN CLOSE=}}")
  fails("name a list where a value belongs", "\n{{a}}",
    "templates/x:2: {{a}}: is a list or an object: expected a single value", { a = { 1 } })
  fails("name a number that is not finite", "{{a}}",
    "templates/x:1: {{a}}: the number is not finite", { a = 1 / 0 })
  fails("end partials without end", "{{>p}}",
    "p:1: {{p}}: templates within templates, deeper than 100", {}, { p = " {{>p}}" })
  fails("end parents without end", "{{<p}}{{/p}}",
    "p:1: {{p}}: templates within templates, deeper than 100", {}, { p = "{{<p}}{{/p}}" })
  fails("end blocks that hold themselves", "{{<p}}{{$b}}{{$b}}{{/b}}{{/b}}{{/p}}",
    "templates/x:1: {{b}}: templates within templates, deeper than 100", {}, { p = "{{$b}}{{/b}}" })
  fails("end sections without end", ("{{#a}}"):rep(101), "templates/x:1: tags nest deeper than 100")
end)

describe("rendering", function()
  it("is quick with long lines", function()
    local started = os.clock()
    local text = assert(mustache.render(("{{#a}}x{{/a}} "):rep(20000), { a = true }))
    assert.equal(40000, #text)
    assert.is_true(os.clock() - started < 5)
  end)

  it("says where it is", function()
    local position, seen = {}, nil
    local view = { f = function()
      seen = position.file .. ":" .. position.line
      return ""
    end }
    assert(mustache.render("{{>p}}", view, { p = "\n\n{{f}}" }, { position = position }))
    assert.equal("p:3", seen)
  end)

  it("puts an element on top of the view", function()
    assert.equal("in out", mustache.render("{{a}} {{b}}", { a = "x", b = "out" }, nil,
      { element = { a = "in" } }))
  end)

  it("leaves a bug a bug", function()
    assert.has_error(function()
      mustache.render("{{f}}", { f = function() return nil + 1 end })
    end)
  end)

  it("finds the line of a template behind a line of the output", function()
    local template = "a\n{{#l}}\nb {{.}}\n{{/l}}\nc\n{{>p}}\n"
    local partials = { p = "d\ne\n" }
    local function at(line)
      return { mustache.locate(line, template, { l = { 1, 2 } }, partials, { name = "t" }) }
    end
    assert.same({ "t", 1 }, at(1))
    assert.same({ "t", 3 }, at(2))
    assert.same({ "t", 3 }, at(3))
    assert.same({ "t", 5 }, at(4))
    assert.same({ "p", 1 }, at(5))
    assert.same({ "p", 2 }, at(6))
  end)
end)
