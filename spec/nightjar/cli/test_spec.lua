-- Specs of `nightjar test`: what it hands to busted, and its exit statuses.
local cli = require "spec.support.cli"

local GOOD = 'describe("x", function() it("holds", function() assert.equal(1, 1) end) end)\n'

describe("nightjar test", function()
  local folder

  local function run(text, ...)
    cli.write(folder .. "/some_spec.lua", text)
    local words = { "test", folder .. "/some_spec.lua", ... }
    words.directory = folder
    return cli.run(words)
  end

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  it("exits with 0 when all specs pass", function()
    local got = run(GOOD)
    assert.equal(0, got.status, got.stderr)
    assert.matches("1 success", got.stdout)
  end)

  it("exits with 1 when a spec fails, raises, does not parse or is not there", function()
    for _, text in ipairs {
      GOOD:gsub("1, 1", "1, 2"), 'it("x", function() error("no") end)', "this is no Lua",
      'error("no")', 'describe("x", function() error({}) end)',
    } do
      assert.equal(1, run(text).status, text)
    end
    assert.equal(1, cli.run({ "test", folder .. "/none_spec.lua" }).status)
    assert.equal(1, cli.run({ "test", "--bogus" }).status)
  end)

  it("takes a spec that ends the program for a failure of that spec", function()
    local got = run('it("x", function() os.exit(0) end)\n' .. GOOD)
    assert.equal(1, got.status)
    assert.matches("1 success", got.stdout)
  end)

  it("closes what is open before it ends", function()
    local got = run([[
      local held = setmetatable({}, { __gc = function() io.stdout:write("closed\n") end })
      it("fails", function() assert.is_nil(held) end)]])
    assert.equal(1, got.status)
    assert.matches("closed\n", got.stdout)
  end)

  it("hands busted's options on, with or without `--`", function()
    for _, words in ipairs { { "-o", "TAP" }, { "--", "-o", "TAP" } } do
      local got = run(GOOD, table.unpack(words))
      assert.equal(0, got.status)
      assert.matches("ok 1 %- x holds", got.stdout)
    end
    local got = run(GOOD .. 'it("other", function() error("no") end)', "--filter", "holds")
    assert.equal(0, got.status, got.stdout)
  end)

  it("gives specs the modules of this program", function()
    local got = run([[
      it("x", function()
        assert.equal("[1]", require("host.json").encode({ 1 }))
        assert.equal(1, require("nightjar.nearest").distance("a", "b"))
      end)]])
    assert.equal(0, got.status, got.stdout)
  end)

  it("never starts another interpreter, whatever .busted says", function()
    cli.write(folder .. "/.busted", 'return { default = { lua = "/bin/false" } }')
    assert.equal(0, run(GOOD).status)
  end)

  it("says what to install when busted is not there", function()
    local got = cli.run { "test", environment = { LUA_PATH = "/none/?.lua" } }
    assert.equal(1, got.status)
    assert.matches("nightjar: test: busted: not found", got.stderr, 1, true)
    assert.matches("lua-busted", got.stderr, 1, true)
  end)
end)
