-- Test traffic: a header sends a request to the new color, which need not have
-- any weight yet. The header is the one that ECS Service Connect recognizes by
-- default in its blue/green deployments (ECS developer guide, "Service Connect
-- resources for blue/green deployments").
--
-- A tester must never take the old color for the new one: without endpoints the
-- new color answers 503.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local route_bound = require("lib.route_bound")
local variants = require("lib.variants")
local walk = require("lib.walk")

-- The colors that are tested, each with what its routes match.
local function read_claims(mesh, settings, tested)
  local condition, claims = { header = settings.header:lower() }, {}
  if #settings.header_values > 0 then condition.values = settings.header_values end
  for _, cluster in ipairs(mesh.clusters) do
    local is_tested = tested[cluster.name]
    if is_tested == nil then is_tested = cluster.color == settings.color end
    if is_tested then claims[cluster.name] = { { condition } } end
  end
  return route_bound.keep(mesh, "TEST_TRAFFIC", claims)
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  if not variants.is_token(settings.header) then
    error("settings: header: expected the name of a header", 0)
  end
  local tested = attributes.collect(mesh, "TEST_TRAFFIC", parse.switch)
  local claims = read_claims(mesh, settings, tested)
  local clusters, second = walk.clusters(mesh), {}
  for listener, route in walk.routes(mesh) do
    for _, entry in ipairs(route.clusters) do
      local matches = not route.match and claims[entry.cluster]
      if matches and not variants.add(listener, route, matches[1], entry,
        ("test traffic: color %s is tested"):format(entry.color)) then
        second[entry.cluster] = tested[entry.cluster]
      end
    end
  end
  for name in pairs(second) do
    attributes.warn(mesh, clusters[name], "TEST_TRAFFIC", "another color of its path is tested")
  end
  return mesh
end

local function shop(tested)
  return example.shop(100, 0, { attributes = { TEST_TRAFFIC = tested } })
end

local PLAIN = { clusters = { { weight = 100 }, { weight = 0 } } }

return {
  about = "A header, ECS's by default, sends requests to the new color for a test.",
  attributes = { TEST_TRAFFIC = { about = "yes: requests with the test header go to this color" } },
  settings = {
    header = { type = "string", default = "x-amzn-ecs-blue-green-test", about = "the header" },
    header_values = { type = "strings", default = {}, about = "its values; empty: any" },
    color = { type = "string", default = "", about = "the color that is tested in every service" },
  },
  apply = apply,
  examples = {
    { about = "the header sends to the color that is tested", given = shop("yes"),
      expect = example.routes({ match = { { header = "x-amzn-ecs-blue-green-test" } },
        clusters = { { cluster = "green" } } }, PLAIN) },
    { about = "a color that is none", given = shop("no"),
      expect = example.routes(PLAIN) },
    { about = "one color for all services, by a header of one's own", given = shop(""),
      settings = { color = "green", header = "X-Test", header_values = { "1" } },
      expect = example.routes({ match = { { header = "x-test", values = { "1" } } } }, PLAIN) },
  },
}
