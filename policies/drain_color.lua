-- Takes a color out of service without throwing anybody off it: new clients go
-- to the other colors, those that have its cookie stay until a deadline.
--
-- COLOR_COOKIE switches the cookie on for a service: it must be set some time
-- before a color is drained, since only who has the cookie can stay. While it is
-- on, clients stay on their color; changed weights move new clients only.

local attributes = require("lib.attributes")
local calendar = require("lib.calendar")
local example = require("lib.example")
local parse = require("lib.parse")
local shares = require("lib.shares")
local variants = require("lib.variants")
local walk = require("lib.walk")

-- One cookie for each service: to be blue in one is not to be blue in another.
local function cookie_name(settings, service)
  return (settings.cookie .. "-" .. service:gsub("[^%w_.-]", "_")):sub(1, 256)
end

-- The drained get nothing of the plain route; whoever is left shares it.
local function drain(route, group, deadlines, now, able)
  local wanted, drained = {}, {}
  for _, entry in ipairs(group.entries) do
    if deadlines[entry.cluster] then wanted[entry], drained[#drained + 1] = 0, entry end
  end
  if #drained == 0 or group.total == 0 then return end
  local moved, problem = shares.give(route, group, wanted, able,
    "what drained colors leave")
  for _, entry in ipairs(drained) do
    local deadline = deadlines[entry.cluster]
    local reason = ("drained; clients with its cookie %s %s"):format(
      now < deadline and "stay until" or "were let go at", calendar.write(deadline))
    table.insert(entry.why, moved and reason or "not drained: " .. problem)
  end
end

-- Whether those who have the color's cookie are kept on it.
local function keeps(weight_before, deadline, cluster, now)
  if walk.usable(cluster) == 0 then return false end
  if deadline then return now < deadline end
  return weight_before > 0
end

-- Who has the cookie of a color stays on all its services that keep them, by
-- the weights they had: the cookie names the color alone.
local function keep_holders(listener, route, kept, weights, name)
  for _, color in ipairs(kept) do
    local parts = #color == 1 and { 1 }
      or shares.by_weight(color, function(entry) return weights[entry] end)
    variants.add_shared(listener, route, { { cookie = name, values = { color[1].color } } },
      color, parts, "clients with its cookie stay")
  end
end

-- The entries that keep who has their cookie, by color, in the colors' order.
local function kept_by_color(context, group, weights)
  local kept, by_color = {}, {}
  for _, entry in ipairs(group.entries) do
    if variants.is_token(entry.color) and keeps(weights[entry], context.deadlines[entry.cluster],
      context.clusters[entry.cluster], context.now) then
      local color = by_color[entry.color]
      if not color then
        color = {}
        by_color[entry.color], kept[#kept + 1] = color, color
      end
      color[#color + 1] = entry
    end
  end
  return kept
end

local function apply_to(context, listener, route, group)
  local weights = {}
  for _, entry in ipairs(group.entries) do weights[entry] = entry.weight end
  drain(route, group, context.deadlines, context.now, context.able)
  if context.cookies[listener.mesh .. "/" .. group.service] ~= true then return end
  local name = cookie_name(context.settings, group.service)
  keep_holders(listener, route, kept_by_color(context, group, weights), weights, name)
  for _, entry in ipairs(group.entries) do
    if variants.is_token(entry.color) then
      entry.cookie = { name = name, value = entry.color, ttl = context.settings.ttl }
    else
      table.insert(entry.why, "no cookie: its color cannot stand in one")
    end
  end
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@param now integer seconds since 1970
---@return nightjar.Mesh
local function apply(mesh, settings, now)
  if not variants.is_token(settings.cookie) then
    error("settings: cookie: expected the name of a cookie", 0)
  end
  local context = {
    deadlines = attributes.collect(mesh, "DRAIN_UNTIL", parse.time), now = now,
    cookies = attributes.by_service(mesh, "COLOR_COOKIE", parse.switch),
    clusters = walk.clusters(mesh), able = walk.able(mesh), settings = settings,
  }
  for listener, route in walk.routes(mesh) do
    if not route.match then
      for _, group in ipairs(walk.services(route)) do
        if #group.entries > 1 then apply_to(context, listener, route, group) end
      end
    end
  end
  return mesh
end

local function shop(deadline, cookie, endpoints)
  return example.shop(60, 40, nil, { endpoints = endpoints or { {} },
    attributes = { DRAIN_UNTIL = deadline, COLOR_COOKIE = cookie } })
end

local routes = example.routes

local function holders(color)
  return { match = { { cookie = "nightjar-color-shop", values = { color } } },
    clusters = { { cluster = color } } }
end

local function plain(blue, green)
  return { clusters = { { weight = blue }, { weight = green } } }
end

return {
  about = "New clients leave a drained color; those with its cookie stay until DRAIN_UNTIL.",
  attributes = {
    COLOR_COOKIE = { about = "yes: clients of this service get a cookie and stay on their color" },
    DRAIN_UNTIL = { about = "this color gets no new clients; its own stay until this time" },
  },
  settings = {
    cookie = { type = "string", default = "nightjar-color",
      about = "the cookie's name; that of the service follows it" },
    ttl = { type = "integer", default = 86400, min = 0, max = 31536000,
      about = "seconds that a browser keeps it; 0: until it is closed" },
  },
  apply = apply,
  examples = {
    { about = "with the cookie clients stay on their color", given = shop(nil, "yes"),
      expect = routes(holders("blue"), holders("green"), { clusters = {
        { weight = 60, cookie = { name = "nightjar-color-shop", value = "blue", ttl = 86400 } },
        { weight = 40 } } }) },
    { about = "a drained color gets no new clients and keeps its own", now = 99,
      given = shop("1970-01-01T00:01:40Z", "yes"),
      expect = routes(holders("blue"), holders("green"), plain(0, 100)) },
    { about = "after the deadline they go too", now = 100,
      given = shop("1970-01-01T00:01:40Z", "yes"),
      expect = routes(holders("green"), plain(0, 100)) },
    { about = "nobody is kept on a color without endpoints", now = 99,
      given = shop("1970-01-01T00:01:40Z", "yes", {}),
      expect = routes(holders("green"), plain(0, 100)) },
    { about = "without the cookie everybody leaves at once", now = 99,
      given = shop("1970-01-01T00:01:40Z"), expect = routes(plain(0, 100)) },
  },
}
