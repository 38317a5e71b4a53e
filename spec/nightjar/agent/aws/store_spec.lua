-- How credentials are held and renewed, by a clock that moves at will.

local sched = require "nightjar.agent.sched"
local store = require "nightjar.agent.aws.store"

local HOUR = 3600

describe("held credentials", function()
  local now, skew, random, asked, answers, held

  before_each(function()
    now, skew, random, asked, answers = 1000000, { skew = 0 }, 0.5, 0, {}
    held = store.new({ now = function() return now end, random = function() return random end,
      clock = skew }, { { find = function()
        asked = asked + 1
        local answer = answers[math.min(asked, #answers)]
        if type(answer) == "function" then answer = answer() end
        if type(answer) == "string" then return nil, answer end
        if answer.note then return nil, nil, answer.note end
        return answer
      end } })
  end)

  local function keys(id, life, fields)
    local result = { access_key_id = id, secret_access_key = "s", source = "spec", method = "spec",
      expires = life and now + life }
    for name, value in pairs(fields or {}) do result[name] = value end
    return result
  end

  local function get()
    local found, err = sched.run(function() return held:get() end)
    return found and found.access_key_id or nil, err
  end

  it("are told without a secret, and whether their renewal fails", function()
    assert.is_nil(held:describe())
    answers = { keys("A", HOUR), "no answer", keys("B", HOUR) }
    get()
    assert.same({ source = "spec", method = "spec", expires = now + HOUR, troubled = false },
      held:describe())
    now = now + HOUR - 700
    get()
    assert.is_true(held:describe().troubled)
    now = now + 200
    assert.equal("B", (get()))
    assert.is_false(held:describe().troubled)
  end)

  it("without an end are fetched once", function()
    answers = { keys("A") }
    assert.equal("A", get())
    now = now + 365 * 24 * HOUR
    assert.equal("A", get())
    assert.equal(1, asked)
  end)

  it("are renewed from 15 minutes before their end, each container at its own moment", function()
    answers = { keys("A", 6 * HOUR), keys("B", 12 * HOUR) }
    get()
    local ends = now + 6 * HOUR
    now = ends - 15 * 60 - 1
    assert.equal("A", get())
    now = ends - 15 * 60 + 29
    assert.equal("A", get())
    now = ends - 15 * 60 + 31
    assert.equal("B", get())
  end)

  it("are renewed at one of the first 60 seconds at the latest", function()
    random = 0.999
    answers = { keys("A", 6 * HOUR), keys("B", 12 * HOUR) }
    get()
    now = now + 6 * HOUR - 14 * 60
    assert.equal("B", get())
  end)

  it("that live for minutes only are not asked for all the time", function()
    answers = { keys("A", 9 * 60), keys("B", 18 * 60) }
    get()
    now = now + 5 * 60
    assert.equal("A", get())
    now = now + 2 * 60
    assert.equal("B", get())
    assert.equal(2, asked)
  end)

  it("stay in use while renewal fails; it is tried now and then, from 10 minutes always", function()
    answers = { keys("A", 6 * HOUR), "away" }
    get()
    local ends = now + 6 * HOUR
    now = ends - 14 * 60
    assert.equal("A", get())
    assert.equal("A", get())
    assert.equal(2, asked)
    now = ends - 9 * 60
    assert.equal("A", get())
    assert.equal("A", get())
    assert.equal(4, asked)
    now = ends
    assert.same({ nil, "away" }, { get() })
  end)

  it("are not waited for by those who can do with the old ones", function()
    answers = { keys("A", 6 * HOUR), function()
      sched.sleep(0.05)
      return keys("B", 6 * HOUR)
    end }
    get()
    now = now + 6 * HOUR - 14 * 60
    local order = {}
    sched.run(function()
      sched.all({ "first", "second" }, 2, function(name)
        local found = held:get().access_key_id
        order[#order + 1] = name .. " " .. found
      end)
    end)
    assert.same({ "second A", "first B" }, order)
    assert.equal(2, asked)
  end)

  it("are fetched once for all who wait", function()
    answers = { function()
      sched.sleep(0.02)
      return keys("A", HOUR)
    end }
    local found = sched.run(function()
      return sched.all({ 1, 2, 3, 4 }, 4, function() return held:get().access_key_id end)
    end)
    assert.same({ "A", "A", "A", "A" }, found)
    assert.equal(1, asked)
  end)

  it("that cannot be had are asked for once for all who wait, and again for the next", function()
    answers = { function()
      sched.sleep(0.02)
      return "away"
    end }
    local errors = sched.run(function()
      return sched.all({ 1, 2, 3, 4 }, 4, function() return select(2, held:get()) end)
    end)
    assert.same({ "away", "away", "away", "away" }, errors)
    assert.equal(1, asked)
    get()
    assert.equal(2, asked)
  end)

  it("tell whether asking anew has a point when AWS refuses them", function()
    answers = { keys("A"), keys("B"), keys("C") }
    get()
    local first = held.held
    assert.is_true(held:expire(first))
    get()
    assert.is_true(held:expire(first))
    assert.is_false(held:expire(held.held))
  end)

  it("of an instance stay in use beyond their end, with a try every 5 to 10 minutes", function()
    answers = { keys("A", 6 * HOUR, { is_static = true }), "away", "away",
      keys("B", 24 * HOUR, { is_static = true }) }
    get()
    now = now + 7 * HOUR
    assert.equal("A", get())
    now = now + 449
    assert.equal("A", get())
    assert.equal(2, asked)
    now = now + 2
    assert.equal("A", get())
    assert.equal(3, asked)
    now = now + 451
    assert.equal("B", get())
  end)

  it("of an instance stay in use while it hands out old ones", function()
    answers = { keys("A", -HOUR, { is_static = true }) }
    assert.equal("A", get())
    assert.equal("A", get())
    assert.equal(1, asked)
    now = now + 451
    assert.equal("A", get())
    assert.equal(2, asked)
  end)

  it("that seem to have ended when they come are tried: AWS's clock decides, not ours", function()
    answers = { keys("A", -HOUR) }
    assert.equal("A", get())
    assert.equal("A", get())
    assert.equal(1, asked)
    skew.skew = -2 * HOUR
    now = now + 61
    -- By AWS's clock they have an hour: all is well until a quarter of an hour before that ends.
    assert.equal("A", get())
    now = now + 44 * 60
    assert.equal(1, asked)
    now = now + 90
    assert.equal("A", get())
    assert.equal(2, asked)
  end)

  it("end by AWS's clock where a call has told it", function()
    answers = { keys("A", 6 * HOUR), keys("B", 12 * HOUR) }
    get()
    skew.skew = 6 * HOUR - 60
    assert.equal("B", get())
  end)

  it("are fetched anew once AWS has refused them; those of an instance stay in reserve", function()
    answers = { keys("A", 6 * HOUR), "away", keys("B", 6 * HOUR, { is_static = true }), "away" }
    get()
    held:expire(held.held)
    assert.same({ nil, "away" }, { get() })
    assert.equal("B", get())
    now = now + 60
    held:expire(held.held)
    assert.equal("B", get())
    assert.equal(4, asked)
  end)

  it("are not fetched for each call of a pass while AWS refuses the new ones too", function()
    answers = { keys("A"), keys("B"), keys("C") }
    get()
    for _ = 1, 10 do
      held:expire(held.held)
      get()
    end
    assert.equal(2, asked)
    now = now + 31
    held:expire(held.held)
    assert.equal("C", get())
  end)

  it("that another call has replaced meanwhile are not thrown away", function()
    answers = { keys("A"), keys("B") }
    get()
    local old = held.held
    held:expire(old)
    assert.equal("B", get())
    now = now + 60
    held:expire(old)
    assert.equal("B", get())
  end)

  it("that are nowhere are an error with what the last sources said", function()
    answers = { { note = "instance metadata: timed out" } }
    local found, err = get()
    assert.is_nil(found)
    assert.equal("no AWS credentials: not in the environment, a web identity, a profile, the "
      .. "container's endpoint or the instance's metadata; instance metadata: timed out", err)
  end)
end)
