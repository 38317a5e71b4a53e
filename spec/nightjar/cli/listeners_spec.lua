-- Specs of what --listener names.
local listeners = require "nightjar.cli.listeners"

local function plan(count)
  local list = {}
  for i = 1, count do list[i] = { name = ("public-%d"):format(9000 + i) } end
  return { listeners = list }
end

describe("--listener", function()
  it("may be left out, or name a listener", function()
    assert.is_nil(listeners.fault(plan(2), nil))
    assert.is_nil(listeners.fault(plan(2), "public-9002"))
  end)

  it("of which there is none names those that there are, but no more than ten", function()
    assert.equal('--listener: no listener "x"; there is none', listeners.fault(plan(0), "x"))
    assert.equal('--listener: no listener "x"; there is public-9001', listeners.fault(plan(1), "x"))
    assert.equal('--listener: no listener "public-9003"; did you mean "public-9001"?; there are '
      .. "public-9001, public-9002", listeners.fault(plan(2), "public-9003"))
    assert.matches("there are public%-9001, .*, public%-9010 and 2 more$",
      listeners.fault(plan(12), "x"))
  end)
end)
