-- Whatever stands in attributes, Envoy takes what comes of it: every value that nobody means, each
-- on a service of its own, folded into one bootstrap that the real Envoy judges.

local build = require("spec.support.mesh")
local cli = require("spec.support.cli")
local hostile_attributes = require("spec.support.hostile_attributes")
local json = require("host.json")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("hostile attributes and Envoy: " .. missing)
  return
end

-- Two colors of a service on a path of its own, both of which carry the attribute.
local function add(services, name, value)
  local group = ("s%d"):format(#services)
  for i, color in ipairs({ "blue", "green" }) do
    local attributes = { SERVICE = group, COLOR = color, ["/" .. group] = "1",
      COLOR_COOKIE = "yes", [name] = value }
    services[#services + 1] = build.service(group .. "-" .. color, attributes,
      json.array({ build.instance(i) }), { since = json.decode("{}") })
  end
end

describe("Envoy takes what becomes of every value of", function()
  for name, values in pairs(hostile_attributes.all()) do
    it(name, function()
      local services = json.array({})
      for _, value in ipairs(values) do add(services, name, value) end
      local snapshot = build.own(services)
      snapshot.warnings = json.array({})
      local result = cli.run { "check", "--snapshot", "-", input = assert(json.encode(snapshot)) }
      assert.matches("envoy: ok", result.stdout, 1, true)
      assert.equal(0, result.status, result.stderr)
    end)
  end
end)
