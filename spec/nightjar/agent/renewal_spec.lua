-- The agent's restart in place, as far as it does not take the process along; the rest is in
-- spec/system/supervision_spec.lua.

local renewal = require("nightjar.agent.renewal")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")

describe("renewal", function()
  it("knows the words by which the process was started, empty ones too", function()
    local result = script.run([[
      for i, word in ipairs(assert(require("nightjar.agent.renewal").arguments())) do
        say(i .. " " .. (word:match("[^/]*$")))
      end
    ]])
    assert.same({ "1 nightjar", "2 test", "3 -o", "4 TAP", "5 script.lua" }, result.said)
  end)

  local function run(pass, urgent)
    local handed_on = false
    return sched.run(function()
      local task = pass and sched.spawn(pass)
      local ok, err = renewal.run {
        pass = task, urgent = urgent, supervisor = { hand_on = function() handed_on = true end },
      }
      assert.is_nil(ok)
      return err, handed_on, task and task.results ~= nil
    end)
  end

  it("gives way to a wish to stop, and gives no pass up for nothing", function()
    local err, _, over = run(function() sched.sleep(60) end, function() return true end)
    assert.equal("it is to stop", err)
    assert.is_false(over)
  end)
end)
