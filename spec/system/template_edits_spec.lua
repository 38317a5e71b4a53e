-- What docs/templates.md tells people to add to a template, added as it says, in a real Envoy.

local echo = require("spec.support.echo")
local file = require("host.file")
local sched = require("nightjar.agent.sched")
local sidecar = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("the templates' edits: " .. missing)
  return
end

-- What the page adds beside `line`.
local function recipe(line)
  local page = assert(file.read("docs/templates.md"))
  return assert(page:match("```yaml\n(.-)```", assert(page:find("`" .. line .. "`", 1, true))))
end

describe("a gateway behind a load balancer", function()
  local gateway

  before_each(function()
    gateway = sidecar.new()
    local port = gateway.world:ports(1)
    echo.start(gateway.world, { { name = "shop", address = "127.0.0.1", port = port } })
    gateway:mesh { sidecar.service("shop-blue", { ["/shop"] = 1 }, { port }) }
  end)

  after_each(function() assert.are.same({}, gateway.world:close()) end)

  -- What the application is told of a request that a load balancer passes on.
  local function told(templates)
    gateway:start { ENVOY_TEMPLATE_DIR = templates }
    gateway:answers("/shop", 200, 30)
    return sched.run(function()
      return assert(sched.http { method = "GET", url = gateway:url("/shop"), timeout = 10,
        headers = { { "x-forwarded-proto", "https" }, { "x-forwarded-for", "192.0.2.7" } } })
    end).headers
  end

  it("believes nobody as shipped", function()
    assert.are.equal("http", told()["x-scheme"])
  end)

  it("passes on what the load balancer says, with the line of docs/templates.md", function()
    local templates = gateway:own_templates()
    local path, place = templates .. "/lds.json.yaml.mustache", "use_remote_address: true"
    local text, count = assert(file.read(path)):gsub(place .. "\n", "%0" .. recipe(place))
    assert.are.equal(1, count)
    assert(file.write(path, text))
    local headers = told(templates)
    assert.are.equal("https", headers["x-scheme"])
    assert.are.equal("192.0.2.7", headers["x-from"]:match("^[%d.]+"))
  end)
end)
