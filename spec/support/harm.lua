-- Policies and templates that mean harm, as a table: what each does, its files, and what the log
-- must name (RELIABILITY 1 to 5). A policy's body begins on line 2 of policies/bad.lua.

local harm = {}

-- The text of a policy with this body, and with `before` on the line before it.
local function policy(body, before)
  return (before or "") .. 'return { about = "means harm", settings = {}, apply = '
    .. "function(mesh)\ndo " .. body .. " end\nreturn mesh end }\n"
end

-- A body, the lines that may be named, and a part of the message.
local function body(name, text, lines, message)
  return { name = name, files = { ["policies/bad.lua"] = policy(text) },
    place = "policies/bad.lua:" .. lines, message = message or "used more than" }
end

local function file(name, text, place, message)
  return { name = name, files = { ["policies/bad.lua"] = text }, place = place,
    message = message or "used more than" }
end

local INSTRUCTIONS, PROCESSOR, MEMORY = "used more than 100000000 instructions",
  "seconds of processor time", "needs more than 256 MiB"

-- Calls a metamethod that loops on line 3, by an expression of `t`.
local function metamethod(event, expression)
  return body("a loop in " .. event, ("local t = setmetatable({}, { %s = function()\n"
    .. "while true do end\nend })\n%s"):format(event, expression), "3", INSTRUCTIONS)
end

harm.loops = {
  body("a plain loop", "while true do end", "2", INSTRUCTIONS),
  body("a loop around pcall", "while true do\npcall(function() while true do end end)\nend", "3",
    INSTRUCTIONS),
  body("a loop of errors in pcall", "while true do pcall(error) end", "2"),
  body("a message handler that loops", "xpcall(error, function()\nwhile true do end\nend)", "3",
    INSTRUCTIONS),
  body("a goto that goes nowhere", "::again::\ngoto again", "3", INSTRUCTIONS),
  -- Calls are slow: either limit may come first.
  body("tail calls without end", "local function f()\nreturn f()\nend\nf()", "3"),
  body("a loop that copies long strings",
    "local s = ('x'):rep(1000000)\nwhile true do local t = s .. 'y' end", "3", PROCESSOR),
  body("a loop that makes small strings", "local i = 0\nwhile true do i = i + 1 local s = 'a' .. i "
    .. "end", "2|3"),
  metamethod("__index", "return t.x"),
  metamethod("__newindex", "t.x = 1"),
  metamethod("__len", "return #t"),
  metamethod("__concat", "return t .. 'x'"),
  metamethod("__eq", "return t == setmetatable({}, getmetatable(t))"),
  metamethod("__lt", "return t < t"),
  metamethod("__le", "return t <= t"),
  metamethod("__call", "return t()"),
  metamethod("__unm", "return -t"),
  metamethod("__close", "do local x <close> = t end"),
  metamethod("__pairs", "for _ in pairs(t) do end"),
  metamethod("__tostring", "return tostring(t)"),
  file("a loop while the policy is loaded", "\nwhile true do end", "policies/bad.lua:2",
    INSTRUCTIONS),
  { name = "a loop in policies/lib", message = INSTRUCTIONS, place = "policies/lib/loops.lua:2",
    files = { ["policies/lib/loops.lua"] = "\nwhile true do end",
      ["policies/bad.lua"] = 'require("lib.loops")\n' .. policy("") } },
  { name = "a loop in policies/init.lua", message = INSTRUCTIONS, place = "policies/init.lua:2",
    files = { ["policies/init.lua"] = "\nwhile true do end" } },
}

local LONG = "local s = ('a'):rep(60)\n"

harm.calls = {
  body("a pattern of find that backtracks", LONG .. "return s:find(('a*'):rep(30) .. 'b')", "3",
    PROCESSOR),
  body("a pattern of gsub that backtracks", LONG .. "return s:gsub(('a*'):rep(30) .. 'b', '')",
    "3", PROCESSOR),
  body("a pattern of gmatch that backtracks",
    LONG .. "for _ in s:gmatch(('a*'):rep(30) .. 'b') do end", "3", PROCESSOR),
  body("a pattern of match within pcall",
    LONG .. "while true do pcall(s.match, s, ('a*'):rep(30) .. 'b') end", "3", PROCESSOR),
  body("a table.move over a huge range", "table.move({}, 1, 1e10, 2)", "2", PROCESSOR),
  body("a table.concat over a huge range",
    "local t = setmetatable({}, { __index = function() return 'x' end })\n"
    .. "return table.concat(t, 'y', 1, 1e10)", "2|3", ""),
  body("a table.unpack of a huge range", "return table.unpack({}, 1, 1e8)", "2",
    "too many results"),
  body("a comparison that lies to table.sort", "local t = {}\nfor i = 1, 1000000 do t[i] = i end\n"
    .. "while true do table.sort(t, function() return true end) end", "3|4"),
  body("a width of string.format", "return ('%99999999d'):format(1)", "1", "invalid conversion"),
}

harm.memory = {
  body("a string.rep beyond all", "return ('x'):rep(1 << 40)", "2", ""),
  body("a string that doubles", "local s = 'x'\nwhile true do s = s .. s end", "3", MEMORY),
  body("a table that grows", "local t = {}\nfor i = 1, 1e9 do t[i] = { i } end", "3", ""),
  body("many small strings that are kept",
    "local t = {}\nfor i = 1, 1e9 do t[i] = 'string ' .. i end", "3", ""),
  body("a recursion without end", "local function f()\nreturn 1 + f()\nend\nf()", "3", ""),
  body("a recursion through C",
    "local function f()\nreturn (('x'):gsub('.', f))\nend\nreturn f()", "3", "C stack overflow"),
  body("a recursion through metamethods",
    "local t = setmetatable({}, {})\ngetmetatable(t).__index = t\nreturn t.x", "4", "__index"),
  file("nesting that the parser must refuse", "return " .. ("("):rep(300) .. "1" .. (")"):rep(300),
    "policies/bad.lua: C stack overflow\"", "overflow"),
}

harm.results = {
  body("too many routes", "for i = 1, 200000 do mesh.listeners[1].routes[i] = { path = '/' .. i, "
    .. "service = 's', audience = 'private', clusters = {}, why = {} } end", "1|2", ""),
  body("too many reasons", "local why = mesh.listeners[1].routes[1].why\n"
    .. "for i = 1, 200000 do why[i] = 'x' end", "1", "elements"),
  body("too many warnings", "for i = 1, 1000000 do mesh.warnings[i] = { code = 'x', message = 'y' }"
    .. " end", "1", "elements"),
  body("tables without end", "mesh.listeners[1].routes[1].clusters[1].why = mesh", "1",
    "expected a list"),
  body("deep nesting", "local t = {}\nfor _ = 1, 100000 do t = { t } end\n"
    .. "mesh.clusters[1].attributes = t", "1", "clusters"),
  body("a metatable on the mesh",
    "setmetatable(mesh, { __index = function() while true do end end })",
    "1", "metatable"),
  body("a metatable on a list", "setmetatable(mesh.listeners, { __len = function() return 1 end })",
    "1", "metatable"),
  body("nothing at all", "return", "1", "apply returned nothing"),
  file("a record with a metatable", "return setmetatable({}, { __index = { about = 'x' } })",
    "policies/bad.lua", "metatable"),
  file("attributes with a metatable", 'return { about = "x", apply = function(m) return m end, '
    .. "attributes = setmetatable({}, { __index = function() while true do end end }) }",
    "policies/bad.lua", "attributes: expected a table of attributes, got a table with a metatable"),
  file("a default with a metatable", 'return { about = "x", apply = function(m) return m end, '
    .. 'settings = { a = { type = "strings", default = setmetatable({}, { __len = function() '
    .. "while true do end end }) } } }", "policies/bad.lua", "settings.a.default"),
  file("an `about` that writes log lines",
    'return { about = "a\\ntime=2026 level=error event=fake", '
      .. "apply = function(mesh) return mesh end }", "policies/bad.lua", "about"),
  body("a warning that writes log lines", "mesh.warnings[1] = { code = 'x', message = "
    .. "'a\\ntime=2026 level=error event=fake' }", "1", "warnings%[1%]"),
}

harm.words = {
  body("__gc", "setmetatable({}, { __gc = function() while true do end end })", "2", "__gc"),
  body("__mode", "setmetatable({}, { __mode = 'k' })", "2", "__mode"),
  body("a write to the strings' metatable", "getmetatable('').__index = nil", "2", "index a nil"),
  body("load", "load('while true do end')()", "2", 'no global \\?"load'),
  body("string.dump", "return string.dump(function() end)", "2", "dump"),
  body("a coroutine", "coroutine.wrap(function() while true do end end)()", "2",
    'no global \\?"coroutine'),
  body("os, io and debug", "return (pcall(function() return os end)) or io", "2",
    'no global \\?"io'),
  body("a global", "hidden = 1", "2", "hidden"),
  file("bytecode", "\27LuaT", "policies/bad.lua", "binary"),
  file("a file that requires itself", 'return require("lib.self")', "policies/bad.lua",
    "requires itself"),
  file("require beyond lib", 'return require("lib/../../x")', "policies/bad.lua", "policies/lib"),
  body("an error of two lines", 'error("\\27[31mone\\ntime=2026 level=error event=fake\\0")', "2",
    "fake"),
  body("an error that is a table", "error(setmetatable({}, { __tostring = function() while true do "
    .. "end end, __name = 'x' }))", "2", "raised"),
  body("an error without end", "error(('x'):rep(10000000))", "2", "xxx"),
}
harm.words[10].files["policies/lib/self.lua"] = 'return require("lib.self")'

local function template(name, text, line, message)
  return { name = name, message = message, place = "templates/" .. (line:find(":") and line
    or "bad.yaml.mustache:" .. line), files = { ["templates/bad.yaml.mustache"] = text } }
end

-- A YAML file that means 10^9 words.
local function laughs()
  local lines = { "a0: &a0 [x, x, x, x, x, x, x, x, x, x]" }
  for i = 1, 9 do
    lines[i + 1] = ("a%d: &a%d [%s]"):format(i, i, (("*a%d, "):format(i - 1)):rep(10):sub(1, -3))
  end
  return table.concat(lines, "\n")
end

harm.templates = {
  template("a partial that includes itself", "one\n{{> own}}\n", "partials/own.mustache:1",
    "deeper than"),
  template("sections within sections", "one: 1\n" .. ("{{#clusters}}"):rep(40) .. "x"
    .. ("{{/clusters}}"):rep(40), "2", ""),
  template("what is no YAML", "a: 1\nb: ]", "2", "valid YAML"),
  { name = "aliases without end", message = "", place = "templates/bad.json.yaml.mustache:",
    files = { ["templates/bad.json.yaml.mustache"] = laughs() } },
  template("a section without end", "a: 1\n{{#clusters}}", "2", "clusters"),
}
harm.templates[1].files["templates/partials/own.mustache"] = "{{> own}}{{> own}}"

return harm
