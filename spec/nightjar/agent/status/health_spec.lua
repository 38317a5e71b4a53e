-- Verdicts on facts; those that only an agent in trouble shows are given.

local facts = require("nightjar.agent.status.facts")
local health = require("nightjar.agent.status.health")
local lifecycle = require("nightjar.agent.lifecycle")
local moved = require("spec.support.moved")
local running = require("spec.support.running")
local sched = require("nightjar.agent.sched")

describe("health", function()
  local known

  before_each(function()
    known = {
      generation = { in_force = { name = "9c41d0f3a7be1f20" } },
      envoy = { supervised = true, state = "live" },
      pass = { longest = 300 }, loop = { waiting = 0, idle = 0 },
    }
  end)

  local function is_ready(answer)
    local ready, text = health.ready(known, answer)
    return ready and "ready" or "not", text
  end

  it("is ready as `nightjar ready` is, and says it in the same words", function()
    assert.same({ true, "ready: generation 9c41d0f3a7be1f20 is in force; Envoy is live" },
      { health.ready(known) })
    known.generation.in_force = nil
    assert.same({ false, "not ready: no generation is in force yet" }, { health.ready(known) })
  end)

  it("is not ready where a file of the generation is gone", function()
    known.missing = "stat: /x/lds.json: No such file or directory"
    assert.same({ false, "not ready: " .. known.missing }, { health.ready(known) })
  end)

  it("is ready in those states of Envoy in which one serves and can be asked", function()
    local ready = {}
    for _, state in ipairs(lifecycle.states) do
      known.envoy.state = state[1]
      local verdict, text = health.ready(known)
      ready[#ready + 1] = verdict and state[1] or nil
      assert.matches(verdict and "^ready: " or "^not ready: Envoy ", text)
    end
    assert.same({ "live", "handing_over" }, ready)
  end)

  it("says what stands in Envoy's way", function()
    known.envoy.state, known.envoy.problem = "waiting", "envoy: no such program"
    assert.matches("is started again soon: envoy: no such program", (select(2, is_ready())))
  end)

  it("wants an answer of an Envoy that somebody else starts", function()
    known.envoy = { supervised = false }
    assert.equal("not", (is_ready()))
    assert.equal("ready", (is_ready { state = "LIVE" }))
    assert.equal("not", (is_ready { state = "DRAINING" }))
    assert.equal("ready", (is_ready { err = "refused", kind = "connect" }))
    local verdict, text = is_ready { err = "no answer in time", kind = "timeout" }
    assert.equal("not", verdict)
    assert.matches("no answer in time", text)
  end)

  it("is ready while a generation is pinned, and says so", function()
    known.generation.pinned = { generation = "aaaa1111", at = 1700000000 }
    local verdict, text = is_ready()
    assert.equal("ready", verdict)
    assert.matches("; PINNED since 2023%-11%-14T22:13:20Z to generation aaaa1111 until "
      .. "`nightjar resume`$", text)
  end)

  it("is not ready once the agent stops, but lives", function()
    known.stopping = "signal TERM"
    assert.equal("not", (is_ready()))
    assert.is_true((health.live(known)))
  end)

  it("lives while passes take their time", function()
    known.pass.under_way = { seconds = 599, stage = "publish" }
    assert.is_true((health.live(known)))
    known.pass.under_way.seconds = 601
    local live, text = health.live(known)
    assert.is_false(live)
    assert.matches("601 s.*stage publish; a restart of the agent helps", text)
  end)

  it("does not live when a pass was due long ago, unless the agent is about to leave", function()
    known.pass.next_in = -10
    assert.is_true((health.live(known)))
    known.pass.next_in = -121.5
    local live, text = health.live(known)
    assert.is_false(live)
    assert.matches("was due 121 s ago", text)
    known.leaving = 100
    assert.is_true((health.live(known)))
  end)

  it("does not live when the main loop leaves events lying", function()
    known.loop = { waiting = 0, idle = 1000 }
    assert.is_true((health.live(known)))
    known.loop.waiting = 3
    assert.is_false((health.live(known)))
    known.loop.idle = 30
    assert.is_true((health.live(known)))
  end)

  it("judges an agent that runs: failing passes are no reason to restart it", function()
    local place = running.new()
    place:mesh { web = 1 }
    place:run(place:settings(), function(one, after_pass)
      after_pass()
      local now = facts.gather(one)
      local answer = health.ask(one)
      assert.equal("connect", answer.kind)
      assert.is_true((health.ready(now, answer)))
      assert.is_true((health.live(now)))
      function one.pass.discover() return nil, "discovery: away" end
      one.events:put({ signal = "HUP" })
      after_pass()
      now = facts.gather(one)
      assert.equal("discovery: away", now.pass.failures.discover.reason)
      assert.is_true((health.ready(now, health.ask(one))))
      assert.is_true((health.live(now)))
    end)
    place:close()
  end)

  it("sees a pass that hangs, with its stage", function()
    local place = running.new()
    place:mesh { web = 1 }
    moved.install()
    place:run(place:settings(), function(one, after_pass)
      after_pass()
      function one.pass.plan() sched.sleep(36000) end
      one.events:put({ signal = "HUP" })
      sched.sleep(0.1)
      moved.by(facts.gather(one).pass.longest)
      assert.is_true((health.live(facts.gather(one))))
      moved.by(facts.gather(one).pass.longest)
      local live, text = health.live(facts.gather(one))
      assert.is_false(live)
      assert.matches("is in its stage plan; a restart", text)
    end)
    moved.remove()
    place:close()
  end)
end)
