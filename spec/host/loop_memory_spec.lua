-- The event loop is made when it is first needed, in the midst of whatever: where there is no
-- memory for it that is an error as Lua has it, which everybody meets, and no fault of a program.

local failing_of = require("spec.support.failing_memory")
local file = require("host.file")
local program = require("host.program")
local script = require("spec.support.script")

-- What runs: from the Nth allocation on three fail, while the loop is made.
local FIRST_NEED = [[
local http = require("host.http")
local control = assert(io.open(os.getenv("FAILING_MEMORY"), "r+b"))
control:setvbuf("no")
local request, said = { url = "http://127.0.0.1:1/" }, {}
local function note(ok, ...) said[1], said[2], said[3] = ok, ... end
note(true)
local _, _, calls = ("i8i8i8i8i8"):unpack(control:read("a"))
control:seek("set")
local first = calls + 4 + tonumber(os.getenv("NTH")) -- what comes before is what packs this
control:write(("i8i8"):pack(first, first + 3))
note(pcall(http.start, request))
control:seek("set")
control:write(("i8i8"):pack(1 << 62, 1 << 62))
describe("it", function() it("says", function()
  print(("# said %s %s"):format(tostring(said[1]), tostring(said[1] and said[3] or said[2])))
end) end)
]]

describe("an event loop that there is no memory for", function()
  local folder

  setup(function() folder = script.folder() end)
  teardown(function() script.discard(folder) end)

  it("is Lua's error, or the reason that is returned", function()
    local failing = failing_of.new(folder)
    assert(file.write(folder .. "/need_spec.lua", FIRST_NEED))
    local argv = { program.directory .. "/nightjar", "test", "-o", "TAP",
      folder .. "/need_spec.lua" }
    local seen = {}
    for nth = 0, 400, 7 do
      local result = failing:run(argv, { NTH = nth })
      local ok, why = result.out:match("# said (%l+) ([^\n]*)")
      assert.is_truthy(ok, ("%d: %s %s%s"):format(nth, result.status or result.signal, result.err,
        result.out))
      if ok == "false" then assert.equal("not enough memory", why, nth) end
      seen[why] = (seen[why] or 0) + 1
    end
    assert.is_true((seen["not enough memory"] or 0) > 0)
  end)
end)
