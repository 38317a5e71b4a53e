-- Whole runs of both programs while memory runs out, at some places or at very many: the specs of
-- spec/system and of spec/torture give how many.

local failing_of = require("spec.support.failing_memory")
local file = require("host.file")
local json = require("host.json")
local passes = require("spec.support.passes")
local program = require("host.program")
local rows_of = require("spec.support.reliability_rows")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local turn_of = require("spec.support.turn")
local world_of = require("spec.support.world")

-- libseccomp 2.5.4 crashes, in nightjar-plan and before any script runs, when there is no memory to
-- make the filter of: this many calls at most. It ends as any crash there does, in one line.
local FILTER_CALLS = 150
local PLAN_ARGUMENTS = { "--max-memory-mib", "128", "--max-instructions", "100000000" }

---@class spec.lack_of_memory.Counts
---@field command integer runs of each command
---@field plan integer runs of nightjar-plan
---@field once integer passes of `nightjar once`
---@field passes integer passes of an agent that runs

---Describes it.
---@param _ENV table the environment of the spec file, which has busted's words
---@param suite string of the rows of docs/reliability.md
---@param counts spec.lack_of_memory.Counts
local function lack_of_memory(_ENV, suite, counts) -- luacheck: ignore 212
  local nightjar = program.directory .. "/nightjar"

  local missing = world_of.missing()
  if missing then
    pending("when memory runs out: " .. missing)
    return
  end

  describe("when memory runs out", function()
    local field, s, folder, failing, environment
    local rows = rows_of.of(suite)
    local turn = 0

    local function told(fault, injected, outcome, figures)
      print("# " .. fault .. ": " .. figures)
      rows:add { fault = fault, injected = injected, outcome = outcome, figures = figures }
    end

    -- The next generation's mesh; nothing in it was in one before.
    local function change(sidecar)
      turn = turn + 1
      sidecar:mesh(turn_of.services(sidecar, turn))
    end

    local function is_new(sidecar)
      return turn_of.is_published(sidecar, turn)
    end

    setup(function()
      folder = script.folder()
      failing = failing_of.new(folder)
      field = passes.new(0, "blue", "green")
      s = field.sidecar
      environment = { TMP_DIR = s.world.directory .. "/tmp", ENVOY_ADMIN_PORT = s.admin_port,
        MESH_FILE = s.mesh_file, DISCOVERY = "file", LOG_LEVEL = "warn", ENVOY_BIN = "",
        POLICY_DIR = program.data_directory() .. "/policies",
        ENVOY_TEMPLATE_DIR = program.data_directory() .. "/templates" }
      change(s)
      field:start()
    end)

    teardown(function()
      assert.are.same({}, s.world:close())
      script.discard(folder)
    end)

    -- How a run ended that had all memory, and what it did otherwise.
    local function judge(wrong, first, result, whole)
      if result.signal or not result.status or result.status >= 124 then
        wrong("from %d: ended with %s: %s", first, result.signal or result.status, result.err)
      elseif result.status == 0 then
        if result.out ~= whole.out then wrong("from %d: another answer, and status 0", first) end
      elseif not result.err:find("^nightjar: [^\n]*memory[^\n]*\n$") then
        wrong("from %d: ended with %d and said: %s", first, result.status, result.err)
      end
    end

    local function sweep(argv, count)
      local faults, ended, whole = {}, {}, failing:run(argv, environment)
      local function wrong(...) faults[#faults + 1] = string.format(...) end
      assert.equal(0, whole.status, whole.err)
      assert.equal(0, whole.refused)
      local numbers = failing_of.spread(whole.calls, count)
      for _, first in ipairs(numbers) do
        local result = failing:run(argv, environment, first)
        judge(wrong, first, result, whole)
        ended[result.status or -1] = (ended[result.status or -1] or 0) + 1
      end
      return faults, ("%d runs over %d allocations: %d ended with an error, %d did their work")
        :format(#numbers, whole.calls, #numbers - (ended[0] or 0), ended[0] or 0)
    end

    for _, words in ipairs { { "config" }, { "discover" }, { "render" }, { "explain", "/web" } } do
      it(("`nightjar %s` ends with one line about it, or does its work"):format(words[1]),
        function()
          local argv = { nightjar, table.unpack(words) }
          if words[1] == "render" or words[1] == "explain" then
            local snapshot = failing:run({ nightjar, "discover" }, environment).out
            assert(file.write(folder .. "/snapshot", snapshot))
            argv[#argv + 1], argv[#argv + 2] = "--snapshot", folder .. "/snapshot"
          end
          local faults, figures = sweep(argv, counts.command)
          assert.are.same({}, faults)
          told(("memory runs out in `nightjar %s`"):format(words[1]),
            "malloc, calloc and realloc fail from the Nth call on",
            "one line with the cause and status 70, or the usual answer", figures)
        end)
    end

    -- A request as the agent makes it, kept by what takes the place of nightjar-plan.
    local function request()
      script.sh("mkdir -p %s && cp %s %s", folder .. "/bin", nightjar, folder .. "/bin")
      assert(file.write(folder .. "/bin/nightjar-plan", ("#!/bin/sh\ntee %s | %s \"$@\"\n"):format(
        folder .. "/request", program.directory .. "/nightjar-plan"), { mode = 493 })) -- 0755
      local result = failing:run({ folder .. "/bin/nightjar", "once" }, environment)
      assert.equal(0, result.status, result.err)
      return folder .. "/request"
    end

    local function is_well(result, decoded, line, whole)
      if result.status == 3 or result.status == 70 then
        return line:find("out of memory", 1, true)
      elseif result.status ~= 0 then
        return false
      elseif decoded.error then
        return tostring(decoded.error.message):find("memory", 1, true)
      end
      -- Without memory for a filter it goes on without one, and says which layers it has.
      local layers = table.concat(decoded.layers or {}, " ")
      return result.out == whole.out or decoded.ok and not layers:find("seccomp", 1, true)
    end

    it("nightjar-plan ends with one line about it, or gives its answer", function()
      local input = { INPUT = request() }
      local argv = { program.directory .. "/nightjar-plan", table.unpack(PLAN_ARGUMENTS) }
      local whole = failing:run(argv, input)
      assert.equal(0, whole.status)
      local faults, crashed, ended = {}, {}, 0
      local numbers = failing_of.spread(whole.calls, counts.plan)
      for _, first in ipairs(numbers) do
        local result = failing:run(argv, input, first)
        local line = result.out:match("^([^\n]+)\n$") or ""
        local decoded = result.status == 0 and json.decode(result.out) or {}
        if result.status == 3 and line:find("^crashed with signal") then
          crashed[#crashed + 1] = first
        elseif not is_well(result, decoded, line, whole) then
          faults[#faults + 1] = ("from %d: %s %s"):format(first,
            tostring(result.status or result.signal), result.out:sub(1, 200))
        end
        ended = ended + (result.status == 0 and 0 or 1)
      end
      assert.are.same({}, faults)
      assert.is_true(#crashed == 0 or crashed[#crashed] - crashed[1] < FILTER_CALLS,
        "crashed from " .. table.concat(crashed, ", "))
      told("memory runs out in nightjar-plan",
        "malloc, calloc and realloc fail from the Nth call on",
        "one line with file and line where a script was at work; the agent goes on",
        ("%d runs over %d allocations: %d ended with one line (of them %d within libseccomp)")
          :format(#numbers, whole.calls, ended, #crashed))
    end)

    -- What is wrong with files after a pass that had too little: each is the old or the new.
    local function check_whole(wrong, first, old, struck)
      for path, text in pairs(struck) do
        if text ~= old[path] and not path:find("%.tmp$") then
          if text ~= passes.contents(s.folder)[path] then
            wrong("from %d: %s is neither the old nor the new one", first, path)
          end
        end
      end
      passes.check_state(function(text, ...) wrong("from %d: " .. text, first, ...) end, s.state)
      for path in pairs(passes.contents(s.folder)) do
        if path:find("%.tmp$") then wrong("from %d: %s is left", first, path) end
      end
    end

    for _, span in ipairs { { 1 << 40, "for good" }, { 3, "for three allocations" } } do
      it("a pass leaves whole files, and the next one repairs: " .. span[2], function()
        local argv, faults, failed = { nightjar, "once" }, {}, 0
        local function wrong(...) faults[#faults + 1] = string.format(...) end
        change(s)
        local whole = failing:run(argv, environment)
        assert.equal(0, whole.status, whole.err)
        local numbers = failing_of.spread(whole.calls, counts.once)
        for _, first in ipairs(numbers) do
          local old = passes.contents(s.folder)
          change(s)
          local result = failing:run(argv, environment, first, span[1])
          if result.signal or not result.status or result.status >= 124
            or result.status ~= 0 and not result.err:find("^[^\n]*memory[^\n]*\n$") then
            wrong("from %d: ended with %s: %s", first, result.signal or result.status, result.err)
          end
          failed = failed + (result.status == 0 and 0 or 1)
          local struck = passes.contents(s.folder)
          local repaired = failing:run(argv, environment)
          if repaired.status ~= 0 or not is_new(s) then
            wrong("from %d: the next pass does not repair: %s", first, repaired.err)
          end
          check_whole(wrong, first, old, struck)
        end
        assert.are.same({}, faults)
        told("memory runs out in a pass, " .. span[2],
          "malloc, calloc and realloc fail from the Nth call on",
          "each file whole, the last generation stays; the next pass publishes",
          ("%d passes over %d allocations: %d failed, %d published all the same"):format(#numbers,
            whole.calls, failed, #numbers - failed))
      end)
    end

    local ENDS = { "event=published", "event=unchanged", "event=pass_failed",
      "event=internal_error" }

    -- How the next pass of an agent ends; "ended": with the agent.
    local function ask_for_pass(lone, before)
      local from = lone:mark()
      if before then before() end
      lone.world:signal(lone.agent, "HUP")
      return lone.eventually(function()
        local said = lone.world:log(lone.agent):sub(from)
        for _, text in ipairs(ENDS) do
          if said:find(text, 1, true) then return text end
        end
        return lone.world:status(lone.agent) and "ended"
      end, 40, "a pass ends"), from
    end

    -- One pass that has too little memory, and those after it.
    local function short_pass(lone, first, span)
      change(lone)
      local ended, from = ask_for_pass(lone, function()
        failing:from(failing:counts().calls + first, span)
      end)
      failing:from(nil)
      local failed = ended ~= "event=published"
      for _ = 1, 5 do
        if ended == "event=published" or ended == "ended" then break end
        ended = ask_for_pass(lone)
      end
      return failed, (ended == "ended" or not is_new(lone))
        and ("%d calls from %d: %s"):format(span, first, lone.world:log(lone.agent):sub(from))
    end

    -- An agent that has an Envoy and has made its first pass.
    local function start_agent(lone)
      failing:reset()
      change(lone)
      local settings = failing:environment("nightjar")
      settings.REFRESH_TIME = 600
      lone:start(settings)
      lone:answers("/web", 200)
      lone:logged("event=published", 20)
    end

    -- How many allocations a pass takes.
    local function calls_of_pass(lone)
      local before = failing:counts().calls
      change(lone)
      assert.equal("event=published", ask_for_pass(lone))
      return failing:counts().calls - before
    end

    it("an agent goes on, publishes when memory is back, and its Envoy serves all the time",
      function()
        local lone = sidecar_of.new("blue", "green")
        finally(function() assert.are.same({}, lone.world:close()) end)
        start_agent(lone)
        local envoy, faults, restarts, failed = lone:envoy(), {}, 0, 0
        local calls = calls_of_pass(lone)
        local numbers = failing_of.spread(calls, counts.passes)
        local load = lone.world:load(lone:url("/web"), 4, 100)
        for i, first in ipairs(numbers) do
          local short, wrong = short_pass(lone, first, i % 2 == 0 and 3 or 40)
          failed = failed + (short and 1 or 0)
          faults[#faults + 1] = wrong or nil
          if lone.world:status(lone.agent) then break end
        end
        assert.are.same({}, faults)
        local seen = lone.world:finish_load(load)
        assert.equal(0, seen.failed, table.concat(seen.errors, "; "))
        assert.equal(envoy, lone:envoy())
        for _ in lone.world:log(lone.agent):gmatch("event=restarting") do
          restarts = restarts + 1
        end
        assert.equal(0, lone.world:stop(lone.agent))
        told("memory runs out in an agent, for 3 or 40 allocations",
          "malloc, calloc and realloc fail within a later pass",
          "the agent goes on, or restarts in place; its Envoy goes on; the next pass publishes",
          ("%d passes of %d allocations: %d failed, %d restarts in place; %d requests, %d failed")
            :format(#numbers, calls, failed, restarts, seen.requests, seen.failed))
      end)

    it("no request fails of those that kept coming meanwhile", function()
      local seen = s.world:finish_load(field.load)
      assert.equal(0, seen.failed, table.concat(seen.errors, "; "))
      assert.is_true(seen.requests > 100)
      told("memory runs out: the traffic meanwhile", "the passes above, under load",
        "no request failed", ("%d requests, %d failed"):format(seen.requests, seen.failed))
    end)
  end)
end

return lack_of_memory
