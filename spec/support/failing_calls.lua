-- Every system call of a pass failed once, with errors that its manual page allows: all of them in
-- spec/torture/, some in spec/system/. What publication_faults_spec.lua does to the calls on
-- published files this does to all, from the program's first one on.

local errors_of = require("spec.support.call_errors")
local file = require("host.file")
local passes_of = require("spec.support.passes")
local rows_of = require("spec.support.reliability_rows")
local script = require("spec.support.script")
local strace = require("spec.support.strace")
local turn_of = require("spec.support.turn")
local world_of = require("spec.support.world")

-- The calls that are the program's own: those before the first are the loader's, which has its own
-- words for what it lacks.
local function own(calls)
  local list, begun = {}, false
  for _, call in ipairs(calls) do
    begun = begun or call.name == "openat" and call.line:find('"/dev/null", O_RDWR', 1, true) ~= nil
    if begun then list[#list + 1] = call end
  end
  return list
end

---Describes it.
---@param _ENV table the environment of the spec file, which has busted's words
---@param suite string of the rows of docs/reliability.md
---@param every integer of how many cases one is tried
local function failing_calls(_ENV, suite, every) -- luacheck: ignore 212
  local missing = world_of.missing() or (not script.can_trace() and script.NO_TRACE) or nil
  if missing then
    pending("system calls that fail: " .. missing)
    return
  end

  describe("a pass in which a system call fails", function()
    local passes, s, calls
    local rows, turn = rows_of.of(suite), 0

    local function prepare()
      turn = turn + 1
      s:mesh(turn_of.services(s, turn))
    end

    local function repair(wrong)
      if not os.execute(passes.command) then
        wrong("the next pass failed: %s", file.read(passes.err))
      end
    end

    local function check(wrong)
      local new = passes.contents(s.folder)
      if not new["cds.json"]:find(turn_of.mark(turn), 1, true) then
        wrong("the next pass has not published")
      end
      for path in pairs(new) do
        if path:find("%.tmp$") then
          wrong("%s is left", path)
          file.remove(s.folder .. "/" .. path)
        end
      end
    end

    -- How the pass itself ended: well, or with words.
    local function judge(self, wrong, fault, result)
      passes_of.check_struck(self, wrong, fault, result)
      local said = file.read(self.err) or ""
      if result.signal or not result.status or result.status >= 124 then
        wrong("ended with %s and said: %s", tostring(result.signal or result.status), said)
      elseif result.status ~= 0 and not said:find("%S") then
        -- The one call that may fail with nothing said is that which says it.
        local saying = result.hit and result.hit.line:find("^write%(2") ~= nil
        if not saying then wrong("ended with %d and said nothing", result.status) end
      end
      self.ended[result.status or -1] = (self.ended[result.status or -1] or 0) + 1
    end

    setup(function()
      passes = passes_of.new(0, "blue", "green")
      passes.check_struck, passes.ended = judge, {}
      s = passes.sidecar
      prepare()
      passes:start()
      prepare()
      calls = own(strace.run(passes.steady, s.world.directory .. "/tmp/",
        s.world.directory .. "/trace").calls)
    end)

    teardown(function()
      assert.are.same({}, passes.world:close())
    end)

    it("is known with the errors of each of its calls", function()
      local unknown = {}
      for _, call in ipairs(calls) do
        if not errors_of(call) then unknown[call.name] = call.line end
      end
      assert.are.same({}, unknown)
      assert.is_true(#calls > 300)
    end)

    it("goes on or says why not, and the next one repairs", function()
      local kind = { prepare = prepare, repair = repair, check = check }
      local faults, cases, hits, at = {}, 0, 0, 0
      for _, call in ipairs(calls) do
        for _, fault in ipairs(errors_of(call)) do
          at = at + 1
          if at % every == 0 then
            local result, found = passes:strike(call, { fault = fault, name = fault }, kind)
            table.move(found, 1, #found, #faults + 1, faults)
            cases, hits = cases + 1, hits + (result.hit and 1 or 0)
          end
        end
      end
      assert.are.same({}, faults)
      local well = passes.ended[0] or 0
      local figures = ("%d calls, %d of %d cases, %d met: %d passes went on, %d ended with a cause")
        :format(#calls, cases, at, hits, well, cases - well)
      print("# " .. figures)
      -- How often it reads and waits differs from run to run: the last of a kind may be missed.
      assert.is_true(hits * 10 >= cases * 8, figures)
      rows:add { fault = "each system call of a pass fails once",
        injected = "strace makes the Nth call of its kind return errors of its manual page",
        outcome = "the pass goes on, or ends with the cause; files whole; the next pass repairs",
        figures = figures }
    end)

    it("costs no request of those that kept coming meanwhile", function()
      local seen = passes.world:finish_load(passes.load)
      print(("# %d requests, %d failed"):format(seen.requests, seen.failed))
      assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
      assert.is_true(seen.requests > 50)
    end)

    it("leaves a state that can be read", function()
      passes_of.check_state(function(...) error(string.format(...)) end, s.state)
    end)
  end)
end

return failing_calls
