-- Nothing becomes dearer unnoticed: instructions, allocations and calls of AWS on the reference
-- mesh stay within spec/load/budget.lua. All of them are counted, none is a time. It stands here
-- since valgrind takes all of a processor.

local budget = require("spec.load.budget")
local callgrind = require("spec.support.callgrind")
local cli = require("spec.support.cli")
local discover = require("nightjar.agent.discover")
local moto = require("spec.support.moto")
local planner = require("nightjar.agent.planner")
local program = require("host.program")
local reference = require("spec.support.reference")
local sched = require("nightjar.agent.sched")
local settings_of = require("nightjar.settings")

local missing = callgrind.missing() or moto.missing()
if missing then
  pending("budgets: " .. missing)
  return
end

-- Passes beyond the first two, of which the second has a few things to do for the last time.
local UNCHANGED, CHANGED = 6, 3
local TRIES = 3

-- As the agent calls it, but without limits on time.
local PLAN = "%s/nightjar-plan --max-memory-mib 256 --max-instructions 100000000 "
  .. "--max-cpu-ms 600000 --max-seconds 600 <%s/request"

describe("the budget of", function()
  local endpoint, folder

  setup(function()
    endpoint, folder = moto.faulty(), cli.folder()
  end)

  teardown(function()
    endpoint:stop()
    cli.remove(folder)
  end)

  local function settings()
    return assert(settings_of.load { flags = {}, data_directory = program.data_directory(),
      environment = { TMP_DIR = folder, ENVOY_BIN = "", SERVICE_MEMBER = reference.MEMBER,
        AWS_REGION = "eu-central-1", AWS_ENDPOINT_URL = endpoint.endpoint, AWS_ACCESS_KEY_ID = "A",
        AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" } })
  end

  -- What the agent sends to nightjar-plan, and the calls of AWS until then.
  local function request()
    local text
    local execute = sched.exec
    finally(function() sched.exec = execute end)
    sched.exec = function(options)
      text = options.input
      return execute(options)
    end
    sched.run(function()
      local given = settings()
      local snapshot = assert(discover.run(nil, given))
      assert(planner.run({ snapshot = snapshot, now = snapshot.taken_at }, given))
    end)
    return text
  end

  local function is_within(counts, bounds)
    for what, most in pairs(bounds) do
      if counts[what] > most then return false end
    end
    return true
  end

  local function check(name, counts)
    local within = {}
    for what, most in pairs(budget[name]) do
      -- What was counted wrong would be within any bound.
      assert.is_true(counts[what] > most / 2, ("%s: %s: %d, expected more than half of %d: was all "
        .. "of it counted?"):format(name, what, counts[what], most))
      within[#within + 1] = ("%s %d of %d"):format(what, counts[what], most)
      assert.is_true(counts[what] <= most, ("%s: %s: %d, expected at most %d"):format(name, what,
        counts[what], most))
    end
    table.sort(within)
    print(("# %s: %s"):format(name, table.concat(within, ", ")))
  end

  it("a plan", function()
    endpoint:state(reference.state())
    cli.write(folder .. "/request", request())
    check("first", { calls = #endpoint:asked().requests })
    assert(os.execute(("cc -shared -fPIC -o %s/unconfined.so spec/support/unconfined.c")
      :format(folder)))
    check("plan", callgrind.run(PLAN:format(program.directory, folder),
      { environment = ("LD_PRELOAD=%s/unconfined.so"):format(folder) }))
  end)

  -- So many passes of an agent, from the start of the process to its end.
  local function passes(count, changes)
    endpoint:state(reference.state())
    local command = program.directory .. "/nightjar test spec/support/budget_passes.lua"
    local counts = callgrind.run(command, { environment = ("BUDGET_ENDPOINT=%s BUDGET_PASSES=%d %s")
      :format(endpoint.endpoint, count, changes and "BUDGET_CHANGES=1" or "") })
    counts.calls = #endpoint:asked().requests
    return counts
  end

  local function least(one, other)
    local counts = {}
    for what, number in pairs(one) do
      counts[what] = math.min(number, other and other[what] or number)
    end
    return counts
  end

  -- What each pass takes beyond the fifth, from which on nothing is left to settle. On a busy
  -- machine answers come one by one, and each wait adds to what is executed, so that what is beyond
  -- its bound is counted again: the least count of a run is the one that was disturbed least.
  local function beyond(name, count, changes)
    local five, all, each
    for _ = 1, TRIES do
      five, all, each = least(passes(5, changes), five), least(passes(5 + count, changes), all), {}
      -- Rounded up: a call that only some of the passes make is one too many.
      for what, number in pairs(all) do each[what] = -((five[what] - number) // count) end
      if is_within(each, budget[name]) then break end
    end
    return each
  end

  it("a pass in which nothing has changed", function()
    check("unchanged", beyond("unchanged", UNCHANGED))
  end)

  it("a pass with a change", function() check("changed", beyond("changed", CHANGED, true)) end)
end)
