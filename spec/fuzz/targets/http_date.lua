-- Dates of HTTP and of ISO 8601: a whole number of seconds that reads as the same date, or nil.
local timestamp = require("nightjar.agent.aws.timestamp")

return function(text)
  local unix = timestamp.parse_http(text)
  assert(unix == nil or math.type(unix) == "integer", "seconds are whole")
  local day, year = text:match("^%a+, (%d%d?) %a+ (%d+)")
  -- Other days may be those of the next month, second 60 is one of the next minute.
  if unix and tonumber(day) <= 28 and tonumber(year) >= 1000 and not text:find(":60 GMT$") then
    local written = os.date("!%d %b %Y %H:%M:%S", unix):gsub("^0", "")
    local expected = text:gsub("^%a+, ", ""):gsub("^0", ""):gsub(" GMT$", "")
    assert(written == expected, ("read as %s"):format(written))
  end
  local instant = timestamp.parse(text)
  assert(instant == nil or math.type(instant) == "integer", "seconds are whole")
  if instant and instant >= 0 and instant < 253402300800 then
    assert(timestamp.parse(timestamp.format(instant)) == instant, "a written instant is read")
  end
end
