-- Keeps a client on its color: what it sends (a header) or got (a cookie that
-- Envoy makes) is hashed, and the hash chooses among the colors. When weights
-- change, only as many clients move as must: the templates scale hashed weights
-- to one sum.
--
-- STICKY says by what: `cookie`, `cookie:NAME`, `cookie:NAME:1h`, `header:NAME`.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local text = require("lib.text")
local variants = require("lib.variants")
local walk = require("lib.walk")

local LONGEST = 365 * 86400 -- seconds that a cookie may live

local function read_hash(value, settings)
  local parts = text.split(value, ":")
  local kind, name = (parts[1] or ""):lower(), parts[2]
  if kind == "header" and name and variants.is_token(name) and #parts == 2 then
    return { header = name:lower() }
  end
  local ttl = parts[3] and parse.duration.read(parts[3]) or not parts[3] and settings.ttl
  name = name or settings.cookie
  if kind == "cookie" and variants.is_token(name) and ttl and ttl <= LONGEST and #parts <= 3 then
    return { cookie = name, ttl = math.tointeger(math.ceil(ttl)) }
  end
end

local function reader(settings)
  return {
    expected = '"cookie", "cookie:NAME:1h" or "header:NAME"',
    read = function(value) return read_hash(value, settings) end,
  }
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  local parser = reader(settings)
  local hashes = attributes.by_service(mesh, "STICKY", parser)
  local default = settings.by ~= "" and parser.read(settings.by) or nil
  if settings.by ~= "" and not default then
    error("settings: by: expected " .. parser.expected, 0)
  end
  for listener, route in walk.routes(mesh) do
    local hash
    -- Of several services on one path the first that says something speaks for it.
    for _, group in ipairs(walk.services(route)) do
      hash = hash or hashes[listener.mesh .. "/" .. group.service]
    end
    hash = hash or default
    if hash and #route.clusters > 1 then
      route.hash = { hash }
      table.insert(route.why, hash.header and ("clients stay by header %s"):format(hash.header)
        or ("clients stay by cookie %s"):format(hash.cookie))
    end
  end
  return mesh
end

local function shop(sticky)
  return example.shop(90, 10, nil, { attributes = { STICKY = sticky } })
end

local route = example.routes

return {
  about = "A cookie or a header keeps a client on its color.",
  attributes = {
    STICKY = { about = "by what clients stay: cookie, cookie:NAME:1h, header:NAME" },
  },
  settings = {
    by = { type = "string", default = "", about = "STICKY of every service that says nothing" },
    cookie = { type = "string", default = "nightjar-sticky", about = "the cookie's default name" },
    ttl = { type = "integer", default = 0, min = 0, max = 31536000,
      about = "its default life in seconds; 0: until the browser is closed" },
  },
  apply = apply,
  examples = {
    { about = "a cookie that Envoy makes", given = shop("cookie"),
      expect = route({ hash = { { cookie = "nightjar-sticky", ttl = 0 } },
        clusters = { { weight = 90 }, { weight = 10 } } }) },
    { about = "with a name and a life of its own", given = shop("cookie:session:1h"),
      expect = route({ hash = { { cookie = "session", ttl = 3600 } } }) },
    { about = "a header", given = shop("header:X-User"),
      expect = route({ hash = { { header = "x-user" } } }) },
    { about = "every service, by the settings", settings = { by = "header:x-user" },
      given = shop(""), expect = route({ hash = { { header = "x-user" } } }) },
    { about = "what is neither is warned of", given = shop("ip"),
      expect = example.warned(example.weights(90, 10), "STICKY") },
  },
}
