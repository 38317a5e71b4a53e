-- Every system call of a pass on the published files and on the agent's state, killed and failed:
-- Envoy keeps serving, each file is whole, and the next pass repairs what is left. The generation
-- changes clusters, routes and listeners, adds a route file and removes one.

local file = require("host.file")
local json = require("host.json")
local passes_of = require("spec.support.passes")
local script = require("spec.support.script")
local turn_of = require("spec.support.turn")
local world_of = require("spec.support.world")

local missing = world_of.missing() or (not script.can_trace() and script.NO_TRACE) or nil
if missing then
  pending("publication faults: " .. missing)
  return
end

-- Passes until what the history keeps has gone round once; more ports than it keeps generations, so
-- that each one has a listener file that is new to it.
local KEPT, WARM_UP, PORTS = 10, 12, 12
-- EVERY gives a part of the cases: each second call, each third. The sanitizers make a pass many
-- times slower.
local EVERY = tonumber(os.getenv("EVERY") or os.getenv("ASAN_OPTIONS") and 9 or 1)

describe("a pass", function()
  local passes, sidecar, all, calls
  local turn = 0

  -- Makes the next generation's mesh; nothing in it was in one before.
  local function prepare()
    turn = turn + 1
    local services = turn_of.services(sidecar, turn)
    sidecar:mesh(services, { ["other.local"] = passes.ports[turn % PORTS + 1] })
  end

  local function repair(wrong)
    if not os.execute(passes.command) then
      wrong("the next pass failed: %s", file.read(passes.err))
    end
  end

  -- What is wrong with the published files: only those of the new generation, and all of it.
  local function check_published(wrong)
    local other = passes.ports[turn % PORTS + 1]
    local expected = { ["cds.json"] = turn_of.mark(turn),
      [("rds/public-%d.json"):format(sidecar.port)] = '"weight": ' .. turn .. "\n",
      ["lds.json"] = ('"public-%d"'):format(other), ["input.json"] = "",
      ["envoy-config.yaml"] = "", [("rds/public-%d.json"):format(other)] = "" }
    local new = passes.contents(sidecar.folder)
    for path in pairs(new) do
      if not expected[path] then
        wrong("%s is left", path)
        file.remove(sidecar.folder .. "/" .. path) -- not to be told again by the cases after it
      end
    end
    for path, part in pairs(expected) do
      if not new[path] or not (new[path]:gsub(",\n", "\n")):find(part, 1, true) then
        wrong("%s is not of the new generation", path)
      end
    end
  end

  -- What is wrong with the state folder: only what belongs there, and the whole history. Contents
  -- that it no longer names go with the next generation at the latest; `last`: with this one.
  local function check_state(wrong, last)
    local known = { ["accepted.json"] = true, ["agent.lock"] = true, ["agent.pid"] = true,
      ["snapshot.json"] = true, ["history/index.json"] = true }
    local texts = passes.contents(sidecar.state)
    local entries = assert(json.decode(texts["history/index.json"] or "{}")).entries or {}
    for _, entry in ipairs(entries) do
      known["history/" .. entry.memory] = true
      for _, one in ipairs(entry.files) do
        known["history/" .. one.hash] = true
      end
    end
    if #entries ~= KEPT then
      wrong("the history has %d generations", #entries)
    end
    for path in pairs(known) do
      if not texts[path] then wrong("state file %s is missing", path) end
    end
    for path in pairs(texts) do
      if not known[path] and (last or not path:match("^history/%x+$")) then
        wrong("state file %s is left", path)
      end
    end
  end

  local function check(wrong)
    check_published(wrong)
    check_state(wrong)
  end

  setup(function()
    passes = passes_of.new(PORTS, "blue", "green")
    sidecar = passes.sidecar
    prepare()
    passes:start()
    for _ = 1, WARM_UP do
      prepare()
      assert(os.execute(passes.command))
    end
    prepare()
    all, calls = passes:calls(), {}
    for i, call in ipairs(all) do
      calls[#calls + 1] = i % EVERY == 0 and call or nil
    end
  end)

  teardown(function()
    assert.are.same({}, passes.world:close())
  end)

  it("makes these calls on each file that it replaces, in this order", function()
    local names, within = {}, false
    for _, call in ipairs(all) do
      within = within or call.line:find('/active-envoy-config/"', 1, true)
      if within then
        names[#names + 1] = call.name
        if call.name == "close" and #names > 7 then break end
      end
    end
    assert.are.equal("openat openat write fchmod fsync close renameat fsync close",
      table.concat(names, " "))
  end)

  for _, fault in ipairs(passes_of.faults) do
    it(fault.name .. " at any of its calls costs no request and no file, and the next one repairs",
      function()
        local faults, missed = passes:cases(calls, fault,
          { prepare = prepare, repair = repair, check = check })
        assert.are.same({}, faults)
        assert.are.equal(0, missed)
      end)
  end

  it("leaves nothing behind once a generation has come into force without a fault", function()
    local faults = {}
    prepare()
    assert(os.execute(passes.command))
    check_state(function(...) faults[#faults + 1] = string.format(...) end, true)
    assert.are.same({}, faults)
  end)

  it("loses no request of those that kept coming meanwhile", function()
    local seen = passes.world:finish_load(passes.load)
    print(("# %d requests, %d failed"):format(seen.requests, seen.failed))
    assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.is_true(seen.requests > 100)
  end)
end)
