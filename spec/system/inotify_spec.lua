-- Too few inotify instances, in reality: the agent and its Envoy in a user namespace with a limit.

local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if not missing and not os.execute(
  "unshare -Ur sh -c 'echo 9 >/proc/sys/user/max_inotify_instances' 2>/dev/null") then
  missing = "no user namespace with a limit of its own may be made here"
end
if missing then
  pending("inotify: " .. missing)
  return
end

describe("inotify instances", function()
  local sidecar, world

  local function started_with(instances)
    sidecar:start({}, { "unshare", "-Ur", "sh", "-c",
      ('echo %d >/proc/sys/user/max_inotify_instances; exec "$0" run'):format(instances),
      sidecar.program })
  end

  local function count(text)
    return select(2, world:log(sidecar.agent):gsub(text, ""))
  end

  before_each(function()
    sidecar = sidecar_of.new("blue")
    world = sidecar.world
    sidecar:mesh { sidecar.service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }) }
  end)

  after_each(function()
    assert.are.same({}, world:close())
  end)

  it("that suffice twice are no matter", function()
    started_with(6)
    sidecar:answers("/web", 200)
    sidecar:logged("event=unchanged")
    assert.equal(0, count("event=inotify"))
  end)

  it("that suffice for one Envoy are told once, and Envoy runs", function()
    started_with(3)
    sidecar:answers("/web", 200)
    sidecar:logged("event=unchanged")
    assert.equal(1, count("event=inotify_low[^\n]* needed=6 "))
    assert.equal(1, count("event=inotify"))
  end)

  it("that Envoy will not find are told before it aborts", function()
    started_with(2)
    sidecar:logged("event=envoy_inotify_exhausted", 15)
    local log = world:log(sidecar.agent)
    local told = assert(log:find("event=inotify_low", 1, true))
    assert.is_true(told < log:find("event=envoy_started", 1, true))
    assert.matches("assert failure: inotify_fd_", log, 1, true)
  end)

  it("are looked at again before Envoy gets another listener", function()
    started_with(7)
    sidecar:logged("event=published", 15)
    local from = sidecar:mark()
    sidecar:publishes(function() sidecar:mesh({}, { ["other.local"] = world:ports(1) }) end)
    -- Three are in use: the Envoy of a hot restart would need four, the new listener needs one.
    local line = world:log(sidecar.agent):match("event=inotify_low[^\n]*", from)
    assert.matches("needed=5", line, 1, true)
    assert.matches("free=4", line, 1, true)
  end)
end)
