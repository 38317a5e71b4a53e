-- The fault matrix with real parts: Cloud Map's emulator, HAProxy, agent, Envoy, backends and
-- clients that never stop. Each fault costs no request that it does not explain, moves no weight,
-- is told in one line of the log, and is over by itself.
--
-- Here are a few that no other spec has; `make torture` tries all of them (TORTURE=all), or those
-- whose row and name contain ONLY.

local faults = require("spec.torture.faults")
local field_of = require("spec.support.field")
local ordeal = require("spec.support.ordeal")
local rows_of = require("spec.support.reliability_rows")

local missing = field_of.missing()
if missing then
  pending("torture: " .. missing)
  return
end

local ALL, ONLY = os.getenv("TORTURE") == "all", os.getenv("ONLY") or ""

local function is_tried(fault)
  local name = fault.row .. ": " .. fault.name
  return (ALL or fault.brief) and name:find(ONLY, 1, true)
end

describe("under load", function()
  local field, rows

  setup(function()
    rows = rows_of.of(ALL and "torture" or "torture-brief")
    field = field_of.new()
  end)

  teardown(function()
    if field then assert.same({}, field:close()) end
  end)

  -- A field on which something went wrong is no place for the next fault.
  local function try(fault)
    field = field or field_of.new()
    if fault.alone then field:renew() end
    local ok, figures = pcall(ordeal.endure, field, fault)
    if not ok then
      pcall(field.close, field)
      field = nil
      error(figures, 0)
    end
    local row = ordeal.row(fault, figures)
    rows:add(row)
    print(("# %s: %s"):format(row.fault, row.figures))
  end

  -- What must be noticed: else none of the others says anything.
  local function must_fail(fault, why)
    field = field or field_of.new()
    fault.row, fault.injected = "trial", ""
    local ok, problem = pcall(ordeal.endure, field, fault)
    assert.is_false(ok, "nothing was noticed")
    assert.matches(why, problem)
    field:answers("/web", 200, 20)
    field:turn()
    field.eventually(function() return field:turned() end, 20, "it is as before")
  end

  local function nothing() end

  if ALL and ("trial"):find(ONLY, 1, true) then
    it("a trial that moves a weight is noticed", function()
      must_fail({ event = "published", says = "web%-blue",
        begin = function() field:attributes("web-blue", { ["/web"] = "50" }) end,
        finish = function() field:attributes("web-blue", { ["/web"] = "70" }) end },
        "/web had .*web%-blue=70.*and has web%-blue=50")
    end)

    it("a trial that fails requests without an explanation is noticed", function()
      must_fail({ event = "envoy_crashed", lines = 9, finish = nothing,
        begin = function() assert(os.execute("kill -KILL " .. field:envoy())) end },
        "requests failed, of which 0 are explained")
    end)

    it("a trial whose cause nobody tells is noticed", function()
      must_fail({ event = "stale", says = "ListServices", patience = 2, begin = nothing,
        finish = nothing }, "the log does not tell event=stale")
    end)
  end

  for _, fault in ipairs(faults) do
    if is_tried(fault) then
      it(("%s: %s: traffic goes on, one line says why, and it is over by itself"):format(fault.row,
        fault.name), function() try(fault) end)
    end
  end
end)
