-- The second list in the configuration; what the agent does with it is in the agent's own spec.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local function run(list, which)
  local made, err = build.run(shop.snapshot({ weight = 90 }, { weight = 10, endpoints = 0 }),
    { list = which, settings = { policies = { shadow = { list = list } } } })
  return made and build.weights(made.policy, "private-8080", "/shop"), err
end

describe("policies/shadow.lua", function()
  it("leaves the first list alone", function()
    assert.same({ blue = 90 }, run({ "audience" }))
  end)

  it("names the second list, which is planned when it is asked for", function()
    assert.same({ blue = 90, green = 10 }, run({ "audience" }, "shadow"))
    assert.same({ blue = 90 }, run({ "audience", "weights" }, "shadow"))
  end)

  it("is the second list's trouble alone when it names nobody", function()
    assert.same({ blue = 90 }, run({ "audience", "weihgts" }))
    local weights, err = run({ "audience", "weihgts" }, "shadow")
    assert.is_nil(weights)
    assert.equal('settings policies.shadow.list: names "weihgts", but there is no '
      .. 'policies/weihgts.lua; did you mean "weights"?', err.message)
  end)

  it("is no list where it is empty", function()
    local _, err = run({}, "shadow")
    assert.equal("policies/init.lua: names no list `shadow`, nor do settings "
      .. "policies.shadow.list", err.message)
  end)
end)
