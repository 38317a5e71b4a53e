-- Tells IPv4 and IPv6 addresses and host names apart, as strictly as Envoy
-- does, which refuses a whole CDS file for one address that it cannot read.

local address = {}

-- Of one to three digits.
local function is_octet(digits)
  return #digits == 1 or digits:byte() ~= 48 and tonumber(digits) <= 255
end

---@param value string
---@return boolean # dotted decimal, four numbers without leading zeros
function address.is_ipv4(value)
  local a, b, c, d = value:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  return a ~= nil and is_octet(a) and is_octet(b) and is_octet(c) and is_octet(d)
end

-- The number of 16-bit groups in `value` ("1:2:3" has 3); nil when one is bad.
local function groups(value)
  if value == "" then return 0 end
  local count = 0
  for group in (value .. ":"):gmatch("([^:]*):") do
    if not group:find("^%x%x?%x?%x?$") then return nil end
    count = count + 1
  end
  return count
end

---@param value string
---@return boolean # RFC 4291, 2.2; without a zone, which no other host can use
function address.is_ipv6(value)
  if #value > 45 or not value:find(":", 1, true) then return false end
  local head, dotted = value:match("^(.*:)([%d.]*%.[%d.]*)$")
  if dotted then
    if not address.is_ipv4(dotted) then return false end
    value = head .. "0:0"
  end
  local before, after = value:match("^(.-)::(.*)$")
  if not before then return groups(value) == 8 end
  local left, right = groups(before), groups(after)
  return left ~= nil and right ~= nil and left + right <= 7
end

---@param value string
---@return boolean # labels of letters, digits, `-` and `_` (which container names hold)
function address.is_host(value)
  local name = value:gsub("%.$", "")
  if name == "" or #name > 253 or name:find("..", 1, true) then return false end
  local last
  for label in (name .. "."):gmatch("([^.]*)%.") do
    local good = #label <= 63 and label:find("^[%w_][%w_-]*$") and not label:find("-$")
    if not good then return false end
    last = label
  end
  -- A name that ends in digits is a mistyped address (RFC 1123, 2.1); resolvers take one that ends
  -- in a hexadecimal number for an address too (inet_aton(3)).
  return not last:find("^%d+$") and not last:find("^0[xX]%x*$")
end

-- The groups in `value` ("1:2:3" has three) as numbers; an IPv4 address at its end is two of them.
local function numbers(value)
  local list = {}
  for group in value:gmatch("[%x.]+") do
    local a, b, c, d = group:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    if a then
      list[#list + 1] = tonumber(a) << 8 | tonumber(b)
      list[#list + 1] = tonumber(c) << 8 | tonumber(d)
    else
      list[#list + 1] = tonumber(group, 16)
    end
  end
  return list
end

-- The eight groups of an IPv6 address, whatever way it is written (RFC 4291, 2.2).
local function expand(value)
  local before, after = value:match("^(.-)::(.*)$")
  local list, rest = numbers(before or value), numbers(after or "")
  while #list + #rest < 8 do list[#list + 1] = 0 end
  return table.move(rest, 1, #rest, #list + 1, list)
end

-- An IPv4 address or host name in one spelling, or the groups of an IPv6 address. An IPv4 address
-- that is written as an IPv6 one (RFC 4291, 2.5.5.2) is that IPv4 address.
local function plain(value)
  if not address.is_ipv6(value) then
    local text = value:lower()
    return text:sub(-1) == "." and text:sub(1, -2) or text
  end
  local parts = expand(value)
  local mapped = parts[6] == 0xffff
  for i = 1, 5 do mapped = mapped and parts[i] == 0 end
  if not mapped then return nil, parts end
  local high, low = parts[7], parts[8]
  return ("%d.%d.%d.%d"):format(high >> 8, high & 255, low >> 8, low & 255)
end

--- Addresses of one link are no service's: they lead to what is on this host's (RFC 3927, RFC 4291
--- 2.5.6). In AWS that is metadata and credentials: 169.254.169.254, 169.254.170.2, fd00:ec2::254.
---@param value string an address or host name
---@return boolean
function address.is_link_local(value)
  local text, parts = plain(value)
  if text then return text:find("^169%.254%.%d+%.%d+$") ~= nil end
  return parts[1] & 0xffc0 == 0xfe80 or parts[1] == 0xfd00 and parts[2] == 0xec2
end

--- What leads to this host itself: for a sidecar to its own network namespace.
---@param value string an address or host name
---@return boolean
function address.is_loopback(value)
  local text, parts = plain(value)
  if text then
    return text:find("^127%.%d+%.%d+%.%d+$") ~= nil or text == "0.0.0.0" or text == "localhost"
      or text:find("%.localhost$") ~= nil
  end
  for i = 1, 7 do
    if parts[i] ~= 0 then return false end
  end
  return parts[8] <= 1
end

---@param value string
---@return "ipv4"|"ipv6"|"host"|nil
function address.family(value)
  if address.is_ipv4(value) then return "ipv4" end
  if address.is_ipv6(value) then return "ipv6" end
  if address.is_host(value) then return "host" end
end

---@param value string
---@return integer? port 1 to 65535
function address.port(value)
  -- The digits first: "0*" before them is tried in every length where something else follows.
  local digits = value:find("^%d+$") and value:match("^0*(%d+)$")
  if not digits or #digits > 5 then return nil end
  local number = math.tointeger(tonumber(digits, 10))
  if number < 1 or number > 65535 then return nil end
  return number
end

return address
