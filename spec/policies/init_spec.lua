-- The list of the shipped policies, their order, and their own examples.

local build = require("spec.support.mesh")
local examples = require("nightjar.plan.examples")
local policy_folder = require("nightjar.plan.policy_folder")

local ORDER = {
  "label_filter", "own_service", "audience", "flap_damping", "refuse_empty", "blue_green",
  "schedule", "canary_ramp", "health_gate", "test_traffic", "header_route",
  "tenant_route", "drain_color", "capacity_cap", "mirror", "timeouts_retries", "freeze",
  "access_list", "failover", "weights", "sticky", "zone_aware", "shadow",
}

describe("policies/init.lua", function()
  it("names every shipped policy: who sees what, which endpoints, how it is shared", function()
    local list = assert(policy_folder.load(build.shipped_policies()))
    local names, files = {}, {}
    for i, policy in ipairs(list) do names[i] = policy.name end
    assert.same(ORDER, names)
    for _, one in ipairs(build.shipped_policies()) do
      local name = one.name:match("^([%w_]+)%.lua$")
      if name ~= "init" then files[#files + 1] = name end
    end
    table.sort(names)
    assert.same(names, files)
  end)

  it("says of each what it is for, what it reads, and shows it by examples", function()
    for _, policy in ipairs(assert(policy_folder.load(build.shipped_policies()))) do
      local record = policy.record
      assert.is_true(#record.about > 20 and record.about:sub(-1) == ".", policy.name)
      assert.is_true(#record.examples >= 3, policy.name)
      for name, setting in pairs(record.settings or {}) do assert.is_string(setting.about, name) end
    end
  end)

  it("costs nothing where nobody asks: those that read attributes rest", function()
    local snapshot = build.own({
      build.service("web", { ["/web"] = "1", ["?/web/admin"] = "1" }),
      build.service("cart", { ["/cart"] = "1", ["?/stock"] = "1", ["/web"] = "2" }, 0),
    }, "web")
    local three = build.shipped_policies({ "own_service", "audience", "weights" })
    assert.same(build.plan(snapshot, { policies = three }), (build.plan(snapshot)))
  end)

  it("gives one plan in either order of those that only cut", function()
    local snapshot = build.own({
      build.service("web", { ["/web"] = "1", ["?/web/admin"] = "1" }),
      build.service("cart", { ["/cart"] = "1", ["?/stock"] = "1", ["/web"] = "2" }),
    }, "web")
    local here, there = build.shipped_policies({ "own_service", "audience", "weights" }),
      build.shipped_policies({ "audience", "own_service", "weights" })
    assert.same(build.plan(snapshot, { policies = here }),
      (build.plan(snapshot, { policies = there })))
  end)
end)

describe("a shipped policy", function()
  for _, result in ipairs(assert(examples.run(build.shipped_policies()))) do
    it(("%s: %s"):format(result.policy, result.about), function()
      assert.is_true(result.ok, result.message)
    end)
  end
end)
