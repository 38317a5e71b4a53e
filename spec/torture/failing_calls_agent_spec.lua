-- Every system call of a later pass of a running agent failed once: strace is attached for it. Its
-- Envoy is its own, and under load. `make torture`; EVERY gives a part: 10 each tenth.

local errors_of = require("spec.support.call_errors")
local file = require("host.file")
local passes_of = require("spec.support.passes")
local rows_of = require("spec.support.reliability_rows")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local strace = require("spec.support.strace")
local turn_of = require("spec.support.turn")
local world_of = require("spec.support.world")

local missing = world_of.missing() or (not script.can_trace() and script.NO_TRACE) or nil
if missing then
  pending("system calls of an agent that fail: " .. missing)
  return
end

local EVERY = tonumber(os.getenv("EVERY") or 1)
local MAX_TRACE = 64 * 1024 * 1024 -- bytes
local ENDS = { "event=published", "event=unchanged", "event=pass_failed", "event=internal_error" }

describe("an agent of whose system calls one fails", function()
  local s, load, calls
  local rows, turn, restarts, starts = rows_of.of("failing_calls_agent"), 0, 0, 0

  local function change()
    turn = turn + 1
    s:mesh(turn_of.services(s, turn))
  end

  local function is_new()
    return turn_of.is_published(s, turn)
  end

  local function start()
    starts = starts + 1
    s:start { REFRESH_TIME = 600 }
    s:logged("event=published", 20)
    s:answers("/web", 200)
  end

  -- How the next pass ends; "ended": with the agent; nil: not in time.
  local function ask_for_pass()
    local from = s:mark()
    s.world:signal(s.agent, "HUP")
    local ok, how = pcall(s.eventually, function()
      local said = s.world:log(s.agent):sub(from)
      for _, text in ipairs(ENDS) do
        if said:find(text, 1, true) then return text end
      end
      return s.world:status(s.agent) and "ended"
    end, 20, "a pass ends")
    return ok and how or nil, s.world:log(s.agent):sub(from)
  end

  -- Attaches strace, has a pass made, lets go; returns how that ended, what was said, the trace.
  local function traced_pass(options)
    local trace = s.world.directory .. "/trace"
    os.remove(trace)
    local argv = { "strace" }
    for word in (strace.options .. " " .. options):gmatch("%S+") do argv[#argv + 1] = word end
    table.move({ "-o", trace, "-p", tostring(s.agent.pid) }, 1, 4, #argv + 1, argv)
    local tracer = s.world:start("strace", argv)
    s.eventually(function() return s.world:log(tracer):find("attached", 1, true) end, 10,
      "strace is attached")
    change()
    local how, said = ask_for_pass()
    s.world:stop(tracer)
    s.world.running[#s.world.running] = nil
    return how, said, strace.parse(file.read(trace, MAX_TRACE) or "", s.world.directory)
  end

  setup(function()
    s = sidecar_of.new("blue", "green")
    change()
    start()
    load = s.world:load(s:url("/web"), 4, 100)
    local how, said
    how, said, calls = traced_pass("")
    assert.equal("event=published", how, said)
  end)

  teardown(function()
    assert.are.same({}, s.world:close())
  end)

  local function repair(how)
    for _ = 1, 5 do
      if how == "event=published" and is_new() or how == "ended" then break end
      how = ask_for_pass()
    end
    return how
  end

  local function case(call, fault, faults)
    local function wrong(...)
      faults[#faults + 1] = ("%s at %s: "):format(fault, call.line) .. string.format(...)
    end
    local how, said, trace = traced_pass(("-e trace=%s -e inject=%s:%s:when=%d"):format(call.name,
      call.name, fault, call.number))
    local struck = false
    for _, one in ipairs(trace) do struck = struck or one.struck end
    if repair(how) == "ended" then
      wrong("the agent ended with %d: %s", s.world:status(s.agent), said:sub(-600))
      start()
    elseif not is_new() then
      wrong("never published: %s", said:sub(-600))
    end
    if (s.world:get(s:url("/web"))) ~= 200 then wrong("Envoy does not answer") end
    passes_of.check_state(wrong, s.state)
    return struck, how ~= "event=published"
  end

  it("goes on, its Envoy serves, and a pass that comes later publishes", function()
    local faults, cases, met, failed, at = {}, 0, 0, 0, 0
    local envoy = s:envoy()
    for _, call in ipairs(calls) do
      for _, fault in ipairs(errors_of(call) or {}) do
        at = at + 1
        if at % EVERY == 0 then
          local struck, short = case(call, fault, faults)
          cases, met = cases + 1, met + (struck and 1 or 0)
          failed = failed + (short and 1 or 0)
        end
      end
    end
    for _ in s.world:log(s.agent):gmatch("event=restarting") do restarts = restarts + 1 end
    local seen = s.world:finish_load(load)
    local figures = ("%d calls, %d cases, %d met: %d passes failed, %d restarts in place; "
      .. "%d requests, %d failed"):format(#calls, cases, met, failed, restarts, seen.requests,
      seen.failed)
    print("# " .. figures)
    assert.are.same({}, faults)
    assert.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.equal(envoy, s:envoy())
    assert.equal(1, starts)
    assert.is_true(met * 10 >= cases * 7, figures)
    rows:add { fault = "each system call of a running agent's pass fails once",
      injected = "strace, attached, makes the Nth call of its kind return an error",
      outcome = "the agent goes on, its Envoy serves; a later pass publishes", figures = figures }
  end)
end)
