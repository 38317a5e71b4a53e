-- Which of the shipped policies are not even read, and that nobody can tell by the plan.

local build = require("spec.support.mesh")
local policy_folder = require("nightjar.plan.policy_folder")
local policy_record = require("nightjar.plan.policy_record")
local resting_policies = require("nightjar.plan.resting_policies")

-- The shipped files, with `change(text)` in the place of one's text.
local function files(name, change)
  local list = build.shipped_policies()
  for i, file in ipairs(list) do
    if file.name == name then list[i] = { name = name, text = change(file.text) } end
  end
  return list
end

local function commented(text) return text .. "\n-- mine\n" end

local function snapshot(attributes)
  attributes["/shop"] = "90"
  return build.own({ build.service("shop-blue", attributes),
    build.service("shop-green", { SERVICE = "shop", COLOR = "green", ["/shop"] = "10" }) })
end

describe("of the shipped policies", function()
  it("those that nobody asks for rest, and no others", function()
    local rests = resting_policies.of(build.shipped_policies(), {}, { MIRROR = true })
    local resting = 0
    for _, policy in ipairs(assert(policy_folder.load(build.shipped_policies()))) do
      local idle = policy_record.is_idle(policy.record, nil, { MIRROR = true })
      assert.equal(idle, rests(policy.name), policy.name)
      resting = resting + (idle and 1 or 0)
    end
    assert.is_true(resting > 10)
    assert.is_false(rests("mirror"))
  end)

  it("none rests that the configuration has something to say to", function()
    local list = build.shipped_policies()
    assert.is_false(resting_policies.of(list, { freeze = {} }, {})("freeze"))
    assert.is_true(resting_policies.of(list, { mirror = {} }, {})("freeze"))
  end)

  it("one that was changed is read, and the others rest", function()
    local rests = resting_policies.of(files("freeze.lua", commented), {}, {})
    assert.is_false(rests("freeze"))
    assert.is_true(rests("mirror"))
  end)

  it("all are read when a file of policies/lib was changed or taken away", function()
    assert.is_false(resting_policies.of(files("lib/walk.lua", commented), {}, {})("freeze"))
    local list = build.shipped_policies()
    for i = #list, 1, -1 do
      if list[i].name == "lib/walk.lua" then table.remove(list, i) end
    end
    assert.is_false(resting_policies.of(list, {}, {})("freeze"))
  end)

  it("one that is no longer right is an error, whether it has work or not", function()
    local broken = files("freeze.lua", function(text) return text .. "\nreturn (" end)
    local made, err = build.run(snapshot({ SERVICE = "shop", COLOR = "blue" }),
      { policies = broken })
    assert.is_nil(made)
    assert.matches("^policies/freeze%.lua:%d+: ", err.message)
    made, err = build.run(snapshot({}), { policies = files("lib/walk.lua",
      function() return "error('not today')" end) })
    assert.is_nil(made)
    assert.matches("^policies/lib/walk%.lua:1: not today", err.message)
  end)

  it("those that are read and rest leave the same plan as those that are not read", function()
    for _, attributes in ipairs({ {}, { FREEZE = "true" }, { MIRROR = "green 10" } }) do
      attributes.SERVICE, attributes.COLOR = "shop", "blue"
      local quick = assert(build.run(snapshot(attributes)))
      local slow = assert(build.run(snapshot(attributes),
        { policies = files("lib/text.lua", commented) }))
      quick.model, slow.model = nil, nil
      assert.same(slow, quick)
    end
  end)
end)
