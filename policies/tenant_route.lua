-- Tenants go to the color that lists them, one color for many of them. Who the
-- tenant is stands in a header, or in a cookie.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local route_bound = require("lib.route_bound")
local text = require("lib.text")
local variants = require("lib.variants")
local walk = require("lib.walk")

local function check(settings)
  for _, name in ipairs({ "header", "cookie" }) do
    if settings[name] ~= "" and not variants.is_token(settings[name]) then
      error(("settings: %s: expected the name of a %s"):format(name, name), 0)
    end
  end
end

-- Why a color cannot have a tenant, or nil.
local function fault(tenant, owner, count)
  if not variants.is_cookie_value(tenant) then
    return text.quote(tenant) .. " cannot stand in a header"
  end
  if owner then return ("color %s lists %s too"):format(owner.color, text.quote(tenant)) end
  if count == variants.MOST_VALUES then return ("more than %d tenants"):format(count) end
end

-- The tenants that a color keeps of those it lists, and the first fault of the others.
local function keep(list, cluster, taken)
  local kept, first_fault = {}, nil
  for _, tenant in ipairs(list) do
    local key = table.concat({ cluster.mesh, cluster.service, tenant }, "\1")
    if taken[key] ~= cluster then
      local problem = fault(tenant, taken[key], #kept)
      first_fault = first_fault or problem
      if not problem then kept[#kept + 1], taken[key] = tenant, cluster end
    end
  end
  return kept, first_fault
end

-- The tenants of each color. One that two colors list is the first one's.
local function read_tenants(mesh)
  local listed, taken = attributes.collect(mesh, "TENANTS", parse.names), {}
  for _, cluster in ipairs(mesh.clusters) do
    local kept, problem = keep(listed[cluster.name] or {}, cluster, taken)
    if problem then attributes.warn(mesh, cluster, "TENANTS", problem) end
    listed[cluster.name] = #kept > 0 and kept or nil
  end
  return listed
end

-- What the routes of each color match: by header, by cookie, or one for each.
local function read_claims(mesh, settings)
  local claims = {}
  for name, values in pairs(read_tenants(mesh)) do
    local matches = {}
    if settings.header ~= "" then
      matches[1] = { { header = settings.header:lower(), values = values } }
    end
    if settings.cookie ~= "" then
      matches[#matches + 1] = { { cookie = settings.cookie, values = values } }
    end
    claims[name] = matches
  end
  return route_bound.keep(mesh, "TENANTS", claims)
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  check(settings)
  local claims = read_claims(mesh, settings)
  for listener, route in walk.routes(mesh) do
    for _, entry in ipairs(route.clusters) do
      for _, match in ipairs(not route.match and claims[entry.cluster] or {}) do
        variants.add(listener, route, match, entry, ("TENANTS of color %s"):format(entry.color))
      end
    end
  end
  return mesh
end

local function shop(green, blue)
  return example.shop(100, 0, { attributes = { TENANTS = green } },
    { attributes = { TENANTS = blue } })
end

return {
  about = "Tenants, known by a header or a cookie, go to the color that lists them.",
  attributes = { TENANTS = { about = "the tenants of this color: acme, globex" } },
  settings = {
    header = { type = "string", default = "x-tenant", about = "the header that names the tenant" },
    cookie = { type = "string", default = "", about = "a cookie that names the tenant" },
  },
  apply = apply,
  examples = {
    { about = "listed tenants have a route of their own", given = shop("acme, globex"),
      expect = example.routes({ match = { { header = "x-tenant", values = { "acme", "globex" } } },
        clusters = { { cluster = "green" } } },
        { clusters = { { weight = 100 }, { weight = 0 } } }) },
    { about = "a cookie may name them too", settings = { header = "", cookie = "tenant" },
      given = shop("acme"),
      expect = example.routes({ match = { { cookie = "tenant", values = { "acme" } } } }, {}) },
    { about = "a tenant belongs to one color", given = shop("acme, globex", "acme"),
      expect = example.warned(example.routes(
        { match = { { values = { "acme" } } }, clusters = { { cluster = "blue" } } },
        { match = { { values = { "globex" } } }, clusters = { { cluster = "green" } } }, {}),
        "TENANTS") },
  },
}
