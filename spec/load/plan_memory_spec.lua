-- The memory that nightjar-plan takes at its peak, on the reference mesh and on the bench's L,
-- which has 1,000 service-colors with 20 endpoints each: the targets of docs/performance.md.

local counted = require("spec.support.counted")

local missing = counted.missing()
if missing then
  pending("nightjar-plan's memory: " .. missing)
  return
end

local MIB <const> = 1024

describe("nightjar-plan's memory", function()
  local one

  setup(function() one = counted.new() end)

  teardown(function() one:stop() end)

  local function check(size, most)
    local kib = one:plan_memory(size)
    print(("# %.1f of %d MiB"):format(kib / MIB, most))
    assert.is_true(kib > most * MIB / 3, kib .. " KiB: was it looked at?")
    assert.is_true(kib <= most * MIB, kib .. " KiB")
  end

  it("is at most 10 MiB for a small mesh", function() check(nil, 10) end)

  it("is at most 64 MiB for 20,000 endpoints", function()
    check({ services = 500, instances = 20 }, 64)
  end)
end)
