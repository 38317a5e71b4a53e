-- The state table of Envoy's life, cell by cell, and what must hold of it as a whole.

local lifecycle = require("nightjar.agent.lifecycle")

-- What is expected of each state: `event -> next state, actions`. An event that is not named here
-- must be ignored.
local EXPECTED = {
  absent = [[
    start -> starting spawn
    taken -> starting watch
    not_spawned -> waiting back_off
    stop -> ended
  ]],
  starting = [[
    not_spawned -> waiting back_off
    live -> live settle
    late -> mute tell_mute
    silent -> suspect probe
    changed -> replacing tell_cold drain
    changed_cold -> replacing tell_cold drain
    died -> waiting tell_death kill back_off
    old_ended -> starting tell_end
    stop -> draining drain
  ]],
  live = [[
    silent -> suspect probe
    changed -> handing_over spawn_beside
    changed_cold -> replacing tell_cold drain
    died -> waiting tell_death kill back_off
    old_ended -> live tell_end
    stop -> draining drain
  ]],
  mute = [[
    live -> live settle
    silent -> suspect probe
    changed -> handing_over spawn_beside
    changed_cold -> replacing tell_cold drain
    died -> waiting tell_death kill back_off
    old_ended -> mute tell_end
    stop -> draining drain
  ]],
  handing_over = [[
    not_spawned -> starting watch
    live -> live settle
    late -> mute tell_mute
    silent -> handing_over kill_newest
    changed -> handing_over kill_newest
    changed_cold -> handing_over kill_newest
    died -> fallen_back tell_handover fall_back
    old_ended -> starting tell_end
    stop -> draining drain
  ]],
  fallen_back = [[
    changed -> replacing tell_cold drain
    changed_cold -> replacing tell_cold drain
    died -> waiting tell_death kill back_off
    old_ended -> fallen_back tell_end
    stop -> draining drain
  ]],
  suspect = [[
    live -> live tell_answers
    serves -> busy tell_busy
    hangs -> waiting tell_hang kill back_off
    died -> waiting tell_death kill back_off
    old_ended -> suspect tell_end
    stop -> draining drain
  ]],
  busy = [[
    live -> live tell_answers
    silent -> suspect probe
    died -> waiting tell_death kill back_off
    old_ended -> busy tell_end
    stop -> draining drain
  ]],
  waiting = [[
    due -> starting spawn
    died -> waiting tell_end
    old_ended -> waiting tell_end
    stop -> killing kill
  ]],
  replacing = [[
    drained -> restarting terminate
    died -> replacing tell_end
    old_ended -> replacing tell_end
    gone -> starting spawn
    stop -> draining drain
  ]],
  restarting = [[
    died -> restarting tell_end
    old_ended -> restarting tell_end
    gone -> starting spawn
    stop -> ending terminate
  ]],
  draining = [[
    drained -> ending terminate
    died -> draining tell_end
    old_ended -> draining tell_end
    gone -> ended leave
    insist -> killing tell_kill kill
  ]],
  ending = [[
    died -> ending tell_end
    old_ended -> ending tell_end
    gone -> ended leave
    insist -> killing tell_kill kill
  ]],
  killing = [[
    died -> killing tell_end
    old_ended -> killing tell_end
    gone -> ended leave
  ]],
  ended = [[
  ]],
}

local function names(list)
  local result = {}
  for i, entry in ipairs(list) do result[i] = entry[1] end
  return result
end

local EVENTS = names(lifecycle.events)

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function expected(state, event)
  for line in EXPECTED[state]:gmatch("[^\n]+") do
    local on, outcome = line:match("^%s*(%S+) %-> (.*)$")
    if on == event then return outcome end
  end
  return state
end

local function outcome(state, event)
  local next_state, actions = lifecycle.step(state, event)
  return table.concat({ next_state, table.unpack(actions) }, " ")
end

describe("the life of Envoy", function()
  for _, state in ipairs(sorted_keys(EXPECTED)) do
    for _, event in ipairs(EVENTS) do
      local wanted = expected(state, event)
      it(("%s, %s: %s"):format(state, event, wanted == state and "ignored" or wanted), function()
        assert.equal(wanted, outcome(state, event))
        assert.equal(wanted == state, lifecycle.cells[state][event] == "ignored")
      end)
    end
  end

  it("has no other state, and no cell is missing or too many", function()
    assert.same(sorted_keys(EXPECTED), sorted_keys(lifecycle.cells))
    local states = names(lifecycle.states)
    table.sort(states)
    assert.same(states, sorted_keys(lifecycle.cells))
    local events = table.move(EVENTS, 1, #EVENTS, 1, {})
    table.sort(events)
    for state, cells in pairs(lifecycle.cells) do
      assert.same(events, sorted_keys(cells), state)
    end
  end)

  it("expects nothing of events that there are not", function()
    local known = {}
    for _, event in ipairs(EVENTS) do known[event] = true end
    for state, text in pairs(EXPECTED) do
      for event in text:gmatch("(%S+) %->") do
        assert.is_true(known[event] or false, state .. ": " .. event)
      end
    end
  end)

  it("does what can be done: each action is known, performed and used", function()
    local deeds = require("nightjar.agent.deeds")
    local used = {}
    for _, cells in pairs(lifecycle.cells) do
      for _, cell in pairs(cells) do
        for _, action in ipairs(cell ~= "ignored" and cell.actions or {}) do used[action] = true end
      end
    end
    local known = names(lifecycle.actions)
    table.sort(known)
    assert.same(known, sorted_keys(used))
    for _, action in ipairs(known) do assert.is_function(deeds[action], action) end
  end)

  -- The states that can follow from one by any events.
  local function reachable(from, events)
    local seen, queue = { [from] = true }, { from }
    while #queue > 0 do
      local state = table.remove(queue)
      for _, event in ipairs(events) do
        local next_state = lifecycle.step(state, event)
        if not seen[next_state] then
          seen[next_state] = true
          queue[#queue + 1] = next_state
        end
      end
    end
    return seen
  end

  it("reaches each state from the first", function()
    assert.same(sorted_keys(lifecycle.cells), sorted_keys(reachable(lifecycle.first, EVENTS)))
  end)

  it("comes to its end from each state by stop, whether or not Envoy lets itself be drained",
    function()
      for state in pairs(lifecycle.cells) do
        for _, course in ipairs { { "stop", "drained", "gone" }, { "stop", "insist", "gone" },
          { "stop", "gone" } } do
          local at = state
          for _, event in ipairs(course) do at = lifecycle.step(at, event) end
          assert.equal(lifecycle.last, at, state .. " by " .. table.concat(course, ", "))
        end
      end
    end)

  it("never starts anything after stop", function()
    for state in pairs(lifecycle.cells) do
      local stopped = lifecycle.step(state, "stop")
      for after in pairs(reachable(stopped, EVENTS)) do
        for _, event in ipairs(EVENTS) do
          local _, actions = lifecycle.step(after, event)
          for _, action in ipairs(actions) do
            assert.is_nil(action:find("spawn"), ("%s, %s, %s"):format(state, after, event))
          end
        end
      end
    end
  end)

  describe("in docs/supervision.md", function()
    local page = assert(require("host.file").read("docs/supervision.md"))

    it("is what docs/supervision.lua writes from the table", function()
      local before = package.path
      local written = dofile("docs/supervision.lua")
      package.path = before
      assert.equal(written, page)
    end)

    it("stands beside each cause of a death, with what to do", function()
      for _, one in pairs(require("nightjar.agent.cause").list) do
        assert.matches("| `" .. one.event .. "` | [^|]+ | [^|]+ |", page)
      end
    end)
  end)

  it("names a state or an event that there is not", function()
    assert.error_matches(function() lifecycle.step("asleep", "stop") end, "no state asleep")
    assert.error_matches(function() lifecycle.step("live", "sings") end, "no event sings")
  end)
end)
