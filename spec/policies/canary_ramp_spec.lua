-- Ramps over time, with all shipped policies.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local START = "2023-11-14T22:00:00Z" -- 1699999200
local AT = 1699999200

local function share(green, seconds, options)
  green.weight, green.RAMP_START = green.weight or 10, green.RAMP_START or START
  options = options or {}
  options.now = AT + seconds
  local plan, warnings = shop.plan(shop.snapshot({ weight = 90 }, green), options)
  return shop.shares(plan).green, warnings, plan
end

describe("policies/canary_ramp.lua", function()
  it("never goes back and never jumps, second by second", function()
    local last = -1
    for second = -100, 3700, 50 do
      local now = share({}, second)
      assert.is_true(now >= last and now - math.max(last, 0) <= 2, ("at %d s"):format(second))
      last = now
    end
    assert.equal(100, last)
  end)

  it("moves by whole points, so that not every pass makes a generation", function()
    local seen, count = {}, 0
    for second = 0, 3600, 30 do
      local now = share({}, second)
      assert.equal(math.floor(now), now)
      if not seen[now] then seen[now], count = true, count + 1 end
    end
    assert.equal(101, count)
  end)

  it("goes finer where the settings ask for it", function()
    assert.equal(0.5, share({}, 18, { settings = { canary_ramp = { resolution = 0.1 } } }))
  end)

  it("takes its steps from the settings where a color names none", function()
    local settings = { canary_ramp = { steps = "2, 20", interval = "1m" } }
    assert.equal(2, share({}, 59, { settings = settings }))
    assert.equal(20, share({}, 60, { settings = settings }))
    assert.equal(50, share({ RAMP_DURATION = "2m" }, 60, { settings = settings }),
      "a duration of its own asks for an even ramp")
  end)

  it("is the same however the weights are written", function()
    assert.equal(25, share({ weight = 1 }, 900))
    assert.equal(25, share({ weight = 65535 }, 900))
  end)

  it("gives nobody else's share away when two colors ramp at once", function()
    local snapshot = shop.snapshot({ weight = 90, RAMP_START = START }, { weight = 10,
      RAMP_START = START })
    assert.same({ blue = 50, green = 50 }, shop.shares(shop.plan(snapshot, { now = AT + 9999 })))
  end)

  it("says where it stands and since when", function()
    local _, _, plan = share({ RAMP_STEPS = "1,5,25", RAMP_INTERVAL = "10m" }, 700)
    assert.matches("canary_ramp: 10 → 5 %(ramp at 5 %%, step 2 of 3%)", shop.why(plan, "green"))
    _, _, plan = share({}, 1800)
    assert.matches("ramp at 50 %%, since 2023%-11%-14T22:00:00Z", shop.why(plan, "green"))
  end)

  it("gives the least share that there is to a color whose step is smaller", function()
    local _, _, plan = share({ RAMP_STEPS = "0.001", RAMP_INTERVAL = "10m" }, 0)
    assert.same({ blue = 9999, green = 1 }, build.weights(plan, "private-8080", "/shop"))
    _, _, plan = share({ RAMP_STEPS = "0", RAMP_INTERVAL = "10m" }, 0)
    assert.same({ blue = 100, green = 0 }, build.weights(plan, "private-8080", "/shop"))
  end)

  it("leaves a color alone that is the only one", function()
    local snapshot = build.own({ build.service("web", { ["/web"] = "7", RAMP_START = START }) })
    assert.same({ default = 7 }, build.weights(build.plan(snapshot, { now = AT - 5 }),
      "private-8080", "/web"))
  end)

  it("refuses settings that it cannot read, before any color needs them", function()
    for name, message in pairs({ interval = "a duration", duration = "a duration",
      steps = "percentages" }) do
      local made, err = build.run(shop.snapshot({ weight = 1 }, { weight = 1 }),
        { settings = { policies = { canary_ramp = { [name] = "soon" } } } })
      assert.is_nil(made)
      assert.matches("policy canary_ramp: .*settings: " .. name .. ": expected " .. message,
        err.message)
    end
  end)

  it("sends nobody to a color that cannot answer, at the end of its ramp", function()
    local made, warnings = shop.plan(shop.snapshot({ weight = 90 },
      { weight = 10, endpoints = 0, RAMP_START = "1" }))
    assert.same({ blue = 100 }, shop.shares(made))
    assert.same({}, warnings)
    assert.equal(90, shop.routes(made)[1].clusters[1].weight)
  end)
end)
