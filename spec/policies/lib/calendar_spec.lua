-- Dates as policies compute them, held against the C library's calendar.

local build = require("spec.support.mesh")

local calendar = build.lib("calendar")
local DAY = 86400

describe("the calendar of policies", function()
  it("agrees with the C library on every day of 400 years", function()
    for day = 0, 400 * 366 do
      local known = os.date("!*t", day * DAY)
      local year, month, of_month = calendar.date(day)
      if year ~= known.year or month ~= known.month or of_month ~= known.day
        or calendar.weekday(day) ~= known.wday - 1
        or calendar.day(year, month, of_month) ~= day then
        error(("day %d is %d-%d-%d"):format(day, year, month, of_month))
      end
    end
  end)

  for text, seconds in pairs({
    ["1970-01-01T00:00:00Z"] = 0, ["2026-11-26T10:00:00Z"] = 1795687200,
    ["2026-11-26T10:00Z"] = 1795687200, ["2026-11-26 11:00+01:00"] = 1795687200,
    ["2026-11-26t04:30:00-05:30"] = 1795687200, ["2028-02-29T23:59:59Z"] = 1835481599,
    ["1795687200"] = 1795687200,
  }) do
    it("reads " .. text .. " and writes it in UTC", function()
      assert.equal(seconds, calendar.read(text))
      assert.equal(os.date("!%Y-%m-%dT%H:%M:%SZ", seconds), calendar.write(seconds))
    end)
  end

  for _, text in ipairs({ "", "tomorrow", "2026-11-26", "2026-11-26T10:00:00", "2026-02-29T00:00Z",
    "2100-02-29T00:00Z", "2026-13-01T00:00Z", "2026-00-10T00:00Z", "2026-11-31T00:00Z",
    "2026-11-26T24:00Z", "2026-11-26T10:60Z", "2026-11-26T10:00:60Z", "2026-11-26T10:00:Z",
    "2026-11-26T1:00Z", "2026-11-26T10:00+1:00", "2026-11-26T10:00+24:00", "1969-12-31T23:59Z",
    "1970-01-01T00:00+01:00", "-5", "1e9", "999999999999" }) do
    it(("does not read %q"):format(text), function()
      assert.is_nil(calendar.read(text))
    end)
  end
end)
