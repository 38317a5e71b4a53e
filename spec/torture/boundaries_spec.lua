-- Memory that runs out at each boundary between C and Lua, from the Nth allocation on, under
-- AddressSanitizer: boundaries.c does it, on what boundaries.lua calls. It is built by `make asan`
-- only.

local cli = require("spec.support.cli")
local program = require("host.program")
local rows_of = require("spec.support.reliability_rows")
local script = require("spec.support.script")

local BOUNDARIES = program.directory .. "/boundaries"
-- Each STEPth N is tried; 1: all of them.
local STEP = tonumber(os.getenv("STEP") or 5)

local SAYS = {
  lua = "Lua's allocator refuses",
  c = "all but Lua's allocator refuse",
  all = "every allocation of the process is refused",
}

describe("a boundary of C and Lua", function()
  local folder
  local rows = rows_of.of("boundaries")

  setup(function()
    folder = script.folder()
  end)

  teardown(function()
    script.discard(folder)
  end)

  -- What the lines say of each boundary, summed.
  local function sums_of(text)
    local sums = { boundaries = 0, raised = 0, returned = 0, unharmed = 0 }
    for raised, returned, unharmed in
      text:gmatch("\t(%d+) raised, (%d+) returned, (%d+) unharmed\t") do
      sums.boundaries = sums.boundaries + 1
      sums.raised, sums.returned = sums.raised + raised, sums.returned + returned
      sums.unharmed = sums.unharmed + unharmed
    end
    return sums
  end

  for _, whose in ipairs { "lua", "c", "all" } do
    it("raises or returns when " .. SAYS[whose] .. ", leaks nothing, and works again", function()
      -- Log lines of the boundary `log` go there too.
      local ok = os.execute(("env 'LUA_PATH=./?.lua;;' TORTURE_FOLDER=%s %s %s %d >%s/out 2>%s/err")
        :format(folder, BOUNDARIES, whose, STEP, folder, folder))
      local out = cli.read(folder .. "/out")
      local reports = {}
      for line in cli.read(folder .. "/err"):gmatch("[^\n]+") do
        if not line:find('"event"', 1, true) and #reports < 60 then reports[#reports + 1] = line end
      end
      assert.is_true(ok, out .. table.concat(reports, "\n"))
      local sums = sums_of(out)
      assert.is_true(sums.boundaries > 20 and sums.raised + sums.returned > sums.boundaries, out)
      local figures = ("%d boundaries, %d cases: %d raised, %d returned why not, %d unharmed")
        :format(sums.boundaries, sums.raised + sums.returned + sums.unharmed, sums.raised,
          sums.returned, sums.unharmed)
      print(("# %s: %s"):format(whose, figures))
      rows:add { fault = "memory runs out between C and Lua: " .. SAYS[whose],
        injected = ("from the Nth allocation on, each %s N, under AddressSanitizer")
          :format(STEP == 1 and "" or STEP .. "th"):gsub("  ", " "),
        outcome = "raised or returned; nothing leaked; the state works with memory back",
        figures = figures }
    end)
  end
end)
