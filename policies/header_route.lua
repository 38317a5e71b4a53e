-- Requests with a certain header or cookie go to the color that claims them,
-- whatever the weights are. A color says so in HEADER_ROUTE:
--   x-beta            the header is there
--   x-beta=yes|on     and has one of these values
--   cookie:beta=1     the same of a cookie
--   x-a=1 & x-b=2     both; x-a=1, x-b=2: either

local attributes = require("lib.attributes")
local example = require("lib.example")
local route_bound = require("lib.route_bound")
local text = require("lib.text")
local variants = require("lib.variants")
local walk = require("lib.walk")

local MOST = 16 -- conditions of one route
local MOST_WAYS = 32 -- routes that one color asks for, on each of its paths

local function read_match(value)
  local match, combinations = {}, 1
  for i, part in ipairs(text.split(value, "&")) do
    match[i] = variants.read_condition(part)
    if not match[i] then return nil end
    combinations = combinations * (match[i].values and #match[i].values or 1)
    -- Each combination may become a route of Envoy's.
    if combinations > variants.MOST_VALUES then return nil end
  end
  return #match > 0 and #match <= MOST and match or nil
end

local MATCHES = {
  expected = ('conditions such as "x-beta=yes" or "cookie:beta=1", at most %d of them, with at '
    .. "most %d values"):format(MOST_WAYS, variants.MOST_VALUES),
  read = function(value)
    local matches = {}
    for i, part in ipairs(text.split(value, ",")) do
      matches[i] = read_match(part)
      if not matches[i] then return nil end
    end
    return #matches > 0 and #matches <= MOST_WAYS and matches or nil
  end,
}

local function add(listener, route, entry, matches, warn)
  for _, match in ipairs(matches) do
    if not variants.add(listener, route, match, entry, "HEADER_ROUTE of color " .. entry.color) then
      warn(entry.cluster)
    end
  end
end

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  local claims = attributes.collect(mesh, "HEADER_ROUTE", MATCHES)
  route_bound.keep(mesh, "HEADER_ROUTE", claims)
  local clusters, warned = walk.clusters(mesh), {}
  local function warn(name)
    if not warned[name] then
      attributes.warn(mesh, clusters[name], "HEADER_ROUTE",
        "another color has claimed this already")
    end
    warned[name] = true
  end
  for listener, route in walk.routes(mesh) do
    for _, entry in ipairs(route.clusters) do
      local matches = not route.match and claims[entry.cluster]
      if matches then add(listener, route, entry, matches, warn) end
    end
  end
  return mesh
end

local function shop(claim, other)
  return example.shop(100, 0, { attributes = { HEADER_ROUTE = claim } },
    { attributes = { HEADER_ROUTE = other } })
end

local routes = example.routes

local PLAIN = { path = "/shop", clusters = { { weight = 100 }, { weight = 0 } } }

return {
  about = "Requests with the header or cookie of HEADER_ROUTE go to the color that says so.",
  attributes = {
    HEADER_ROUTE = { about = "what sends a request to this color: x-beta=yes, cookie:beta=1" },
  },
  apply = apply,
  examples = {
    { about = "a header's value", given = shop("X-Beta=yes|on"),
      expect = routes({ match = { { header = "x-beta", values = { "yes", "on" } } },
        clusters = { { cluster = "green" } } }, PLAIN) },
    { about = "a cookie, or a header that is there", given = shop("cookie:beta=1, x-beta"),
      expect = routes({ match = { { cookie = "beta", values = { "1" } } } },
        { match = { { header = "x-beta" } } }, PLAIN) },
    { about = "two headers at once", given = shop("x-a=1 & x-b=2"),
      expect = routes({ match = { { header = "x-a" }, { header = "x-b" } } }, PLAIN) },
    { about = "what is no header is warned of, and changes nothing", given = shop("x beta=1"),
      expect = example.warned(routes(PLAIN), "HEADER_ROUTE") },
    { about = "the first of two colors that claim the same has it", given = shop("x-a", "x-a"),
      expect = example.warned(routes({ clusters = { { cluster = "blue" } } }, PLAIN),
        "HEADER_ROUTE") },
  },
}
