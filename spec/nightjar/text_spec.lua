-- Foreign text made safe to stand in a message.

local text = require("nightjar.text")

describe("foreign text in messages", function()
  it("has no control characters left", function()
    assert.equal("\\x1b[31m\\nfake\\tline\\x00\\x7f", text.clean("\27[31m\nfake\tline\0\127"))
    assert.equal("\\xc2\\x9b31m", text.clean("\u{9b}31m"))
  end)

  it("has no marks left that end a line, turn the direction or are not seen", function()
    for code, written in pairs({ [0x2028] = "\\xe2\\x80\\xa8", [0x2029] = "\\xe2\\x80\\xa9",
      [0x202A] = "\\xe2\\x80\\xaa", [0x202E] = "\\xe2\\x80\\xae", [0x2066] = "\\xe2\\x81\\xa6",
      [0x2069] = "\\xe2\\x81\\xa9", [0xFEFF] = "\\xef\\xbb\\xbf" }) do
      assert.equal("a" .. written .. "b", text.clean("a" .. utf8.char(code) .. "b"))
      assert.is_false(text.is_name("a" .. utf8.char(code)))
    end
    for _, code in ipairs({ 0x2027, 0x202F, 0x2065, 0x206A, 0xFEFE, 0xFF01 }) do
      assert.equal(utf8.char(code), text.clean(utf8.char(code)))
      assert.is_true(text.is_name(utf8.char(code)))
    end
  end)

  it("stays UTF-8, or becomes it", function()
    assert.equal("grün → 1", text.clean("grün → 1"))
    assert.equal("\\xffa\\xc3", text.clean("\xffa\xc3"))
  end)

  it("is cut at a character, and says so", function()
    assert.equal("ab…", text.clean("abcdef", 2))
    assert.equal("a…", text.clean("aüb", 2))
    assert.equal(4096 + #"…", #text.clean(("x"):rep(5000)))
  end)

  it("names the kind of what is no scalar, without its address", function()
    assert.equal("a table", text.show(setmetatable({}, { __tostring = error })))
    assert.equal("a function", text.show(print))
    assert.equal("nothing", text.show(nil))
    assert.equal("1.0", text.show(1.0))
    assert.equal("nan", text.show(0 / 0))
    assert.equal("nan", text.show(-(0 / 0)))
    assert.equal('"x\\n"', text.show("x\n"))
  end)

  it("is a name when it is one line of UTF-8", function()
    assert.is_true(text.is_name("grün"))
    for _, value in ipairs({ "", "a\nb", "\xff", ("x"):rep(256), 1, {} }) do
      assert.is_false(text.is_name(value))
    end
  end)
end)
