-- What a pass remembers: generations that Envoy refused.
local pass = require "nightjar.agent.pass"
local publish = require "nightjar.agent.publish"
local sched = require "nightjar.agent.sched"

describe("a generation that Envoy refused", function()
  local now, answer, given, one
  local real_now, real_run = sched.now, publish.run

  before_each(function()
    now = 1000
    sched.now = function() return now end
    publish.run = function(input)
      given = input.refused
      if answer and given == answer then return nil, "not again", answer end
      if answer then return nil, "refused", answer end
      return { generation = "g" }
    end
    one = pass.new({}, { accepted = { paths = {} } }, {
      supervises = function() return false end, reachable = function() end,
      running = function() end })
  end)
  after_each(function() sched.now, publish.run = real_now, real_run end)

  local function try(generation)
    answer = generation
    one:publish({ files = {} })
    return given
  end

  it("is not tried again at the next passes, but after five minutes", function()
    assert.is_nil(try("bad"))
    for _ = 1, 4 do
      now = now + 70
      assert.equal("bad", try("bad"))
    end
    now = now + 20
    assert.is_nil(try("bad"))
    now = now + 299
    assert.equal("bad", try("bad"))
  end)

  it("is tried at each pass where nothing is in force: a port may have become free", function()
    one.state.accepted = nil
    assert.is_nil(try("bad"))
    now = now + 1
    assert.is_nil(try("bad"))
  end)

  it("is worth a new try when asked for, and when another one was published", function()
    try("bad")
    one:forgive()
    assert.is_nil(try("bad"))
    assert.equal("bad", try(nil))
    assert.is_nil(try("bad"))
  end)
end)
