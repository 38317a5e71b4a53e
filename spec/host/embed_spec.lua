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

  it("is what the Lua of the running program would make of the same text", function()
    local modules = embedded(MODULES)
    for _, path in ipairs(MODULES) do
      local name = path:match("^lua/(.*)%.lua$"):gsub("/", ".")
      assert.equal("@" .. path, modules[name].chunk)
      local here = string.dump(assert(load(cli.read(path), "@" .. path, "t")))
      assert.is_true(modules[name].code == here, path .. ": other bytecode")
    end
  end)

  it("names file and line in messages, as the text does", function()
    local modules = embedded(MODULES)
    local cycle = assert(load(modules["nightjar.cycle"].code, "other", "b"))()
    local ok, message = pcall(cycle.run, { 1 })
    assert.is_false(ok)
    assert.matches("^lua/nightjar/cycle%.lua:%d+: attempt to index a number value %(local 'stage'",
      message)
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
