-- `nightjar debug` in reality: another shell's command, and the log of the agent that runs.

local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("debug: " .. missing)
  return
end

describe("nightjar debug", function()
  local sidecar, world

  before_each(function()
    sidecar = sidecar_of.of_one()
    world = sidecar.world
  end)

  after_each(function() assert.are.same({}, world:close()) end)

  local function command(...)
    local process = world:start("command-" .. #world.running, { sidecar.program, "debug", ... },
      { TMP_DIR = world.directory .. "/tmp" })
    local status = world:ended(process, 10)
    return status, file.read(process.base .. ".out") or "", world:log(process)
  end

  local function start(more)
    local settings = { ENVOY_BIN = "", LOG_LEVEL = "info", REFRESH_TIME = 0.2 }
    for name, value in pairs(more or {}) do settings[name] = value end
    sidecar:start(settings)
    sidecar:logged("event=published")
    assert.is_nil(world:log(sidecar.agent):find("level=debug", 1, true))
  end

  it("shows what the agent does for a time, and then no more", function()
    start()
    local from = sidecar:mark()
    assert.equal(0, (command("2")))
    sidecar:logged("event=debug_on", 2, from)
    sidecar:logged("level=debug event=unchanged", 2, from)
    assert.matches("^on for ", select(2, command()))
    sidecar:logged("event=debug_off", 5, from)
    from = sidecar:mark()
    os.execute("sleep 1")
    assert.is_nil(world:log(sidecar.agent):find("level=debug", from, true))
    assert.matches("^off", select(2, command()))
    assert.is_nil(file.stat(sidecar.state .. "/debug.json"))
  end)

  it("ends at once with off", function()
    start()
    command("300")
    sidecar:logged("event=debug_on", 2)
    assert.equal(0, (command("off")))
    sidecar:logged("event=debug_off", 2)
  end)

  it("goes on over a restart in place for what is left of its time", function()
    start()
    command("6")
    sidecar:logged("event=debug_on", 2)
    os.execute("sleep 1")
    local from = sidecar:mark()
    world:signal(sidecar.agent, "USR2")
    sidecar:logged("event=started", 10, from)
    local at = sidecar:logged("event=debug_on", 5, from)
    local left = tonumber(world:log(sidecar.agent):match("seconds=(%d+)", at))
    assert.is_true(left >= 1 and left <= 5, tostring(left))
    sidecar:logged("event=debug_off", 10, from)
  end)

  it("wakes an idle agent when its time is over, and not before", function()
    start { REFRESH_TIME = 600 }
    os.execute("sleep 1")
    command("6")
    sidecar:logged("event=debug_on", 2)
    os.execute("sleep 0.5")
    local function waits()
      local sum = 0
      for _, entry in ipairs(assert(file.list(("/proc/%d/task"):format(sidecar.agent.pid)))) do
        local status = file.read(("/proc/%d/task/%s/status"):format(sidecar.agent.pid, entry.name))
        sum = sum + tonumber(status:match("\nvoluntary_ctxt_switches:%s*(%d+)"))
      end
      return sum
    end
    local before = waits()
    os.execute("sleep 3")
    assert.equal(before, waits())
    sidecar:logged("event=debug_off", 8)
  end)

  it("says that the agent does not run", function()
    start()
    assert.equal(0, world:stop(sidecar.agent))
    local status, _, said = command("300")
    assert.equal(1, status)
    assert.matches("debug: no agent runs with ", said)
  end)
end)
