-- Specs of the way from an attribute to a weight, read out of a plan's reasons.
local chain = require "nightjar.cli.chain"

local CLUSTER = { cloudmap_service = "web-green", since = { ["/shop"] = 86400 } }

describe("the chain of a weight", function()
  it("begins with the attribute that set it, and since when", function()
    local steps = chain.of({ 'key "/shop": 10' }, CLUSTER)
    assert.same({ { by = "service web-green", text = 'key "/shop": 10', key = "/shop", to = 10,
      since = 86400 } }, steps)
    assert.same({ 'service web-green: key "/shop": 10, since 1970-01-02T00:00:00Z' },
      chain.lines(steps))
  end)

  it("goes on with each policy: what it changed, and why", function()
    local steps = chain.of({ 'key "/shop": 10', "ramp: 10 → 25 (step 2 (of 4))", "freeze: on hold",
      "extra: added with weight 3 (asked for)", "gate: removed (not healthy)" }, CLUSTER)
    assert.same({ by = "ramp", from = 10, to = 25, reason = "step 2 (of 4)",
      text = "10 → 25 (step 2 (of 4))" }, steps[2])
    assert.same({ by = "freeze", reason = "on hold", text = "on hold" }, steps[3])
    assert.same({ by = "extra", to = 3, reason = "asked for",
      text = "added with weight 3 (asked for)" }, steps[4])
    assert.same({ by = "gate", reason = "not healthy", text = "removed (not healthy)" }, steps[5])
  end)

  it("shows each reason as the plan has it", function()
    local why = { "ramp: 10 → 25", "no policy's line", "gate: removed" }
    assert.same(why, chain.lines(chain.of(why, {})))
  end)
end)
