-- The Lua library that a program carries inside itself, compiled when the program was built.

local cli = require("spec.support.cli")
local program = require("host.program")
local script = require("spec.support.script")

local MODULES = { "lua/nightjar/cycle.lua", "lua/nightjar/text.lua",
  "lua/nightjar/plan/schema.lua" }

-- The modules that host/embed.lua writes, by name: { chunk, code }.
local function embedded(paths)
  local pipe = assert(io.popen("lua5.4 host/embed.lua " .. table.concat(paths, " ")))
  local text = pipe:read("a")
  assert(pipe:close())
  local codes, modules = {}, {}
  for number, list in text:gmatch("module_(%d+)%[%] = {(.-)};") do
    local bytes = {}
    for byte in list:gmatch("%-?%d+") do bytes[#bytes + 1] = string.char(tonumber(byte) & 255) end
    codes[number] = table.concat(bytes)
  end
  for name, chunk, number in text:gmatch('{"([^"]+)", "([^"]+)", module_(%d+),') do
    modules[name] = { chunk = chunk, code = codes[number] }
  end
  return modules
end

describe("the embedded library", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  -- Whatever there is in one: all kinds of constants, functions in functions, long jumps of lines.
  local ALL = "local a, b = 1, 2.5 local c <const>, d <close> = nil, nil\n" .. ([[
    function x(y, ...) local z = { y, ..., -7, 1e300, true, false, "s", ("long"):rep(20) }
      for i = 1, #z do local w <const> = i; y = function() return w + a, z, b end end
      return y, "%s"
    end]]):format(("l"):rep(100)) .. ("\n"):rep(1000) .. "return x, c, d"

  it("is what the Lua of the running program would make of the same text, without the names of "
    .. "local variables", function()
    local paths = { folder .. "/lua/nightjar/all.lua", table.unpack(MODULES) }
    cli.write(paths[1], ALL)
    local modules = embedded(paths)
    for _, path in ipairs(paths) do
      local source = path:match("lua/nightjar/.*$")
      local module = modules[source:match("^lua/(.*)%.lua$"):gsub("/", ".")]
      assert.equal("@" .. source, module.chunk)
      local code = string.dump(assert(load(cli.read(path), module.chunk, "t")))
      assert.is_true(#module.code < #code)
      -- Both lose the rest of their names here, and lines.
      local function bare(one) return string.dump(assert(load(one, "one", "b")), true) end
      assert.is_true(bare(module.code) == bare(code), path .. ": other bytecode")
    end
  end)

  it("names file and line in messages, as the text does", function()
    local modules = embedded(MODULES)
    local cycle = assert(load(modules["nightjar.cycle"].code, "other", "b"))()
    local ok, message = pcall(cycle.run, { 1 })
    assert.is_false(ok)
    assert.matches("^lua/nightjar/cycle%.lua:%d+: attempt to index a number value", message)
  end)

  it("names upvalues, fields and methods in messages, and no local variable", function()
    local made = folder .. "/lua/nightjar/made.lua"
    cli.write(made, [[local up
      return { function() return up.x end, function(t) return t.a.b end,
        function(t) return t:go() end, function() return nowhere.x end,
        function(t) local hidden = t return hidden.x.y, debug.getlocal(1, 1) end }]])
    local all = load(embedded({ made })["nightjar.made"].code, "other", "b")()
    for number, expected in ipairs { "upvalue 'up'", "field 'a'", "method 'go'",
      "global 'nowhere'", "field 'x'" } do
      local _, message = pcall(all[number], {})
      assert.matches("made%.lua:%d: .*%(" .. expected .. "%)$", message)
    end
    assert.equal("(temporary)", select(2, all[5]({ x = {} })))
  end)

  it("that bytecode of an unknown form would become ends the build", function()
    for _, case in ipairs { { "\27Lua\x53", "not the bytecode of Lua 5%.4" },
      { string.dump(function() end) .. "x", "goes on after its end" } } do
      local strip = dofile("host/bytecode.lua")
      assert.has_error.matches(function() strip(case[1]) end, case[2])
    end
  end)

  it("holds what the build has made under the name that it has among the sources", function()
    local made = folder .. "/lua/nightjar/build/lua/nightjar/plan/shipped.lua"
    cli.write(made, "return {}")
    assert.equal("@lua/nightjar/plan/shipped.lua",
      embedded({ made })["nightjar.plan.shipped"].chunk)
  end)

  it("is refused as a module that does not parse while the program is built", function()
    cli.write(folder .. "/lua/broken.lua", "return (")
    local _, how, status = os.execute(("cd %s && lua5.4 %s/host/embed.lua lua/broken.lua "
      .. ">out 2>err"):format(folder, os.getenv("PWD")))
    assert.same({ "exit", 1 }, { how, status })
    assert.matches("lua/broken%.lua:1: unexpected symbol near <eof>", cli.read(folder .. "/err"))
  end)

  it("is refused with its reason when it was made by another version of Lua", function()
    local text, count = cli.read(program.directory .. "/nightjar")
      :gsub("\27Lua\x54", "\27Lua\x53")
    assert.is_true(count > 100)
    cli.write(folder .. "/nightjar", text)
    local command = ("chmod +x %s/nightjar && %s/nightjar version >%s/out 2>&1"):format(folder,
      folder, folder)
    local _, how, status = os.execute(command)
    assert.same({ "exit", 70 }, { how, status })
    assert.matches("^nightjar: internal error: .*version mismatch%); was it built with another Lua "
      .. "than it runs with%?", cli.read(folder .. "/out"))
  end)
end)
