-- Who goes through a gate, and when: in order, no more than there are places, none lost.

local gate = require("nightjar.agent.gate")
local sched = require("nightjar.agent.sched")

describe("a gate", function()
  it("lets no more through than it has places, in the order in which they came", function()
    sched.run(function()
      local g, inside, most, order = gate.new(2), 0, 0, {}
      sched.all({ 1, 2, 3, 4, 5, 6, 7 }, 7, function(number)
        local place <close> = g:enter() -- luacheck: ignore place
        order[#order + 1] = number
        inside = inside + 1
        most = math.max(most, inside)
        sched.sleep(0.01)
        inside = inside - 1
      end)
      assert.equal(2, most)
      assert.same({ 1, 2, 3, 4, 5, 6, 7 }, order)
    end)
  end)

  it("loses no place of those who are cancelled: within, waiting, or just let in", function()
    sched.run(function()
      local g = gate.new(1)
      local function stay()
        local place <close> = g:enter() -- luacheck: ignore place
        sched.sleep(60)
      end
      local within, waiting, next_one = sched.spawn(stay), sched.spawn(stay), sched.spawn(stay)
      sched.sleep(0)
      waiting:cancel()
      within:cancel() -- its place goes to the next one, who has not had the word since
      next_one:cancel()
      for _ = 1, 3 do
        local place <close> = g:enter() -- luacheck: ignore place
      end
      local entered = {}
      sched.all({ "a", "b", "c" }, 3, function(name)
        local place <close> = g:enter() -- luacheck: ignore place
        entered[#entered + 1] = name
        sched.sleep(0.001)
      end)
      assert.same({ "a", "b", "c" }, entered)
    end)
  end)
end)
