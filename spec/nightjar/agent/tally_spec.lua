-- What the agent remembers of its passes.

local moved = require("spec.support.moved")
local tally = require("nightjar.agent.tally")

describe("tally", function()
  local one

  before_each(function()
    moved.install()
    one = tally.new()
  end)

  after_each(function() moved.remove() end)

  local function pass(seconds, ...)
    one:begin()
    moved.by(seconds)
    one:finish(...)
  end

  it("knows when the last pass was, how long it took and how it ended", function()
    pass(2, true, true, "published")
    assert.equal("published", one.last.outcome)
    assert.is_true(math.abs(one.last.seconds - 2) < 0.5)
    assert.is_true(one.last.ended >= one.last.at + 2)
    assert.equal(one.last.ended, one.good)
    assert.is_nil(one.began)
    pass(3, true, true, "unchanged")
    assert.same({ published = 1, unchanged = 1, failed = 0, given_up = 0 }, one.outcomes)
    assert.is_true(math.abs(one.seconds - 5) < 1)
  end)

  it("keeps the time of the last good pass while passes fail", function()
    pass(1, true, true, "published")
    local good = one.good
    pass(1, true, nil, "discovery: no", "discover")
    assert.equal(good, one.good)
    assert.equal("failed", one.last.outcome)
  end)

  it("counts failures in a row, with the time of the first", function()
    pass(1, true, nil, "plan: one", "plan")
    local since = one.failures.plan.since
    pass(1, true, nil, "plan: two", "plan")
    local failure = one.failures.plan
    assert.equal("plan: two", failure.reason)
    assert.equal(2, failure.count)
    assert.equal(since, failure.since)
    assert.is_true(failure.at > since)
    assert.equal(2, one.failed.plan)
  end)

  it("says that a failure is over once its stage has done its work", function()
    pass(1, true, nil, "discovery: no", "discover")
    pass(1, true, nil, "plan: no", "plan")
    assert.is_number(one.failures.discover.over)
    assert.is_nil(one.failures.plan.over)
    pass(1, true, nil, "discovery: again", "discover")
    assert.is_nil(one.failures.discover.over)
    assert.equal(1, one.failures.discover.count)
    -- Of what was not reached nothing is known.
    assert.is_nil(one.failures.plan.over)
    pass(1, true, true, "unchanged")
    assert.is_number(one.failures.discover.over)
    assert.is_number(one.failures.plan.over)
    assert.equal(2, one.failed.discover)
  end)

  it("tells an error of nightjar's own by its first line, and when it is over", function()
    pass(1, false, "agent.lua:1: a bug\nstack traceback:\n\tin x")
    assert.equal("agent.lua:1: a bug", one.failures.internal.reason)
    assert.equal("failed", one.last.outcome)
    pass(1, true, true)
    assert.is_number(one.failures.internal.over)
    assert.equal(1, one.outcomes.unchanged)
  end)

  it("cuts a long reason within no character, and makes it plain", function()
    pass(1, true, nil, ("é"):rep(2000) .. "\27[31m", "plan")
    local reason = one.failures.plan.reason
    assert.is_true(#reason < 1100)
    assert.is_truthy(utf8.len(reason))
    pass(1, true, nil, "\27[31mred", "plan")
    assert.equal("\\x1b[31mred", one.failures.plan.reason)
  end)

  it("counts a pass that was given up as such", function()
    one:begin()
    one:give_up()
    assert.equal(1, one.outcomes.given_up)
    assert.is_nil(one.began)
    assert.same({}, one.failures)
  end)
end)
