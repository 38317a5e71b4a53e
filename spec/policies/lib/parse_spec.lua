-- What people write in attributes and settings, and what policies read of it.

local build = require("spec.support.mesh")

local parse = build.lib("parse")
local text = build.lib("text")

local TABLE = {
  switch = { parser = parse.switch, reads = { yes = true, YES = true, ["1"] = true, on = true,
    no = false, off = false, ["0"] = false }, refuses = { "", "maybe", "10", " yes" } },
  percent = { parser = parse.percent, reads = { ["0"] = 0.0, ["50"] = 0.5, ["50%"] = 0.5,
    ["12.5 %"] = 0.125, ["100"] = 1.0 },
    refuses = { "", "%", "101", "-1", "1e1", "half", "0x10" } },
  duration = { parser = parse.duration, reads = { ["90"] = 90, ["90s"] = 90, ["1h30m"] = 5400,
    ["250ms"] = 0.25, ["1.5h"] = 5400.0, ["2D"] = 172800, ["0"] = 0 },
    refuses = { "", "h", "1 h", "-5s", "5 minutes", "1h30", "1y", "99999999d", "inf", "nan",
      ("1"):rep(8192) .. "x", ("1s"):rep(4096) } },
  integer = { parser = parse.integer(1, 10), reads = { ["1"] = 1, ["010"] = 10 },
    refuses = { "", "0", "11", "-1", "1.0", "1e1", "99999999999999999999" } },
  number = { parser = parse.number(1, 10), reads = { ["1"] = 1, ["1.5"] = 1.5, ["10.0"] = 10.0 },
    refuses = { "", "0.9", "10.1", ".5", "inf", "0x2" } },
  amount = { parser = parse.amount, reads = { ["3"] = { count = 3 }, ["80%"] = { part = 0.8 } },
    refuses = { "", "-1", "1.5", "120%", "all" } },
  names = { parser = parse.names, reads = { ["a, b  c"] = { "a", "b", "c" }, [""] = {} },
    refuses = {} },
  steps = { parser = parse.steps, reads = { ["1, 25%,100"] = { 0.01, 0.25, 1.0 } },
    refuses = { "", ",", "1,x", "1;2" } },
}

for name, case in pairs(TABLE) do
  describe("a " .. name, function()
    for value, wanted in pairs(case.reads) do
      it(("is read from %q"):format(value), function()
        local found = case.parser.read(value)
        if type(wanted) == "number" then
          assert.is_true(math.abs(found - wanted) < 1e-12, tostring(found))
        else
          assert.same(wanted, found)
        end
      end)
    end
    for _, value in ipairs(case.refuses) do
      it(("is not %q, and says what it is"):format(value:sub(1, 30)), function()
        assert.is_nil(case.parser.read(value))
        assert.is_true(#case.parser.expected > 4)
      end)
    end
  end)
end

describe("text of people", function()
  it("is quoted on one line, cut between characters", function()
    assert.equal('"a?b?"', text.quote("a\nb\27"))
    assert.equal('"?a?b?c?"', text.quote("\u{FEFF}a\u{2028}b\u{9b}c\u{2066}"))
    local long = text.quote(("ü"):rep(100))
    assert.is_truthy(utf8.len(long))
    assert.is_true(#long < 90)
  end)
end)
