-- Time zones as policies know them, held against a tz database that .ci/setup pins: the one of a
-- machine may be older, or know of next year's law.

local build = require("spec.support.mesh")

local zone = build.lib("zone")

local ASK = [[
import datetime, random, zoneinfo
random.seed(3)
for name in sorted(zoneinfo.available_timezones() - {"localtime"}):
    zone = zoneinfo.ZoneInfo(name)
    for _ in range(20):
        at = random.randrange(1800000000, 2100000000)
        offset = datetime.datetime.fromtimestamp(at, zone).utcoffset()
        print(name, at, int(offset.total_seconds()))
]]

local function known_offsets()
  local pipe = assert(io.popen("PYTHONTZPATH= python3 -c '" .. ASK .. "' 2>/dev/null"))
  local list = {}
  for line in pipe:lines() do
    local name, at, offset = line:match("^(%S+) (%S+) (%S+)$")
    list[#list + 1] = { name = name, at = math.tointeger(tonumber(at)),
      offset = math.tointeger(tonumber(offset)) }
  end
  pipe:close()
  return list
end

describe("the time zones of policies", function()
  it("agree with the tz database", function()
    local list = known_offsets()
    if #list == 0 then return pending("Python has no package tzdata: `make test` installs it") end
    local compared = 0
    for _, one in ipairs(list) do
      local rule = zone.find(one.name)
      if rule then
        compared = compared + 1
        local offset = zone.offset(rule, one.at)
        if offset ~= one.offset then
          error(("%s at %d: expected %d, got %d"):format(one.name, one.at, one.offset, offset))
        end
      end
    end
    assert.is_true(compared > #list * 0.95, "most names are known")
  end)

  it("change at the second that the rule names", function()
    local berlin = zone.find("Europe/Berlin")
    assert.equal(3600, zone.offset(berlin, 1774745999))      -- 2026-03-29T00:59:59Z
    assert.equal(7200, zone.offset(berlin, 1774746000))
    assert.equal(7200, zone.offset(berlin, 1792889999))      -- 2026-10-25T00:59:59Z
    assert.equal(3600, zone.offset(berlin, 1792890000))
  end)

  it("have summer over the turn of the year in the south", function()
    local sydney = zone.find("Australia/Sydney")
    assert.equal(39600, zone.offset(sydney, 1767225600))     -- January
    assert.equal(36000, zone.offset(sydney, 1782864000))     -- July
  end)

  it("may be a rule of one's own", function()
    assert.equal(19800, zone.offset(zone.find("IST-5:30"), 0))
    assert.equal(-12600, zone.offset(zone.find("<-0330>3:30"), 0))
    assert.equal(7200, zone.offset(zone.find("CET-1CEST,M3.5.0,M10.5.0/3"), 1782864000))
  end)

  for _, name in ipairs({ "", "Europe/Atlantis", "berlin", "UTC+", "CET-1CEST", "CET-1CEST,M3.5.0",
    "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-999", "X-1", "Europe", "é" }) do
    it(("are none: %q"):format(name), function()
      assert.is_nil(zone.find(name))
    end)
  end
end)
