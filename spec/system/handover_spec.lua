-- What follows a hand-over that failed, with a real Envoy: the old one serves on, and the new
-- bootstrap could only be tried by ending it.

local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("hand-overs: " .. missing)
  return
end

describe("after a hand-over that failed", function()
  local sidecar, world, path, good, bad

  before_each(function()
    sidecar = sidecar_of.of_one()
    world = sidecar.world
    local templates = sidecar:own_templates()
    path = templates .. "/envoy-config.yaml.mustache"
    good = assert(file.read(path))
    -- Valid, but no process can listen there; TEST-NET-1 (RFC 5737) is nobody's address.
    bad = good:gsub("address: 127.0.0.1", "address: 192.0.2.1")
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
    sidecar:logged("event=unchanged")
    assert(file.write(path, bad))
    sidecar:logged("event=envoy_handover_failed", 15)
    sidecar:logged("event=restored", 10)
  end)

  after_each(function()
    assert.are.same({}, world:close())
  end)

  it("a change of the mesh costs no request for the same bootstrap", function()
    local envoy, load = sidecar:envoy(), world:load(sidecar:url("/web"), 10, 300)
    for weight = 2, 3 do
      local from = sidecar:mark()
      sidecar:mesh { service("web-blue", { ["/web"] = weight, ["/more"] = 1 },
        { sidecar.ports.blue }) }
      sidecar:logged("a new Envoy did not start with it before", 15, from)
    end
    local seen = world:finish_load(load)
    assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.are.equal(envoy, sidecar:envoy())
    assert.is_nil(world:log(sidecar.agent):find("event=envoy_cold_restart", 1, true))
  end)

  it("another bootstrap comes into force, and ends the requests that run", function()
    local from = sidecar:mark()
    local slow = world:start("slow", { "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
      sidecar:url("/web/slow") })
    os.execute("sleep 0.5")
    assert(file.write(path, good .. "\n# another\n"))
    sidecar:logged("event=envoy_cold_restart", 10, from)
    world:ended(slow, 6)
    assert.are.equal("000", file.read(slow.base .. ".out"))
    sidecar:logged("event=published", 15, from)
    sidecar:answers("/web", 200)
  end)
end)
