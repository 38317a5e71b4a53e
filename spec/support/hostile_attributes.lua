-- Values that nobody means, for every attribute that a shipped policy reads: too long, too many,
-- the same thing twice in another order, numbers at the edges, text that is no text.

local hostile_attributes = {}

local LONG = ("x"):rep(8000)
local WIDE = ("v"):rep(40)

local function many(count, form, separator)
  local list = {}
  for i = 1, count do list[i] = form:gsub("#", tostring(i)) end
  return table.concat(list, separator or ",")
end

-- For whatever reads it.
local ANY = {
  "", " ", ",", ";", "=", ":", "&", "|", "%", "-", "0", "-0", "1", "00", "1.", ".5", "1e3", "0x10",
  "inf", "nan", "-nan", "NaN%", "1,5", "5 s", "yes", "YES", "no", "ja", "null", "true false", LONG,
  ("9"):rep(400), "0." .. ("0"):rep(400) .. "1", "0." .. ("0"):rep(330) .. "1ms",
  "9223372036854775808",
  "a\nb", "\27[31mred", "\u{85}\u{2028}\u{202e}", "é", "ä, ö", "{{x}}", '"', "'", "\\", "`",
  "%s%d%n",
  "%1", "[", "(((", "*", "?/a", "/a", "[private]/a", "__index", "$(x)", "<x>", "&amp;", ",,,,",
  "=1",
}

-- For one attribute each; what is not named here gets those of all of them.
local OWN = {
  ACCESS = { "none", "*", "gateway,,none", many(2000, "m#"), LONG .. "," .. LONG:sub(1, 100) },
  ACTIVE_COLOR = { "Blue", "purple", ("ü"):rep(4000) },
  CAPACITY_FACTOR = { "1", "1000", "1000.0001", "0.99", "1.0000000001" },
  COLOR_COOKIE = { "on", "0" },
  DAMPING = { "0", "1ms", "1000000000", "1000000001", "1h1h1h", "0.5s" },
  DRAIN_UNTIL = { "0", "99999999999", "999999999999", "9999-12-31T23:59:59-23:59",
    "1970-01-01T00:00:00+00:01", "2023-02-29T00:00:00Z", "2024-02-29 00:00Z" },
  FAILOVER = { "blue", "blue,blue,green,green", many(130, "zone:z#"), many(130, "c#") .. ",green",
    many(1500, "c#"), many(1000, "green"), "zone:zone-a,zone:zone-a,green", "mesh:own.local",
    "mesh:", "zone:,color:", "Zone:a", "mesh:other.local,mesh:other.local,blue" },
  FREEZE = { "on", "off" },
  HEADER_ROUTE = { "x-a=1|2, x-a=2|1", "x-a & x-b, x-b & x-a", "x-a=1|1, x-a=1", "x-a=1&x-a=2",
    "x-a=" .. many(1500, "#", "|"), many(17, "x-#", "&"), many(500, "x-#"), ":path=/", "host=a",
    many(11, ("x-#=%s1|%s2|%s3"):format(WIDE, WIDE, WIDE), "&"), "x-a=" .. ("a"):rep(1025),
    ("x"):rep(257), "cookie:", "cookie:a=é", "Cookie:a=1", "cookie=a", "x-a=a b|c,d", "x-a=.*|(" },
  HEALTH_GATE = { "0", "0%", "100%", "1000000", "1000001", "100.0001%" },
  IDLE_TIMEOUT = { "0.0009", "1ms", "86400", "24h", "24h1ms", "0" },
  MIN_ENDPOINTS = { "0", "0%", "100%", "1000000", "0.0001%" },
  MIRROR = { "0.0001", "0.00009", "0.0000001%", "100%", "100.0000001", "28", "33.333333333333333" },
  PER_TRY_TIMEOUT = { "0", "0.0009", "1ms", "24h" },
  RAMP_DURATION = { "0", "1ms", "0." .. ("0"):rep(310) .. "1ms", "1000000000" },
  RAMP_INTERVAL = { "0", "1ms", "0." .. ("0"):rep(310) .. "1ms", "1000000000" },
  RAMP_START = { "0", "1700000000", "1700000001", "99999999999", "9999-12-31T23:59:59Z" },
  RAMP_STEPS = { "0", "0,0,0", "100,0", "0.0001", "33.333,66.667", many(2000, "1"), "1 2 3" },
  RAMP_TO = { "0", "0.00001", "100%", "99.9999999" },
  RETRIES = { "0", "10", "11", "0000000000000010" },
  RETRY_ON = { "5xx,5xx", many(15, "5xx"), "cancelled", "retriable-headers" },
  SCHEDULE = { ("mon,"):rep(1500) .. "mon,tue,wed,thu,fri,sat,sun 00:00-24:00 = 5", "= 65535",
    "= 65536", many(1000, "Mon=#", ";"), "Mon Mon = 1", "24:00-00:00 = 1", "00:00-00:00 = 1",
    "23:59:59-00:00 = 0", "UTC UTC = 1", "<+99>-99:99 = 1", "2023-11-14..2023-11-14 = 3",
    "9999-12-31 = 1", "Europe/Berlin = 0", "A-167B+167,M1.1.0/+167,M12.5.6/-167 = 9" },
  STICKY = { "cookie::", ":", "cookie:a:0", "cookie:a:0.5", "cookie:a:366d", "cookie:a;b",
    "header:", "header:a:b", "cookie:" .. ("a"):rep(257), "HEADER:Host", "cookie:a:1h:1" },
  TENANTS = { many(1500, "#"), many(500, "#"), many(700, "a#") .. ",b", "b,a", "a,b", "a,a,a",
    many(1500, "ä#"), ("t"):rep(1025), many(150, "a" .. WIDE .. "#"), "a;b", "a\\b" },
  TEST_TRAFFIC = { "on", "off" }, TIMEOUT = { "0.0009", "1ms", "86400", "24h1ms", "0", "0s", "-1" },
  ZONE_AWARE = { "on", "off" },
}

-- What may follow an attribute that is for paths.
local PATHS = { ":/", ":/a", ":/a/", ":/a///", ":/nowhere", ":/" .. ("a"):rep(900), ":*", ":?/a",
  ":", ":a", ":/é", "://", ":/a:b" }

local function one(random, list)
  return list[random(#list)]
end

---One attribute with a value that nobody means.
---@param random fun(n: integer): integer
---@param name string
---@param has_paths boolean? whether it is read for single paths too
---@return string key
---@return string value
function hostile_attributes.draw(random, name, has_paths)
  local value = one(random, random(3) == 1 and ANY or OWN[name] or ANY)
  return name .. (has_paths and random(2) == 1 and one(random, PATHS) or ""), value
end

---@return table<string, string[]> the values of each attribute
function hostile_attributes.all()
  return OWN
end

return hostile_attributes
