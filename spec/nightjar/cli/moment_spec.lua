-- Specs of times as they are given on the command line.
local moment = require "nightjar.cli.moment"

local function at(text)
  local value, err = moment.parse(text, "--at")
  return value and value.at, err
end

local function fault(text)
  local value, err = moment.parse(text, "--at")
  assert.is_nil(value, text)
  return err
end

describe("a time on the command line", function()
  it("is unix seconds", function()
    assert.equal(0, at "0")
    assert.equal(1795687200, at "1795687200")
    assert.equal(moment.MAX, at "253402300799")
  end)

  it("is a time of RFC 3339: any offset, either case, a blank for the T", function()
    for _, text in ipairs { "2026-11-26T10:00:00Z", "2026-11-26t10:00:00z", "2026-11-26 10:00:00Z",
      "2026-11-26T10:00Z", "2026-11-26T10:00:00.999Z", "2026-11-26T11:00:00+01:00",
      "2026-11-26T11:00+01:00", "2026-11-26T04:30:00-05:30", "2026-11-27T00:00:00+14:00",
      "2026-11-26T10:00:00-00:00", " 2026-11-26T10:00:00Z " } do
      assert.equal(1795687200, at(text), text)
    end
  end)

  it("is a date, which stands for its first second in UTC", function()
    assert.equal(0, at "1970-01-01")
    assert.equal(at "2026-11-26T00:00:00Z", at "2026-11-26")
  end)

  it("follows the calendar: each day is 86,400 s after the one before", function()
    local seen = 0
    for year = 1970, 2400 do
      for month = 1, 12 do
        for day = 1, 31 do
          local seconds = at(("%04d-%02d-%02dT00:00:00Z"):format(year, month, day))
          if seconds then
            assert(seconds == seen, year .. "-" .. month .. "-" .. day)
            seen = seen + 86400
          end
        end
      end
    end
    assert.equal(at "2401-01-01", seen)
  end)

  it("knows leap years, and those of full centuries that are none", function()
    assert.equal(951782400, at "2000-02-29")
    assert.equal(1709164800, at "2024-02-29")
    assert.matches("February 2100 has 28 days", fault "2100-02-29", 1, true)
    assert.matches("February 2026 has 28 days", fault "2026-02-29T10:00:00Z", 1, true)
    assert.matches("April 2026 has 30 days", fault "2026-04-31", 1, true)
  end)

  it("takes a leap second for the first second of the next minute", function()
    assert.equal(at "2017-01-01T00:00:00Z", at "2016-12-31T23:59:60Z")
  end)

  it("is relative to the snapshot", function()
    for text, offset in pairs { ["+2h"] = 7200, ["-30m"] = -1800, ["+1h30m"] = 5400, ["+90"] = 90,
      ["-1d"] = -86400, ["+0s"] = 0 } do
      local value = assert(moment.parse(text, "--at"))
      assert.equal(offset, value.offset, text)
      assert.equal(1000000 + offset, moment.resolve(value, 1000000))
    end
    assert.equal("-7200s from 1970-01-01T00:00:10Z: expected a year from 1970 to 9999",
      select(2, moment.resolve({ offset = -7200 }, 10)))
  end)

  it("is refused with what was expected", function()
    assert.equal('--at: expected unix seconds, a time such as 2026-11-26T10:00:00Z (or with an '
      .. 'offset, +01:00), or one relative to the snapshot such as +2h or -30m, got "soon"',
      fault "soon")
    for text, expected in pairs {
      ["2026-13-01"] = "a month from 01 to 12", ["2026-00-01"] = "a month from 01 to 12",
      ["2026-01-00"] = "January 2026 has 31 days", ["1969-12-31"] = "a year from 1970 on",
      ["2026-11-26T24:00:00Z"] = "an hour from 00 to 23",
      ["2026-11-26T10:60:00Z"] = "a minute from 00 to 59",
      ["2026-11-26T10:00:61Z"] = "a second from 00 to 60",
      ["2026-11-26T10:00:00"] = '"Z" or an offset such as +01:00 at its end',
      ["2026-11-26T10:00:00+1"] = '"Z" or an offset such as +01:00 at its end',
      ["2026-11-26T10:00:00+24:00"] = "an offset from -23:59 to +23:59",
      ["2026-11-26T10:00:00+0100"] = '"Z" or an offset such as +01:00 at its end',
      ["1970-01-01T00:00:00+01:00"] = "a year from 1970 to 9999",
      ["9999-12-31T23:59:59-01:00"] = "a year from 1970 to 9999",
    } do
      assert.matches(expected, fault(text), 1, true)
    end
    for _, text in ipairs { "", "+", "-", "+2w", "+h", "+1.5h", "-9999999999999s", "253402300800",
      "1e9", "0x10", "2026-11-26T10Z", "2026-11-26T10:00:Z", "2026-11-26T10:00:1Z", "26-11-26",
      "2026-11-26X10:00:00Z", "10:00" } do
      assert.matches("^%-%-at: expected ", fault(text))
    end
  end)

  it("shows no control characters of what it refuses", function()
    assert.matches('got "\\x1b%[31m"', fault "\27[31m")
  end)
end)

describe("a span of time", function()
  it("is written with units, or in seconds, and written back in the largest ones", function()
    for text, seconds in pairs { ["90s"] = 90, ["5m"] = 300, ["1h30m"] = 5400, ["2d"] = 172800,
      ["60"] = 60, ["1d1h1m1s"] = 90061 } do
      assert.equal(seconds, moment.span(text))
      assert.equal(seconds, moment.span(moment.write_span(seconds)))
    end
    assert.equal("1h30m", moment.write_span(5400))
    assert.equal("0s", moment.write_span(0))
  end)

  it("is refused with what was expected", function()
    for _, text in ipairs { "", "h", "5 m", "-5m", "1.5h", "5y", "99999999999999s" } do
      local seconds, err = moment.span(text)
      assert.is_nil(seconds, text)
      assert.equal("expected a span such as 90s, 5m, 1h30m or 2d", err)
    end
  end)
end)
