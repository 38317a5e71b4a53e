-- `bench/run` as a person runs it: what it refuses before it measures for minutes, and that nothing
-- it has started outlives it. What stands beside the programs here only looks like them.

local file = require("host.file")
local world_of = require("spec.support.world")

local TOLD = '{"endpoint":"http://127.0.0.1:1","namespace":"ns-1","name":"bench.local",'
  .. '"member":"srv-1"}'
local MARKS = "<!-- bench/run writes from here -->\n<!-- to here -->\n"

describe("bench/run", function()
  local world, nightjar

  -- A program that notes its process id, and then never ends.
  local function program(path, first)
    assert(file.write(path, ("#!/bin/sh\necho $$ >>%s/pids\n%s\nexec sleep 600\n"):format(
      world.directory, first), { mode = 493 })) -- 0755
    return path
  end

  before_each(function()
    world = world_of.new()
    assert(file.mkdir(world.directory .. "/bench"))
    program(world.directory .. "/bench/server", ("echo '%s'"):format(TOLD))
    -- It stands still, as while others are measured.
    nightjar = program(world.directory .. "/nightjar", "kill -STOP $$")
  end)

  local function start(...)
    return world:start("bench", { "python3", "-B", "bench/run", nightjar, ... })
  end

  local function started()
    local pids = {}
    for pid in (file.read(world.directory .. "/pids") or ""):gmatch("%d+") do
      pids[#pids + 1] = pid
    end
    return pids
  end

  local function state_of(pid)
    return (file.read("/proc/" .. pid .. "/stat") or ""):match("%) (%a)")
  end

  after_each(function()
    for _, pid in ipairs(started()) do
      if state_of(pid) then os.execute("kill -KILL " .. pid) end
    end
    assert.same({}, world:close())
  end)

  it("refuses what it cannot do before it has begun", function()
    local document = world.directory .. "/document.md"
    assert(file.write(document, MARKS .. MARKS))
    for words, message in pairs {
      [{ "--mesh", "X" }] = "--mesh: expected some of S,M,L, got 'X'",
      [{ "--mesh", "S,X" }] = "--mesh: expected some of S,M,L, got 'S,X'",
      [{ "--mesh", "" }] = "--mesh: expected some of S,M,L, got ''",
      [{ "--repetitions", "0" }] = "--repetitions: expected a whole number above 0, got '0'",
      [{ "--repetitions", "-1" }] = "--repetitions: expected a whole number above 0, got '-1'",
      [{ "--repetitions", "many" }] = "--repetitions: expected a whole number above 0, got 'many'",
      [{ "--docs", "/nonexistent/a.md" }] = "--docs: /nonexistent/a.md: ",
      [{ "--docs", document }] = document .. ": expected the two marks of docs/performance.md",
      [{ "--json", "/nonexistent/a.json" }] = "--json: /nonexistent/a.json: cannot be written",
      [{ "--svg", world.directory }] = "cannot be written",
      [{ "--svg", world.directory .. "/a.svg", "--mesh", "S" }] = "one mesh is no plot",
    } do
      local bench = start(table.unpack(words))
      assert.equal(2, world:ended(bench, 20))
      assert.matches(message, world:log(bench), 1, true)
    end
    assert(file.remove(world.directory .. "/bench/server"))
    local bench = start("--mesh", "S")
    assert.equal(2, world:ended(bench, 20))
    assert.matches("/bench/server is no program: `make bench` builds it", world:log(bench), 1, true)
    assert.same({}, started())
  end)

  for name, number in pairs { HUP = 1, INT = 2, TERM = 15 } do
    it("that is ended with " .. name .. " leaves no program behind, be it stopped", function()
      local bench = start("--mesh", "S", "--short")
      world.eventually(function()
        local pids = started()
        return pids[2] and state_of(pids[2]) == "T"
      end, 20, "the agent stands still")
      world:signal(bench, name)
      assert.equal(128 + number, world:ended(bench, 30))
      for _, pid in ipairs(started()) do assert.is_nil(state_of(pid), pid) end
      for _, item in ipairs(assert(file.list(world.directory .. "/bench"))) do
        assert.equal("server", item.name)
      end
    end)
  end
end)
