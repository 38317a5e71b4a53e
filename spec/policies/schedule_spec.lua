-- Schedules: the wall clock of a time zone, through midnight and through the change of clocks.

local build = require("spec.support.mesh")
local shop = require("spec.support.shop")

local calendar = build.lib("calendar")

local function green(rules, at, settings)
  local plan, warnings = shop.plan(shop.snapshot({ weight = 50 },
    { weight = 50, SCHEDULE = rules }),
    { now = calendar.read(at), settings = { schedule = settings } })
  for _, entry in ipairs(shop.routes(plan)[1].clusters) do
    if entry.color == "green" then return entry.weight, warnings, plan end
  end
end

describe("policies/schedule.lua", function()
  local BERLIN = "Europe/Berlin 02:30-03:30 = 7"

  it("follows the clock on the wall when clocks go forward", function()
    -- 02:30 does not exist on this day; the window is the half hour after 03:00.
    assert.equal(50, green(BERLIN, "2026-03-29T00:59:59Z"))
    assert.equal(7, green(BERLIN, "2026-03-29T01:00:00Z"))
    assert.equal(50, green(BERLIN, "2026-03-29T01:30:00Z"))
  end)

  it("and when they go back: the hour that comes twice counts twice", function()
    assert.equal(7, green(BERLIN, "2026-10-25T00:30:00Z"))
    assert.equal(50, green(BERLIN, "2026-10-25T01:00:00Z"))
    assert.equal(7, green(BERLIN, "2026-10-25T01:30:00Z"))
    assert.equal(50, green(BERLIN, "2026-10-25T02:30:00Z"))
  end)

  it("knows what day it is where the rule is", function()
    assert.equal(7, green("Asia/Tokyo Mon = 7", "2026-11-29T15:00:00Z"))
    assert.equal(50, green("Asia/Tokyo Mon = 7", "2026-11-29T14:59:59Z"))
    assert.equal(7, green("Pacific/Honolulu 2026-12-24 = 7", "2026-12-25T09:59:59Z"))
  end)

  it("ends a night on the morning after its day, and after the last of its dates", function()
    local rules = "2026-12-30..2026-12-31 22:00-06:00 = 7"
    for at, weight in pairs({ ["2026-12-30T21:59Z"] = 50, ["2026-12-30T22:00Z"] = 7,
      ["2027-01-01T05:59Z"] = 7, ["2027-01-01T06:00Z"] = 50, ["2026-12-30T05:00Z"] = 50 }) do
      assert.equal(weight, green(rules, at), at)
    end
  end)

  it("takes lists and ranges of days, over the weekend too", function()
    for day, weight in pairs({ ["2026-11-23"] = 7, ["2026-11-25"] = 50, ["2026-11-27"] = 7,
      ["2026-11-28"] = 7, ["2026-11-29"] = 7 }) do
      assert.equal(weight, green("fri-mon = 7", day .. "T12:00Z"), day)
      assert.equal(weight, green("Sat,Sun,Fri-Fri,MON = 7", day .. "T12:00Z"), day)
    end
  end)

  it("tells which rule it was", function()
    local _, _, plan = green("Mon-Fri 09:00-17:00 = 5; Sat = 7", "2026-11-28T12:00Z")
    assert.matches("schedule: 50 → 7 (SCHEDULE: Sat = 7)", shop.why(plan, "green"), 1, true)
  end)

  it("can be for one path", function()
    local plan = shop.plan(shop.snapshot({ weight = 50 }, { weight = 50, ["/other"] = "50",
      ["SCHEDULE:/other"] = "Mon-Sun = 3" }))
    assert.same({ green = 3 }, build.weights(plan, "private-8080", "/other"))
    assert.same({ blue = 50, green = 50 }, shop.shares(plan))
  end)

  for _, rules in ipairs({ "always = 5", "Mon-Fri", "Mon-Fri = x", "Mon = 70000", "= 5 = 6",
    "09:00-09:00 = 5", "25:00-26:00 = 5", "9-17 = 5", "2026-02-30 = 5",
    "2026-12-26..2026-12-24 = 5", "Europe/Atlantis Mon = 5", "Mon Tue = 5", "Mon = 1; Tue" }) do
    it(("warns of %q and keeps the weight"):format(rules), function()
      local weight, warnings = green(rules, "2026-11-23T12:00Z")
      assert.equal(50, weight)
      assert.same({ "bad_attribute" }, build.codes(warnings))
    end)
  end

  it("refuses a zone in the settings that does not exist", function()
    assert.has_error(function() green("Mon = 1", "2026-11-23T12:00Z", { zone = "Atlantis" }) end)
  end)
end)
