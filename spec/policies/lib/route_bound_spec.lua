-- The bound of the routes that one attribute makes counts them as the plan does.

local build = require("spec.support.mesh")
local generator = require("spec.support.random_mesh").generator
local value_groups = require("nightjar.plan.value_groups")

local route_bound = build.lib("route_bound")

describe("the groups of a condition's values", function()
  it("are as many as the plan makes of them", function()
    for seed = 1, 500 do
      local random, values = generator(seed), {}
      for i = 1, random(40) do values[i] = ("v"):rep(random(100)) end
      assert.equal(#value_groups.split(values), route_bound.groups(values), "seed " .. seed)
    end
  end)
end)
