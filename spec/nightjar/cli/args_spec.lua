-- Specs of the command line's parser.
local args = require "nightjar.cli.args"

local FLAGS = {
  { name = "port", value = "PORT", key = "PORT" }, { name = "json" },
  { name = "help", short = "h" },
}

describe("command line", function()
  it("takes a value behind the flag or behind an equals sign", function()
    for _, words in ipairs { { "--port", "80" }, { "--port=80" } } do
      local values, rest = args.parse(words, FLAGS)
      assert.same({ PORT = "80" }, values)
      assert.same({}, rest)
    end
    assert.same({ PORT = "" }, (args.parse({ "--port=" }, FLAGS)))
    assert.same({ PORT = "a=b" }, (args.parse({ "--port=a=b" }, FLAGS)))
    assert.same({ PORT = "--json" }, (args.parse({ "--port", "--json" }, FLAGS)))
  end)

  it("takes a switch alone, negated, or with a word", function()
    assert.same({ json = "yes" }, (args.parse({ "--json" }, FLAGS)))
    assert.same({ json = "no" }, (args.parse({ "--no-json" }, FLAGS)))
    assert.same({ json = "off" }, (args.parse({ "--json=off" }, FLAGS)))
    assert.same({ help = "yes" }, (args.parse({ "-h" }, FLAGS)))
  end)

  it("keeps words that are no flags, `-` among them, and all behind `--`", function()
    local values, rest = args.parse({ "a", "--json", "-", "--", "--port", "-h" }, FLAGS)
    assert.same({ json = "yes" }, values)
    assert.same({ "a", "-", "--port", "-h" }, rest)
  end)

  it("names an unknown flag with the nearest known one", function()
    local cases = {
      [{ "--prot", "80" }] = "--prot: unknown flag; did you mean --port?",
      [{ "--zzzzzz=1" }] = "--zzzzzz: unknown flag",
      [{ "--port" }] = "--port: a value is missing; expected --port PORT",
      [{ "--no-json=1" }] = "--no-json: takes no value",
      [{ "--port=1", "--port=2" }] = "--port: given twice with different values",
    }
    for words, message in pairs(cases) do
      local values, err = args.parse(words, FLAGS)
      assert.is_nil(values)
      assert.equal(message, err)
    end
  end)

  it("finds the first word that is neither a flag nor a flag's value", function()
    assert.equal(1, args.first_word({ "run", "--json" }, FLAGS))
    assert.equal(4, args.first_word({ "--json", "--port", "80", "check" }, FLAGS))
    assert.equal(2, args.first_word({ "--port=80", "check" }, FLAGS))
    assert.equal(1, args.first_word({ "-" }, FLAGS))
    assert.is_nil(args.first_word({ "--", "check" }, FLAGS))
    assert.is_nil(args.first_word({}, FLAGS))
    assert.is_nil(args.first_word({ "--port" }, FLAGS))
  end)
end)
