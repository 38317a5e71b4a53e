-- Pauses between starts, with a chance and a clock that the spec chooses.

local backoff = require("nightjar.agent.backoff")

describe("backoff", function()
  it("doubles the pauses up to half a minute", function()
    local one, pauses = backoff.new(function() return 1 end), {}
    for i = 1, 8 do
      local pause, deaths = one:pause(0)
      assert.equal(i, deaths)
      pauses[i] = pause
    end
    assert.same({ 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0 }, pauses)
  end)

  it("takes half of each by chance, so that a fleet does not beat in time", function()
    local least = backoff.new(function() return 0 end)
    assert.equal(0.25, (least:pause(0)))
    assert.equal(0.5, (least:pause(0)))
    local seen = {}
    for _ = 1, 20 do
      local pause = backoff.new():pause(0)
      assert.is_true(pause >= 0.25 and pause <= 0.5)
      seen[pause] = true
    end
    assert.is_truthy(next(seen, next(seen)))
  end)

  it("forgets earlier deaths after a quiet minute", function()
    local one = backoff.new(function() return 1 end)
    for _ = 1, 5 do one:pause(59.9) end
    assert.equal(16.0, (one:pause(60)))
    local pause, deaths = one:pause(60.1)
    assert.equal(0.5, pause)
    assert.equal(1, deaths)
  end)
end)
