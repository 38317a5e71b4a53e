-- An agent between two passes: nothing wakes it but its timer, and what is set from outside.

local file = require("host.file")
local moto = require("spec.support.moto")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("idle: " .. missing)
  return
end

describe("an idle agent", function()
  local sidecar, world

  -- How often a process has begun to wait so far, all of its threads together (proc(5)).
  local function waits(pid)
    local sum = 0
    for _, entry in ipairs(assert(file.list(("/proc/%d/task"):format(pid)))) do
      if entry.name:match("^%d+$") then
        local status = assert(file.read(("/proc/%d/task/%s/status"):format(pid, entry.name)))
        sum = sum + math.tointeger(tonumber(status:match("\nvoluntary_ctxt_switches:%s*(%d+)")))
      end
    end
    return sum
  end

  local function started(settings)
    settings.REFRESH_TIME = settings.REFRESH_TIME or 600
    sidecar:start(settings)
    sidecar:logged("event=published")
    os.execute("sleep 1") -- what follows a pass
    return sidecar.agent.pid
  end

  local function wakes_in(pid, seconds)
    local before = waits(pid)
    os.execute("sleep " .. seconds)
    return waits(pid) - before
  end

  before_each(function()
    sidecar = sidecar_of.of_one()
    world = sidecar.world
  end)

  after_each(function() assert.are.same({}, world:close()) end)

  it("with an Envoy that is live does not wake at all", function()
    local pid = started {}
    sidecar:answers("/web", 200)
    assert.equal(0, wakes_in(pid, 4))
  end)

  it("beside an Envoy of somebody else does not wake at all", function()
    assert.equal(0, wakes_in(started { ENVOY_BIN = "" }, 4))
  end)

  it("does not wake after a pass that found nothing to do", function()
    local pid = started { REFRESH_TIME = 4 }
    -- The first passes plan; one that finds all settled writes nothing, and must leave no timer.
    for _ = 1, 3 do
      local from = sidecar:mark()
      sidecar:logged("event=unchanged", 6, from)
    end
    os.execute("sleep 0.5")
    assert.equal(0, wakes_in(pid, 2.5))
  end)

  it("does not wake after it has read Cloud Map, whose connections are kept", function()
    if moto.missing() then return pending(moto.missing()) end
    local cloud = moto.start()
    finally(function() cloud:stop() end)
    local _, ids = cloud:fill("shop.local", {
      { name = "me-blue", settings = { SERVICE = "me", COLOR = "blue", ["/me"] = "1" } },
      { name = "web-blue", settings = { SERVICE = "web", COLOR = "blue", ["/web"] = "1" },
        instances = { a = { AWS_INSTANCE_IPV4 = "127.0.0.1",
          AWS_INSTANCE_PORT = tostring(sidecar.ports.blue) } } } })
    local pid = started { DISCOVERY = "cloudmap", SERVICE_MEMBER = ids["me-blue"], REFRESH_TIME = 5,
      SERVICE_PORT = sidecar.port, AWS_ENDPOINT_URL = cloud.endpoint, AWS_REGION = "eu-central-1",
      AWS_EC2_METADATA_DISABLED = "true", AWS_ACCESS_KEY_ID = cloud.users.agent.id,
      AWS_SECRET_ACCESS_KEY = cloud.users.agent.secret }
    sidecar:answers("/web", 200)
    local calls
    for _ = 1, 3 do
      calls = cloud:counts().DiscoverInstances
      local from = sidecar:mark()
      sidecar:logged("event=unchanged", 8, from)
    end
    assert.is_true(cloud:counts().DiscoverInstances > calls)
    os.execute("sleep 0.5")
    assert.equal(0, wakes_in(pid, 3))
  end)

  it("takes one look at the kernel's word for each other name in the stop file's folder", function()
    local pid = started { ENVOY_BIN = "" }
    local before = waits(pid)
    for i = 1, 10 do
      assert(os.execute(("touch %s/other%d; sleep 0.1"):format(world.directory, i)))
    end
    assert.is_true(waits(pid) - before <= 10)
  end)

  it("is stopped by the stop file at once", function()
    local pid = started { ENVOY_BIN = "" }
    assert.equal(0, wakes_in(pid, 1.5))
    assert(os.execute("touch " .. world.directory .. "/stop.txt"))
    assert.equal(0, world:ended(sidecar.agent, 1))
    assert.matches("reason=\"stop file", world:log(sidecar.agent), 1, true)
    assert.is_nil(file.stat(world.directory .. "/stop.txt"))
  end)

  it("is stopped by a stop file in a folder that was made later", function()
    started { ENVOY_BIN = "", TRIGGER_STOP_FILE = world.directory .. "/later/on/stop.txt" }
    assert(os.execute(("mkdir -p %s/later/on; touch %s/later/on/stop.txt"):format(world.directory,
      world.directory)))
    assert.equal(0, world:ended(sidecar.agent, 1))
  end)

  it("makes a pass at once when a pin is set, and another when it goes", function()
    started { ENVOY_BIN = "" }
    local generation = world:log(sidecar.agent):match("event=published.-generation=(%x+)")
    local function nightjar(...)
      local process = world:start("cli-" .. #world.running, { sidecar.program, ... },
        { TMP_DIR = world.directory .. "/tmp" })
      assert.equal(0, world:ended(process, 5), world:log(process))
    end
    nightjar("rollback", generation)
    sidecar:logged("event=pinned", 1)
    nightjar("resume")
    sidecar:logged("event=unpinned", 1)
  end)

  it("goes on after a restart in place, and is stopped by the file then", function()
    local pid = started { ENVOY_BIN = "" }
    local from = sidecar:mark()
    world:signal(sidecar.agent, "USR2")
    sidecar:logged("event=started", 5, from)
    os.execute("sleep 1.5")
    local links = io.popen(("readlink /proc/%d/fd/* | grep -c inotify"):format(pid))
    local instances = links:read("n")
    links:close()
    assert.equal(1, instances)
    assert(os.execute("touch " .. world.directory .. "/stop.txt"))
    assert.equal(0, world:ended(sidecar.agent, 1))
  end)
end)
