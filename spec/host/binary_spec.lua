-- How both programs are hardened, as their files show it (Makefile, HARDEN and LDFLAGS).

local binary = require("spec.support.binary")
local program = require("host.program")
local rows = require("spec.support.reliability_rows")
local script = require("spec.support.script")

local missing = binary.missing()
  or os.getenv("COVERAGE") and "this build is for a measurement" or nil
if missing then
  pending("hardening of the programs: " .. missing)
  return
end

local COMPILED = { "-fstack-protector-strong", "-fPIE", "-fstack-clash-protection" }

local table_rows = rows.of("security-programs")

for _, name in ipairs { "nightjar", "nightjar-plan" } do
  describe(name, function()
    local path = program.directory .. "/" .. name

    it("has all that is promised of its file", function()
      if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers stand before the checks") end
      assert.same({}, binary.faults(path))
      table_rows:add { fault = "an exploit of " .. name .. " that needs a known place, a writable "
        .. "table of functions or a stack to execute", injected = "its file read by readelf",
        outcome = "position-independent, full RELRO, nothing both writable and executable, stack "
        .. "protector, fortified, no RPATH", figures = "0 of 9 checks failed" }
    end)

    it("was made with each of the flags, in each part", function()
      local compiled = binary.compiled(path)
      if #compiled == 0 then return pending("built without debug symbols, or not with gcc") end
      for _, flags in ipairs(compiled) do
        for _, flag in ipairs(COMPILED) do
          assert.is_truthy((" " .. flags .. " "):find(" " .. flag .. " ", 1, true),
            flag .. " is not in " .. flags)
        end
      end
    end)
  end)
end

describe("a program without hardening", function()
  it("is found out, fault by fault", function()
    local folder = script.folder()
    finally(function() script.discard(folder) end)
    assert(os.execute(("printf 'int main(void) { return 0; }' | "
      .. "cc -x c -no-pie -fno-stack-protector -Wl,-z,norelro,-z,lazy,-z,execstack "
      .. "-Wl,-z,noseparate-code,-rpath,/tmp -o %s/bad - 2>/dev/null"):format(folder)))
    assert.same({ "its place in memory is not by chance (PIE)",
      "its table of functions can be written to (full RELRO)", "its stack can be executed",
      "too few segments: 2", "libraries are looked for where the file says (RPATH)",
      "no stack protector", "no _FORTIFY_SOURCE" }, binary.faults(folder .. "/bad"))
  end)
end)
