-- Weights as operators write them, and what counts instead of a bad one.

local weight = require("nightjar.plan.weight")

describe("weights", function()
  it("are integers from 0 to 65535", function()
    assert.equal(0, weight.parse("0"))
    assert.equal(90, weight.parse("90"))
    assert.equal(7, weight.parse("007"))
    assert.equal(65535, weight.parse("65535"))
    assert.equal("integer", math.type(weight.parse("90")))
  end)

  for _, text in ipairs({ "", "-1", "+1", "1.5", "1e3", "0x10", "65536", "99999999999999999999",
    "ten", "10 ", "10%", "٣", "1\n2", "nan", "inf" }) do
    it(("are not %q"):format(text), function() assert.is_nil(weight.parse(text)) end)
  end
end)
