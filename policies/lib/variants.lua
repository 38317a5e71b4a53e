-- Further routes of a path, for requests that carry something: a header, a
-- cookie. Envoy tries them before the plain route of that path, in the order in
-- which they were added.

local trim = require("lib.text").trim

local variants = {}

local function condition_key(condition)
  local values = { table.unpack(condition.values or {}) }
  table.sort(values)
  return table.concat({ condition.header or "", condition.cookie or "",
    tostring(condition.invert or false), condition.values and "=" or "",
    table.concat(values, "\1") }, "\2")
end

---What makes a route that route: its path and what it matches, in whatever order
---conditions and values stand.
---@param path string
---@param match nightjar.Condition[]?
---@return string
function variants.identity(path, match)
  local parts = {}
  for i, condition in ipairs(match or {}) do parts[i] = condition_key(condition) end
  table.sort(parts)
  return path .. "\4" .. table.concat(parts, "\3")
end

-- What the listener has that was asked about last: a policy asks for one after
-- the other, and looking through all routes each time would take too long.
local known = {}

local function look_at(listener)
  if known.listener == listener and known.count == #listener.routes then return end
  known = { listener = listener, count = #listener.routes, taken = {}, place = 1 }
  for _, route in ipairs(listener.routes) do
    if route.match then known.taken[variants.identity(route.path, route.match)] = true end
  end
end

local function position(listener, route)
  for i = known.place, #listener.routes do
    if listener.routes[i] == route then return i end
  end
  for i, item in ipairs(listener.routes) do
    if item == route then return i end
  end
  return #listener.routes + 1
end

---Adds a route that shares what matches among entries of one service.
---@param listener nightjar.Listener
---@param route nightjar.Route the plain one; its own route stays as it is
---@param match nightjar.Condition[]
---@param entries nightjar.Entry[] of that route, at least one
---@param weights integer[] as many, not all 0
---@param reason string
---@return nightjar.Route? variant nil when a route with this match is there already
function variants.add_shared(listener, route, match, entries, weights, reason)
  look_at(listener)
  local identity = variants.identity(route.path, match)
  if known.taken[identity] then return nil end
  local variant = { path = route.path, service = entries[1].service,
    audience = entries[1].audience, match = match, clusters = {}, why = {} }
  for i, entry in ipairs(entries) do
    variant.clusters[i] = { cluster = entry.cluster, service = entry.service, color = entry.color,
      weight = weights[i], audience = entry.audience, why = { reason } }
  end
  known.place = position(listener, route)
  table.insert(listener.routes, known.place, variant)
  known.taken[identity], known.count = true, known.count + 1
  return variant
end

---Adds a route that sends what matches to one entry's cluster.
---@param listener nightjar.Listener
---@param route nightjar.Route as for `add_shared`
---@param match nightjar.Condition[]
---@param entry nightjar.Entry of that route
---@param reason string
---@return nightjar.Route? variant as of `add_shared`
function variants.add(listener, route, match, entry, reason)
  return variants.add_shared(listener, route, match, { entry }, { 1 }, reason)
end

---How many values a condition can have.
variants.MOST_VALUES = 1000

-- What names of headers and cookies consist of (RFC 9110, `token`, without what
-- has a meaning in Envoy's own formats).
local TOKEN, LONGEST = "^[%w!#$&*+.^_|~-]+$", 256

---@param text string
---@return boolean whether it can be the name of a header or a cookie
function variants.is_token(text)
  return #text <= LONGEST and text:find(TOKEN) ~= nil
end

---@param text string
---@return boolean whether it can be a header's value
function variants.is_header_value(text)
  return #text > 0 and #text <= 1024 and not text:find('[^\32-\126]') and not text:find('["\\]')
end

---@param text string
---@return boolean whether it can be a cookie's value (RFC 6265)
function variants.is_cookie_value(text)
  return variants.is_header_value(text) and not text:find("[%s,;]")
end

---Reads one condition as people write it: `x-beta`, `x-beta=yes`, `x-beta=yes|on`,
---`cookie:beta=yes`.
---@param text string
---@return nightjar.Condition?
function variants.read_condition(text)
  local name, values = text:match("^([^=]*)=(.*)$")
  name = trim(name or text)
  local cookie = name:match("^cookie:(.*)$")
  if not variants.is_token(cookie or name) then return nil end
  local condition = cookie and { cookie = cookie } or { header = name:lower() }
  if not values then return condition end
  condition.values = {}
  for piece in values:gmatch("[^|]+") do
    local value = trim(piece)
    local fits = cookie and variants.is_cookie_value or variants.is_header_value
    if not fits(value) then return nil end
    table.insert(condition.values, value)
  end
  return #condition.values > 0 and condition or nil
end

return variants
