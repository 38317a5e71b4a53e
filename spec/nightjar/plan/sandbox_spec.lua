-- What a policy may reach, and what it finds closed.

local sandbox = require("nightjar.plan.sandbox")

-- What a file of the policy folder returns, or the message of its error.
local function run(text, files)
  files = files or {}
  files["x.lua"] = text
  local value, err = sandbox.new(files):load("x.lua")
  if err then return nil, err.message, err end
  return value
end

describe("the sandbox of policies", function()
  it("has what the menu names", function()
    assert.equal("ABC", run('return ("abc"):upper()'))
    assert.equal(3, run("return math.max(1, 2, 3)"))
    assert.equal("1,2", run('return table.concat({1, 2}, ",")'))
    assert.equal(2, run('return utf8.len("aü")'))
    assert.equal("7 x", run('return ("%d %s"):format(7, "x")'))
  end)

  it("shows nothing of nightjar's own code when the parser gives up", function()
    local _, message = run("return " .. ("("):rep(300) .. "1" .. (")"):rep(300))
    assert.matches("^policies/x%.lua: [^\n]*overflow$", message)
  end)

  it("names the line of a function that is gone from the stack by a tail call", function()
    local box = sandbox.new({ ["x.lua"] = "\nreturn function() return ('%9999d'):format(1) end" })
    local _, err = box:call(assert(box:load("x.lua")))
    assert.same({ "policies/x.lua", 2 }, { err.file, err.line })
  end)

  for _, name in ipairs({ "os", "io", "debug", "coroutine", "package", "load", "loadstring",
    "loadfile", "dofile", "collectgarbage", "print", "warn", "_G", "host" }) do
    it("has no " .. name .. ", and says so with the line", function()
      local _, message = run("local a = 1\nreturn " .. name)
      assert.equal(('policies/x.lua:2: no global "%s" in a policy'):format(name),
        (message:gsub("; did you mean .*", "")))
    end)
  end

  for _, field in ipairs({ "math.random", "math.randomseed", "string.dump", "string.pack",
    "string.unpack", "math.sin", "table.foreach" }) do
    it("has no " .. field, function() assert.is_nil(run("return " .. field)) end)
  end

  it("suggests the name that was meant", function()
    local _, message = run("return tabel.sort")
    assert.equal('policies/x.lua:1: no global "tabel" in a policy; did you mean "table"?', message)
  end)

  it("lets no global be made, and names the line", function()
    local _, message, err = run("local a = 1\n\nb = a")
    assert.equal('policies/x.lua:3: a policy cannot set the global "b"; write "local"', message)
    assert.equal("policies/x.lua", err.file)
    assert.equal(3, err.line)
    assert.matches('global "f"', select(2, run("function f() end")))
    assert.matches("global a table", select(2, run("_ENV[{}] = 1")))
  end)

  it("loads no bytecode", function()
    local _, message = run(string.dump(function() return 1 end))
    assert.matches("^policies/x.lua: attempt to load a binary chunk", message)
  end)

  it("names the line of a syntax error", function()
    local _, message, err = run("return {\n  a = = 1 }")
    assert.matches("^policies/x.lua:2: unexpected symbol near '='", message)
    assert.equal(2, err.line)
  end)

  it("names file and line of an error", function()
    local _, message, err = run("local a\nreturn a.b")
    assert.equal("policies/x.lua:2: attempt to index a nil value (local 'a')", message)
    assert.equal("policies/x.lua", err.file)
    assert.equal(2, err.line)
  end)

  it("names the policy's line where a library function failed", function()
    assert.matches("^policies/x.lua:2: bad argument #1 to 'concat'",
      select(2, run("local t = 1\nreturn table.concat(t)")))
    assert.matches("^policies/x.lua:2: bad argument #2 to 'format'",
      select(2, run('local t = 1\nlocal s = string.format("%d", "x")\nreturn s')))
  end)

  it("names a line when the stack overflows", function()
    local _, message, err = run("local function f() return 1 + f() end\nreturn f()")
    assert.matches("^policies/x.lua:1: stack overflow", message)
    assert.equal(1, err.line)
    _, message = run('local s = setmetatable({}, {})\ngetmetatable(s).__index = function(t, k) '
      .. 'return t[k .. "x"] end\nreturn s.a')
    assert.matches("^policies/x.lua:2: .*overflow", message)
  end)

  it("shows no error value but text, cleaned and cut", function()
    assert.equal("policies/x.lua:1: raised a table instead of a message",
      select(2, run('error(setmetatable({}, { __tostring = function() return "no" end }))')))
    local _, message = run('error("\\27[31m\\nfake log line", 0)')
    assert.equal("policies/x.lua:1: \\x1b[31m\\nfake log line", message)
    assert.is_true(#select(2, run('error(("x"):rep(100000))')) < 4200)
  end)

  it("refuses __gc and __mode, with the line", function()
    for _, name in ipairs({ "__gc", "__mode" }) do
      local _, message = run(("local t = {}\nt = setmetatable(t, { %s = 'k' })\nreturn t")
        :format(name))
      assert.matches("^policies/x.lua:2: setmetatable: " .. name .. " is not allowed", message)
    end
    local _, message = run("return setmetatable({}, { __gc = 1 })")
    assert.matches("^policies/x.lua: setmetatable: __gc is not allowed", message)
  end)

  it("has metatables otherwise", function()
    assert.equal(5, run("return setmetatable({}, { __index = { a = 5 } }).a"))
    assert.equal(false, run("return getmetatable(setmetatable({}, { __metatable = false }))"))
    assert.matches("protected",
      select(2, run("return setmetatable(setmetatable({}, { __metatable = 1 }), {})")))
  end)

  it("does not show the metatable of strings", function()
    assert.is_true(run('return getmetatable("") == nil'))
    assert.is_nil(run('return ("").dump'))
  end)

  it("keeps what a policy does to its libraries to itself", function()
    local text = 'string.upper = function() return "mine" end\n'
      .. 'table.insert, math.max = nil, nil\nreturn ("abc"):upper()'
    assert.equal("mine", run(text))
    assert.equal("ABC", ("abc"):upper())
    assert.equal("ABC", run('return ("abc"):upper()'))
    assert.is_not_nil(table.insert)
    assert.is_not_nil(run("return table.insert and math.max and {}"))
  end)

  it("says what is wrong even when the policy broke its string methods", function()
    local _, message = run("for k in next, string do string[k] = nil end\nreturn tabel")
    assert.equal('policies/x.lua:2: no global "tabel" in a policy; did you mean "table"?', message)
    _, message = run("string.gsub = error\nlocal a\nreturn a.b")
    assert.equal("policies/x.lua:3: attempt to index a nil value (local 'a')", message)
    assert.equal("ABC", ("abc"):upper())
  end)

  it("does not let pcall reach anything outside", function()
    assert.equal("boolean", run("local ok = pcall(function() return os.exit end)\n"
      .. "return type(ok)"))
    assert.is_nil(run("return select(2, pcall(string.rep)) and nil"))
  end)
end)

describe("require in a policy", function()
  it("finds files of policies/lib, each once", function()
    local files = { ["lib/names.lua"] = "return { name = 'n' }" }
    assert.equal("n", run('return require("lib.names").name', files))
    assert.is_true(run('return require("lib.names") == require("lib.names")', files))
  end)

  it("gives each policy a copy of its own", function()
    local files = { ["lib/l.lua"] = "return { count = 0 }" }
    local text = 'local l = require("lib.l") l.count = l.count + 1 return l.count'
    assert.equal(1, run(text, files))
    assert.equal(1, run(text, files))
  end)

  it("finds nothing else", function()
    for _, name in ipairs({ "os", "host.json", "nightjar.plan.model", "x", "lib", "lib/../x",
      "lib.names\\0" }) do
      assert.matches("^policies/x.lua:1: require: expected the name of a file of policies/lib",
        select(2, run(('local it = require("%s")\nreturn it'):format(name))), name)
    end
    assert.equal("policies/x.lua:1: require: there is no policies/lib/a.lua",
      select(2, run('local it = require("lib.a")\nreturn it')))
    assert.matches("require: expected", select(2, run("return require({})")))
  end)

  it("names the file in which the error is", function()
    local _, message, err = run('return require("lib.a")', { ["lib/a.lua"] = "\nreturn nil + 1" })
    assert.matches("^policies/lib/a.lua:2: attempt to perform arithmetic", message)
    assert.equal("policies/lib/a.lua", err.file)
    _, message = run('return require("lib.a")', { ["lib/a.lua"] = "x = 1" })
    assert.matches('^policies/lib/a.lua:1: a policy cannot set the global "x"', message)
    _, message = run('return require("lib.a")', { ["lib/a.lua"] = "return (" })
    assert.matches("^policies/lib/a.lua:1: unexpected symbol", message)
  end)

  it("fails for the same reason each time", function()
    for _, lib in ipairs({ "error('boom')", "return (", "local it = require('lib.gone')" }) do
      local files = { ["lib/bad.lua"] = lib }
      local _, first = run('return require("lib.bad")', files)
      local _, second = run('pcall(require, "lib.bad")\nreturn require("lib.bad")', files)
      assert.matches("^policies/lib/bad.lua:1: ", first)
      assert.equal(first, second)
    end
  end)

  it("does not go round in circles", function()
    local _, message = run('return require("lib.a")', { ["lib/a.lua"] = 'return require("lib.b")',
      ["lib/b.lua"] = 'local a = require("lib.a")\nreturn a' })
    assert.equal('policies/lib/b.lua:1: require: "lib.a" requires itself', message)
  end)

  it("gives metatables to tables alone, and none but tables", function()
    local _, message = run("local _ = setmetatable(5, {})")
    assert.equal("policies/x.lua:1: setmetatable: expected a table, got 5", message)
    _, message = run("local _ = setmetatable({}, 5)")
    assert.equal("policies/x.lua:1: setmetatable: expected a table or nil as the metatable, got 5",
      message)
  end)
end)
