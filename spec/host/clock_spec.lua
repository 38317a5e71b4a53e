-- The two clocks, and moments written as text.

local clock = require("host.clock")

describe("host.clock", function()
  it("tells the same time as the system", function()
    local now = clock.now()
    assert.is_true(math.abs(now - os.time()) < 2)
    assert.equal("float", math.type(now))
  end)

  it("has a monotonic clock that does not go back", function()
    local last = clock.monotonic()
    for _ = 1, 1000 do
      local now = clock.monotonic()
      assert.is_true(now >= last)
      last = now
    end
  end)

  for _, case in ipairs {
    { 0, "1970-01-01T00:00:00.000Z" },
    { 1440938160, "2015-08-30T12:36:00.000Z" },
    { 1440938160.25, "2015-08-30T12:36:00.250Z" },
    { 951782399.999, "2000-02-28T23:59:59.999Z" },
    { 1709164800, "2024-02-29T00:00:00.000Z", "a leap day" },
    { -0.25, "1969-12-31T23:59:59.750Z", "before 1970" },
    { -62167219200, "0000-01-01T00:00:00.000Z", "the first moment it can write" },
    { 253402300799, "9999-12-31T23:59:59.000Z", "the last second" },
  } do
    it("writes " .. case[2] .. (case[3] and ", " .. case[3] or ""), function()
      assert.equal(case[2], clock.rfc3339(case[1]))
    end)
  end

  it("raises about moments that cannot be written", function()
    for _, seconds in ipairs { 253402300800, -62167219201, 1e300, math.huge, 0 / 0 } do
      assert.has_error(function() clock.rfc3339(seconds) end)
    end
  end)
end)
