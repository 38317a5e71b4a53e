-- Whose word the last one on a weight was.

local because = require("nightjar.agent.because")

describe("because.of", function()
  local function plan(why, removed)
    return { listeners = { { name = "l", removed = removed, routes = { { path = "/x",
      clusters = { { cluster = "a", why = why } } } } } } }
  end

  local function told(why, removed, clusters)
    return because.of(plan(why, removed))("route l /x", clusters or { "a" })
  end

  it("names the last policy that changed a weight, not those that only spoke of it", function()
    assert.equal("canary_ramp", told { 'key "/x": 10', "blue_green: 10 → 0 (not active)",
      "canary_ramp: 0 → 20 (step 2 of 4)", "health_gate: at rest" })
  end)

  it("names the attribute where no policy changed it", function()
    assert.equal("attribute", told { 'key "/x": 10', "schedule: SCHEDULE: never" })
  end)

  it("names the policy that added a cluster or took it out", function()
    assert.equal("mine", told { "mine: added with weight 7 (just so)" })
    assert.equal("weights", told({ 'key "/x": 10' }, { { path = "/x", cluster = "b",
      why = { 'key "/x": 1', "weights: removed (it has no usable endpoint)" } } }, { "b" }))
  end)

  it("names each policy once, and at most three", function()
    local made = plan { "one: 1 → 2" }
    local clusters = made.listeners[1].routes[1].clusters
    for i, name in ipairs { "one", "two", "three", "four" } do
      clusters[i + 1] = { cluster = "c" .. i, why = { name .. ": 1 → 2" } }
    end
    assert.equal("two,three,four",
      because.of(made)("route l /x", { "a", "c1", "c2", "c3", "c4" }))
  end)

  it("knows nothing of what is no weight", function()
    assert.is_nil(told({ 'key "/x": 10' }, nil, { "timeout" }))
    assert.is_nil(because.of(plan { "one: 1 → 2" })("cluster a", { "1.1.1.1:80" }))
  end)
end)
