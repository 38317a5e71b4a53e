-- The field under load for a time, with a fault every few seconds, each lifted again: no request
-- fails that the fault does not explain, and at the end the agent holds no more than before. `make
-- soak` is two hours of it; less than a minute is in `make test`.
--
-- Faults come in random order, each before any comes twice. Those after which the agent is another
-- process come in the first part alone, so that one and the same agent lives through the rest; by
-- that its memory, descriptors and files are judged: first quarter against last.

local clock = require("host.clock")
local faults = require("spec.torture.faults")
local field_of = require("spec.support.field")
local file = require("host.file")
local ordeal = require("spec.support.ordeal")
local rows_of = require("spec.support.reliability_rows")

local ENDING = 0.15         -- of the time: faults that end the agent
local WARM_UP = 12          -- changes: by then the history is full
local PAUSE = { 0.5, 3 }    -- seconds between two faults, at random
local PATIENCE = 90         -- seconds until a field on which something went wrong serves again
local LONGEST_PAUSE = 30    -- seconds before an Envoy is started that has died often
local LONG = 600            -- seconds from which on memory is judged as closely as it can be

-- What may be more in the last quarter than in the first. The heap is as it is between two
-- collections: its least is what is held.
local MOST = { anonymous_kib = 1024, heap_kib = 256, descriptors = 3, files = 3, kib = 64 }
local SHORT = { anonymous_kib = 3072, heap_kib = 1024, descriptors = 3, files = 60, kib = 1024 }

-- The next fault of a shuffled row; a new row when it is empty.
local function drawer(allowed, is_tried)
  local bag = {}
  return function()
    if #bag == 0 then
      for _, fault in ipairs(faults) do
        if allowed(fault) and (not is_tried or is_tried(fault)) then
          table.insert(bag, math.random(#bag + 1), fault)
        end
      end
    end
    return table.remove(bag)
  end
end

local function survives(fault)
  return not fault.ends_agent and not fault.restarts_in_place
end

local function ends_no_envoy(fault) return not fault.alone end

-- The agent lives on with what it knows of Envoy's deaths, so that the next start, and what that
-- tells, may come after the longest pause (agent/backoff.lua).
local function in_time(fault)
  if not fault.alone then return fault end
  return setmetatable({ patience = (fault.patience or 20) + LONGEST_PAUSE }, { __index = fault })
end

-- Files and their KiB below a folder.
local function size_of(folder)
  local pipe = assert(io.popen(("find %s -type f -printf '%%s\\n' 2>/dev/null"):format(folder)))
  local count, bytes = 0, 0
  for size in pipe:lines() do count, bytes = count + 1, bytes + tonumber(size) end
  pipe:close()
  return count, bytes / 1024
end

local function look(field)
  local pid = field.agent.pid
  local status = file.read("/proc/" .. pid .. "/status", 65536) or ""
  local said = field:status()
  local files, kib = size_of(field.disk)
  return { anonymous_kib = tonumber(status:match("RssAnon:%s*(%d+)")),
    heap_kib = said and said.agent.heap_bytes / 1024,
    descriptors = #(file.list("/proc/" .. pid .. "/fd") or {}), files = files, kib = kib }
end

local function part_of(samples, first, last)
  local values = {}
  for i = math.max(1, math.floor(first * #samples) + 1), math.ceil(last * #samples) do
    values[#values + 1] = samples[i]
  end
  return values
end

-- The least of a quarter: what comes and goes is not what is held.
local function least(samples, name)
  local found = math.huge
  for _, sample in ipairs(samples) do found = math.min(found, sample[name] or math.huge) end
  return found
end

local function median(samples, name)
  local values = {}
  for _, sample in ipairs(samples) do values[#values + 1] = sample[name] end
  table.sort(values)
  return values[(#values + 1) // 2]
end

local function of_quarter(samples, name)
  return (name == "heap_kib" and least or median)(samples, name)
end

---Describes it.
---@param _ENV table the environment of the spec file, which has busted's words
---@param suite string of the rows of docs/reliability.md
---@param seconds number
---@param seed integer the order of the faults; the same one, the same order
---@param is_tried (fun(fault: table): boolean)? all of spec/torture/faults/ if nil
local function soak(_ENV, suite, seconds, seed, is_tried) -- luacheck: ignore 212
  local missing = field_of.missing()
  if missing then
    pending("soak: " .. missing)
    return
  end

  local title = ("a field under load for %d s with random faults (SEED=%d)"):format(seconds, seed)

  describe(title, function()
    local field, rows, seen, samples, problems, total, explained = nil, nil, {}, {}, {}, nil, 0

    local function note(name, figures)
      local one = seen[name] or { times = 0, failed = 0, seconds = 0, slowest = 0 }
      one.times, one.failed = one.times + 1, one.failed + figures.failed
      one.seconds = one.seconds + figures.seconds
      one.slowest = math.max(one.slowest, figures.seconds)
      seen[name] = one
    end

    -- Does the field serve again, after what was not as it should be?
    local function recovers()
      return pcall(field.answers, field, "/web", 200, PATIENCE)
        and pcall(field.eventually, function() return field:turned() end, PATIENCE, "turned")
    end

    local function one_fault(fault)
      local name = fault.row .. ": " .. fault.name
      -- Who asks for a pass is told everything as if for the first time.
      field.world:signal(field.agent, "HUP")
      local before = field:tally()
      local ok, figures = pcall(ordeal.endure, field, in_time(fault))
      if ok then
        if fault.explains then explained = explained + figures.failed end
        note(name, figures)
        return true
      end
      -- Whatever failed meanwhile is this problem's; it must not be told as the next one's.
      local again = recovers()
      local failed = field:since(before).failed
      explained = explained + failed
      local problem = ("%s: %s (%d requests failed)"):format(name, tostring(figures), failed)
      print("# not as it should be: " .. problem)
      problems[#problems + 1] = problem
      return again
    end

    local function rest()
      os.execute(("sleep %.2f"):format(PAUSE[1] + math.random() * (PAUSE[2] - PAUSE[1])))
    end

    local faults_tried, told = 0, clock.monotonic()

    -- A line a minute, for who waits.
    local function progress()
      faults_tried = faults_tried + 1
      if clock.monotonic() - told < 60 then return end
      told = clock.monotonic()
      local tally = field:tally()
      print(("# %d faults, %d of them not as they should be, %d requests, %d failed"):format(
        faults_tried, #problems, tally.requests, tally.failed))
      io.stdout:flush()
    end

    local function part(draw, till, sampled)
      while clock.monotonic() < till do
        if not one_fault(draw()) then return false end
        progress()
        if sampled then
          rest()
          samples[#samples + 1] = look(field)
        end
        rest()
      end
      return true
    end

    -- The agent and the Envoy that live through the rest.
    local function begin_anew()
      local before, from = field:tally(), clock.monotonic()
      field:renew()
      local failed = field:since(before).failed
      explained = explained + failed
      note("(the agent and its Envoy begin anew)",
        { failed = failed, seconds = clock.monotonic() - from })
    end

    local function live()
      for _ = 1, WARM_UP do
        field:turn()
        field.eventually(function() return field:turned() end, 30, "a change takes effect")
      end
      local began = clock.monotonic()
      -- An agent knows how an Envoy died only if it has started it.
      if part(drawer(ends_no_envoy, is_tried), began + seconds * ENDING) then
        begin_anew()
        part(drawer(survives, is_tried), began + seconds, true)
      end
    end

    local function summary()
      local names = {}
      for name in pairs(seen) do names[#names + 1] = name end
      table.sort(names)
      print(("#\n# %-62s %5s %7s %9s %9s"):format("fault", "times", "failed", "repaired",
        "slowest"))
      for _, name in ipairs(names) do
        local one = seen[name]
        print(("# %-62s %5d %7d %7.1f s %7.1f s"):format(name, one.times, one.failed,
          one.seconds / one.times, one.slowest))
      end
      for _, name in ipairs { "anonymous_kib", "heap_kib", "descriptors", "files", "kib" } do
        local first, last = part_of(samples, 0, 0.25), part_of(samples, 0.75, 1)
        print(("# %-14s first quarter %8.0f, last quarter %8.0f"):format(name,
          of_quarter(first, name) or 0, of_quarter(last, name) or 0))
      end
      print(("# %d requests, %d failed, of which the faults explain %d; SEED=%d"):format(
        total.requests, total.failed, explained, seed))
    end

    setup(function()
      math.randomseed(seed)
      print("# SEED=" .. seed)
      rows = rows_of.of(suite)
      field = field_of.new()
      live()
      total = field:tally()
      summary()
    end)

    teardown(function()
      if field then assert.same({}, field:close()) end
    end)

    it("endures each fault as `make torture` says", function()
      assert.same({}, problems)
      assert.is_true(#samples > 0, "no fault was tried")
    end)

    it("fails no request that the fault does not explain", function()
      assert.equal(explained, total.failed)
      assert.is_true(total.requests > seconds * 20, "too few requests: " .. total.requests)
      rows:add { fault = "soak", injected = ("%d s with a random fault every few seconds, SEED=%d")
        :format(seconds, seed), outcome = "no request fails that the fault does not explain",
        figures = ("%d requests, %d failed, of which %d are explained"):format(total.requests,
          total.failed, explained) }
    end)

    local most = seconds >= LONG and MOST or SHORT
    for _, name in ipairs { "anonymous_kib", "heap_kib", "descriptors", "files", "kib" } do
      it("holds no more at the end: " .. name, function()
        local first = of_quarter(part_of(samples, 0, 0.25), name)
        local last = of_quarter(part_of(samples, 0.75, 1), name)
        rows:add { fault = "soak: " .. name, injected = "the same", outcome = "flat",
          figures = ("%.0f in the first quarter, %.0f in the last"):format(first, last) }
        assert.is_true(last - first <= most[name], ("from %.0f to %.0f"):format(first, last))
      end)
    end
  end)
end

return soak
