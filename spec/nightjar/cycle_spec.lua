-- The cycle: its stages in their order, and what goes from one to the next.

local cycle = require("nightjar.cycle")

describe("the cycle", function()
  it("is the picture in its order", function()
    assert.same({ "discover", "plan", "publish", "supervise" }, cycle.world)
    assert.same({ "model", "policy", "view", "render" }, cycle.pure)
  end)

  it("gives each stage what the one before it made, and all of them the settings", function()
    local seen = {}
    local function stage(name)
      return { name = name, run = function(input, settings) return input .. name .. settings end }
    end
    local output = cycle.run({ stage("a"), stage("b") }, ">", "!", function(name, value)
      seen[#seen + 1] = name .. "=" .. value
    end)
    assert.equal(">a!b!", output)
    assert.same({ "a=>a!", "b=>a!b!" }, seen)
  end)

  it("stops at the stage that fails, and names it", function()
    local called = false
    local output, err, name = cycle.run({
      { name = "a", run = function() return nil, "no" end },
      { name = "b", run = function() called = true end } }, 1, {})
    assert.is_nil(output)
    assert.same({ "no", "a" }, { err, name })
    assert.is_false(called)
  end)

  it("has stages that never require one another", function()
    local build = require("spec.support.mesh")
    local root = require("host.program").data_directory() .. "/lua/nightjar/plan/"
    for _, name in ipairs(cycle.pure) do
      local text = build.read(root .. name .. ".lua")
      for _, other in ipairs(cycle.pure) do
        assert.is_nil(text:find('require%(?%s*"nightjar%.plan%.' .. other .. '"'), name)
      end
    end
  end)
end)
