-- Who goes through a gate, and when: in order, no more than there are places, none lost.

local gate = require("nightjar.agent.gate")
local sched = require("nightjar.agent.sched")

describe("a gate", function()
  -- A task that stays within until it is cancelled.
  local function hold(g)
    return sched.spawn(function()
      local place <close> = g:enter() -- luacheck: ignore place
      sched.sleep(60)
    end)
  end

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
      local within, waiting, next_one = hold(g), hold(g), hold(g)
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

  describe("for one who can use several places", function()
    -- Takes places and says how many it has at first; each further one adds to `told`.
    local function enter_many(g, most, told)
      local many = g:enter_many(most, most)
      many.widen = function() told[#told + 1] = many.count end
      return many
    end

    local function free_of(g)
      local many <close> = g:enter_many(1000, 1000)
      return many.count
    end

    it("gives what is free, up to what is asked for", function()
      sched.run(function()
        local g = gate.new(8)
        do
          local few <close> = g:enter_many(3, 3)
          assert.equal(3, few.count)
          local rest <close> = g:enter_many(8, 8)
          assert.equal(5, rest.count)
        end
        assert.equal(8, free_of(g))
      end)
    end)

    it("gives what becomes free too, unless somebody waits for it", function()
      sched.run(function()
        local g, told, waited = gate.new(3), {}, false
        local first, second = hold(g), hold(g)
        sched.sleep(0)
        do
          local many <close> = enter_many(g, 3, told)
          assert.equal(1, many.count)
          local waiting = sched.spawn(function()
            local place <close> = g:enter() -- luacheck: ignore place
            waited = true
          end)
          sched.sleep(0)
          first:cancel() -- its place goes to who waits, and then to who has several
          assert.same({}, told)
          waiting:join()
          assert.is_true(waited)
          assert.same({ 2 }, told)
          second:cancel()
          assert.same({ 2, 3 }, told)
        end
        assert.equal(3, free_of(g))
      end)
    end)

    it("takes back what is not needed any more, for who waits, and gives no more then", function()
      sched.run(function()
        local g, told, waited = gate.new(4), {}, false
        local held = hold(g)
        sched.sleep(0)
        do
          local many <close> = enter_many(g, 4, told)
          assert.equal(3, many.count)
          local waiting = sched.spawn(function()
            local place <close> = g:enter() -- luacheck: ignore place
            waited = true
          end)
          sched.sleep(0)
          many:narrow(1)
          assert.equal(1, many.count)
          waiting:join()
          assert.is_true(waited)
          held:cancel()
          assert.same({}, told)
          assert.equal(3, free_of(g))
        end
        assert.equal(4, free_of(g))
      end)
    end)

    it("gives no more than can be used", function()
      sched.run(function()
        local g, told = gate.new(3), {}
        local held = hold(g)
        sched.sleep(0)
        local many <close> = enter_many(g, 2, told) -- luacheck: ignore many
        held:cancel()
        assert.same({}, told)
        assert.equal(1, free_of(g))
      end)
    end)

    it("gives a place that was handed to somebody who was cancelled then, too", function()
      sched.run(function()
        local g = gate.new(2)
        local first, second, waiting = hold(g), hold(g), hold(g)
        sched.sleep(0)
        first:cancel()
        waiting:cancel()
        second:cancel()
        assert.equal(2, free_of(g))
        assert.equal(2, free_of(g))
      end)
    end)

    it("waits for one where none is free, and others who wait get one too", function()
      sched.run(function()
        local g, counts = gate.new(4), {}
        sched.all({ 1, 2, 3 }, 3, function(number)
          local many <close> = g:enter_many(4, 4)
          counts[number] = many.count
          sched.sleep(0.01)
        end)
        assert.same({ 4, 3, 1 }, counts)
        assert.equal(4, free_of(g))
      end)
    end)
  end)
end)
