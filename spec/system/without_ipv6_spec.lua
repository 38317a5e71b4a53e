-- A host without IPv6, with a real Envoy, which refuses all clusters there for one such address.

local file = require("host.file")
local json = require("host.json")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("a host without IPv6: " .. missing)
  return
end

describe("on a host without IPv6", function()
  local sidecar, world

  before_each(function()
    sidecar = sidecar_of.new("blue")
    world = sidecar.world
  end)

  after_each(function()
    assert.are.same({}, world:close())
  end)

  it("an instance with an IPv6 address alone is left out, and all else is served", function()
    local function service(name, instances)
      return { name = name, attributes = { ["/" .. name] = 1 }, instances = json.array(instances) }
    end
    local four = { id = "four", ipv4 = "127.0.0.1", port = sidecar.ports.blue }
    sidecar:mesh { service("web", { four }),
      service("mixed", { four, { id = "six", ipv6 = "2001:db8::1", port = 80 } }),
      service("six", { { id = "six", ipv6 = "2001:db8::1", port = 80 } }) }
    sidecar:start({}, { "python3", "spec/support/without_ipv6.py", sidecar.program, "run" })
    sidecar:answers("/web", 200)
    sidecar:answers("/mixed", 200)
    sidecar:answers("/six", 503)
    sidecar:logged("event=no_ipv6")
    local log = world:log(sidecar.agent)
    assert.is_truthy(log:find('service \\"six\\": instance \\"six\\": attribute '
      .. '\\"AWS_INSTANCE_IPV6\\": \\"2001:db8::1\\" is of IPv6, which this host has not', 1, true))
    assert.is_nil(log:find("event=pass_failed", 1, true))
    assert.is_nil(file.read(sidecar.folder .. "/cds.json"):find("2001:db8::1", 1, true))
  end)
end)
