-- The templates' input for one route of the plan: one or several routes of Envoy's.
--
-- Several, because Envoy refuses an expression of many values (value_groups.lua), and because a
-- cookie that keeps clients on their choice is set for those alone who do not carry it yet.

local json = require("host.json")
local value_groups = require("nightjar.plan.value_groups")

local view_route = {}

-- The sum that weights are scaled to where the choice follows a hash. Envoy takes the hash modulo
-- the sum: with one sum for all times, a changed weight moves those clients alone whose share of
-- the whole has moved.
local HASHED_TOTAL = 1000000

-- In a header that Envoy adds, `%` begins a command.
local function literal(text)
  return (text:gsub("%%", "%%%%"))
end

local function set_cookie(name, value, path, ttl)
  local age = ttl > 0 and ("; Max-Age=%d"):format(ttl) or ""
  return ("%s=%s; Path=%s; HttpOnly; SameSite=Lax%s"):format(literal(name), value, literal(path),
    age)
end

-- Seconds as Envoy writes them, to the millisecond.
local function duration(seconds)
  local text = ("%.3f"):format(seconds):gsub("0+$", ""):gsub("%.$", "")
  return text .. "s"
end

-- One matcher of Envoy's: that a header or cookie is there, or is one of a group of values.
local function matcher(condition, group)
  local one = {
    is_cookie = condition.cookie ~= nil, match_name = condition.header or condition.cookie,
    is_present = group == nil, is_exact = group ~= nil and #group == 1,
    is_regex = group ~= nil and #group > 1, is_inverted = condition.invert == true,
  }
  if group then one.match_value = one.is_exact and group[1] or value_groups.regex(group) end
  return one
end

-- The lists of matchers of which one must hold in whole, for one condition.
local function alternatives(condition)
  if not condition.values then return { { matcher(condition) } } end
  local matchers = {}
  for i, group in ipairs(value_groups.split(condition.values)) do
    matchers[i] = matcher(condition, group)
  end
  -- None of many values: all the matchers must hold.
  if condition.invert then return { matchers } end
  for i, one in ipairs(matchers) do matchers[i] = { one } end
  return matchers
end

local function joined(a, b)
  local both = table.move(a, 1, #a, 1, {})
  return table.move(b, 1, #b, #both + 1, both)
end

-- All of a route's conditions as lists of matchers: each list is a route of Envoy's.
local function variants(match)
  local lists = { {} }
  for _, condition in ipairs(match or {}) do
    local longer = {}
    for _, list in ipairs(lists) do
      for _, more in ipairs(alternatives(condition)) do longer[#longer + 1] = joined(list, more) end
    end
    lists = longer
  end
  return lists
end

local function is_hashed(route)
  return route.hash ~= nil and #route.clusters > 1
end

-- Shares of HASHED_TOTAL by the largest remainders, of equal ones the first.
local function scaled(entries)
  local total, left, order, weights = 0, HASHED_TOTAL, {}, {}
  for _, entry in ipairs(entries) do total = total + entry.weight end
  for i, entry in ipairs(entries) do
    weights[i] = entry.weight * HASHED_TOTAL // total
    left, order[i] = left - weights[i], i
  end
  local function rest(i) return entries[i].weight * HASHED_TOTAL % total end
  table.sort(order, function(a, b)
    if rest(a) ~= rest(b) then return rest(a) > rest(b) end
    return a < b
  end)
  for i = 1, left do weights[order[i]] = weights[order[i]] + 1 end
  return weights, HASHED_TOTAL
end

local function plain(entries)
  local total, weights = 0, {}
  for i, entry in ipairs(entries) do
    total, weights[i] = total + entry.weight, entry.weight
  end
  return weights, total
end

-- A cookie that every answer of a route sets.
local function add_cookie(made, cookie)
  made.sets_cookies, made.set_cookies = true, made.set_cookies or json.array({})
  table.insert(made.set_cookies, { set_cookie = cookie })
end

local function color_cookie(entry)
  local cookie = entry.cookie
  return cookie and set_cookie(cookie.name, literal(cookie.value), "/", cookie.ttl)
end

local function add_clusters(made, route)
  local weights
  weights, made.total_cluster_weight = (is_hashed(route) and scaled or plain)(route.clusters)
  made.clusters = json.array({})
  for i, entry in ipairs(route.clusters) do
    made.clusters[i] = { cluster_name = entry.cluster, route_weight = weights[i],
      service = entry.service, color = entry.color }
    local cookie = color_cookie(entry)
    if cookie and made.has_one_cluster then
      add_cookie(made, cookie)
    elseif cookie then
      made.clusters[i].sets_color_cookie, made.clusters[i].color_cookie = true, cookie
    end
  end
end

local function add_mirrors(made, route)
  if not route.mirrors then return end
  made.has_mirrors, made.mirrors = true, json.array({})
  for i, mirror in ipairs(route.mirrors) do
    made.mirrors[i] = { mirror_name = mirror.cluster,
      per_million = math.floor(mirror.percent * 10000 + 0.5) }
  end
end

local function add_limits(made, route)
  if route.timeout then
    made.has_timeout, made.timeout = true, duration(route.timeout)
  end
  -- A time limit that is longer than the template's own silence of a minute means to be reached.
  local idle = route.idle_timeout or route.timeout and route.timeout > 60 and route.timeout
  if idle then made.has_idle_timeout, made.idle_timeout = true, duration(idle) end
  local retries = route.retries
  if not retries then return end
  made.has_retries, made.retry_on = true, table.concat(retries.on, ",")
  made.retry_count = retries.count
  made.has_per_try_timeout = retries.per_try_timeout ~= nil
  made.per_try_timeout = retries.per_try_timeout and duration(retries.per_try_timeout)
end

local function add_matchers(made, matchers)
  for _, one in ipairs(matchers) do
    local kind = one.is_cookie and "cookies" or "headers"
    made["has_" .. kind], made[kind] = true, made[kind] or json.array({})
    table.insert(made[kind], one)
  end
end

-- What the hash follows. The client without any of it draws its request id, which `set_cookie`
-- then hands it to carry.
local function add_hash(made, route)
  made.is_hashed, made.hash = true, json.array({})
  local has_cookie = false
  for i, item in ipairs(route.hash) do
    has_cookie = has_cookie or item.cookie ~= nil
    made.hash[i] = { is_cookie = item.cookie ~= nil, hash_name = item.header or item.cookie }
  end
  if has_cookie then
    made.hash[#made.hash + 1] = { is_cookie = false, hash_name = "x-request-id" }
  end
end

-- The first cookie of a hash: the one that clients are given.
local function hash_cookie(route)
  for _, item in ipairs(is_hashed(route) and route.hash or {}) do
    if item.cookie then return item end
  end
end

-- That a request carries nothing that the hash follows.
local function strangers(route)
  local matchers = {}
  for i, item in ipairs(route.hash) do
    matchers[i] = matcher({ header = item.header, cookie = item.cookie, invert = true })
  end
  return matchers
end

local function make(route, matchers)
  local made = {
    route_path = route.path,
    is_root = route.path == "/",
    has_one_cluster = #route.clusters == 1,
    has_many_clusters = #route.clusters > 1,
    service = route.service,
  }
  add_clusters(made, route)
  add_matchers(made, matchers)
  if is_hashed(route) then add_hash(made, route) end
  add_mirrors(made, route)
  add_limits(made, route)
  return made
end

---@param route table of the plan
---@param list table gets the routes of Envoy's, in their order
function view_route.add(route, list)
  local cookie = hash_cookie(route)
  for _, matchers in ipairs(variants(route.match)) do
    if cookie then
      local first = make(route, joined(matchers, strangers(route)))
      add_cookie(first, set_cookie(cookie.cookie, "%REQ(X-REQUEST-ID)%", cookie.path or "/",
        cookie.ttl))
      list[#list + 1] = first
    end
    list[#list + 1] = make(route, matchers)
  end
end

return view_route
