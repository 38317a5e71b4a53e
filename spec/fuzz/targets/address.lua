-- Addresses: what leads to this host or its link is known in every spelling.
local address = require("nightjar.plan.address")

-- The 32 digits of an IPv6 address.
local function digits(value)
  value = value:lower():gsub("(%d+)%.(%d+)%.(%d+)%.(%d+)$", function(...)
    return ("%02x%02x:%02x%02x"):format(...)
  end)
  local function padded(part)
    return (part:gsub(":?(%x+)", function(group) return ("0000" .. group):sub(-4) end))
  end
  local before, after = value:match("^(.-)::(.*)$")
  if not before then return padded(value) end
  local left, right = padded(before), padded(after)
  return left .. ("0"):rep(32 - #left - #right) .. right
end

local V4 = ("0"):rep(20) .. "ffff"

local function check_ipv6(value)
  local all = digits(value)
  assert(#all == 32, "an IPv6 address has 32 digits")
  local link = all:find("^fe[89ab]") or all:find("^fd000ec2") or all:find("^" .. V4 .. "a9fe")
  assert(address.is_link_local(value) == (link ~= nil), "an address of the link is known")
  local own = all:find("^0+[01]$") or all:find("^" .. V4 .. "7f") or all == V4 .. ("0"):rep(8)
  own = own ~= nil and own ~= false
  assert(address.is_loopback(value) == own, "an address of its own is known")
end

return function(text)
  local family = address.family(text)
  assert(family == address.family(text:upper()) and family == address.family(text:lower()),
    "case says nothing")
  if family == "ipv6" then check_ipv6(text) end
  if family == "ipv4" then
    assert(address.is_link_local(text) == (text:find("^169%.254%.") ~= nil), "the link is known")
  elseif family == "host" then
    assert(not text:find("^[%d.]+$") and not text:find("[%c%s:/@%%]"), "a name is no address")
  end
  local port = address.port(text)
  assert(port == nil or (port >= 1 and port <= 65535 and tonumber(text) == port), "a port is one")
end
