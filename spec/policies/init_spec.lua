-- The list of the shipped policies, their order, and their own examples.

local build = require("spec.support.mesh")
local examples = require("nightjar.plan.examples")
local policy_folder = require("nightjar.plan.policy_folder")

describe("policies/init.lua", function()
  it("names the shipped policies: first who sees what, then how it is shared", function()
    local list = assert(policy_folder.load(build.shipped_policies()))
    local names = {}
    for i, policy in ipairs(list) do names[i] = policy.name end
    assert.same({ "own_service", "audience", "weights" }, names)
    for _, policy in ipairs(list) do assert.is_true(#policy.record.about > 20) end
  end)

  it("gives one plan in either order of those that only cut", function()
    local snapshot = build.own({
      build.service("web", { ["/web"] = "1", ["?/web/admin"] = "1" }),
      build.service("cart", { ["/cart"] = "1", ["?/stock"] = "1", ["/web"] = "2" }),
    }, "web")
    local other = build.shipped_policies()
    other[2].text = 'return { "audience", "own_service", "weights" }'
    assert.same(build.plan(snapshot), (build.plan(snapshot, { policies = other })))
  end)
end)

describe("a shipped policy", function()
  for _, result in ipairs(assert(examples.run(build.shipped_policies()))) do
    it(("%s: %s"):format(result.policy, result.about), function()
      assert.is_true(result.ok, result.message)
    end)
  end
end)
