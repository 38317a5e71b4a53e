-- An agent that has run for long is as large as one that has just begun: the whole agent, its main
-- loop and all, in this process, over an endpoint of Cloud Map, with a clock that moves on by
-- REFRESH_TIME as soon as a pass has ended. Its memory, descriptors and state files are looked at
-- after a warm-up, on the way and at the end.
--
-- The short form, with a small mesh, is for CI. `make bench-week` is the long one: WEEK_PASSES
-- (20,160) passes of 30 seconds on the mesh of the server at WEEK_ENDPOINT (bench/go/server).

local agent_of = require("nightjar.agent.agent")
local file = require("host.file")
local json = require("host.json")
local log = require("host.log")
local moto = require("spec.support.moto")
local moved = require("spec.support.moved")
local program = require("host.program")
local reference = require("spec.support.reference")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local settings_of = require("nightjar.settings")

local given = os.getenv("WEEK_ENDPOINT") and assert(json.decode(os.getenv("WEEK_ENDPOINT")))
local PASSES = math.tointeger(tonumber(os.getenv("WEEK_PASSES") or 320))
local CHANGE_EVERY = given and 50 or 10 -- passes
-- By then the history is full and every list and attribute was read more than once.
local WARM_UP = given and math.min(1000, PASSES // 5) or 130

-- What may be more at the end than after the warm-up. The heap is looked at after a full
-- collection, so that nothing but what is held on to counts; what the C library keeps of it in
-- pieces may vary: by some 100 KiB here, and as much in a week of the large mesh.
local MOST = { heap_kib = 16, anonymous_kib = 512, resident_kib = 512, descriptors = 0,
  state_files = 1, state_kib = 4 }
-- The server moves ever more of its 2,000 instances to addresses that are longer to write.
if given then MOST.state_kib = 128 end
-- What comes and goes: connections, one for each call at a time, and two of the spec's own; and the
-- descriptor of a program that has ended, until its handle is collected.
local MOST_PASSING = 8 + 2 + 2

local function status_of(field)
  return math.tointeger(tonumber(file.read("/proc/self/status"):match(field .. ":%s*(%d+)")))
end

-- Files below a folder and their KiB.
local function size_of(folder)
  local count, bytes = 0, 0
  for _, item in ipairs(file.list(folder) or {}) do
    local path = folder .. "/" .. item.name
    if item.type == "folder" then
      local more, kib = size_of(path)
      count, bytes = count + more, bytes + kib * 1024
    else
      count, bytes = count + 1, bytes + file.stat(path).size
    end
  end
  return count, bytes / 1024
end

-- Descriptors that stay, and such as come and go.
local function descriptors()
  local pid = file.read("/proc/self/stat"):match("^%d+")
  -- A moment later: until then the pipe's other end may be open here too.
  local pipe = assert(io.popen("sleep 0.2; ls -l /proc/" .. pid .. "/fd"))
  local text = pipe:read("a")
  pipe:close()
  local _, all = text:gsub(" %-> ", "")
  local _, sockets = text:gsub(" %-> socket:", "")
  local _, ended = text:gsub(" %-> anon_inode:%[pidfd%]", "")
  return all - sockets - ended, sockets + ended
end

local function look(settings)
  collectgarbage()
  collectgarbage()
  local files, kib = size_of(settings.state_dir)
  local staying, passing = descriptors()
  return { heap_kib = collectgarbage("count"), anonymous_kib = status_of("RssAnon"),
    resident_kib = status_of("VmRSS"), descriptors = staying, passing = passing,
    state_files = files, state_kib = kib }
end

local function tell(passes, seen)
  print(("# after %6d passes: heap %7.0f KiB, anonymous %6d KiB, resident %6d KiB, "
    .. "%d descriptors and %d that pass, state %d files of %.1f KiB"):format(passes, seen.heap_kib,
    seen.anonymous_kib, seen.resident_kib, seen.descriptors, seen.passing, seen.state_files,
    seen.state_kib))
end

describe("an agent that runs for long", function()
  if not given and moto.missing() then
    pending(moto.missing())
    return
  end

  local endpoint, folder, settings, changes, state

  local function tell_endpoint(method, path, value)
    local answer = assert(sched.http { method = method, url = (given or endpoint).endpoint .. path,
      body = value and assert(json.encode(value)), connect_timeout = 5, timeout = 30 })
    assert.equal(200, answer.status)
  end

  -- Another weight and another address: each makes a new generation.
  local function change()
    changes = changes + 1
    local service = state.services[5]
    service.Instances[1].Attributes["/svc3"] = tostring(50 + changes % 40)
    service.Instances[2].Attributes.AWS_INSTANCE_IPV4 = "10.99.0." .. 1 + changes % 200
  end

  -- What the endpoint answers in the next pass. Its clock moves on as well; the server of the bench
  -- has none.
  local function prepare(number)
    local due = number % CHANGE_EVERY == 0
    if given then return due and tell_endpoint("POST", "/_bench/change") end
    if due then change() end
    tell_endpoint("PUT", "/change", { clock = moved.ahead + settings.refresh_time,
      services = due and state.services or nil })
  end

  setup(function()
    folder, changes = script.folder(), 0
    log.configure { level = "warn" }
    if not given then
      endpoint, state = moto.faulty(), reference.state()
      -- The first 5 services: what is looked for is not a matter of size.
      state.services = json.array(table.move(state.services, 1, 10, 1, {}))
      endpoint:state(state)
    end
    moved.install()
    settings = assert(settings_of.load { flags = {}, data_directory = program.data_directory(),
      environment = { PATH = os.getenv("PATH"), TMP_DIR = folder, ENVOY_BIN = "",
        SERVICE_MEMBER = given and given.member or reference.MEMBER, ENVOY_ADMIN_PORT = "1",
        TRIGGER_STOP_FILE = folder .. "/stop", AWS_REGION = "eu-central-1",
        AWS_ENDPOINT_URL = (given or endpoint).endpoint, AWS_ACCESS_KEY_ID = "A",
        AWS_SECRET_ACCESS_KEY = "s", HOME = "/nonexistent" } })
  end)

  teardown(function()
    moved.remove()
    if endpoint then endpoint:stop() end
    script.discard(folder)
  end)

  -- Waits for the end of a pass, and lets the time for the next one come. Without an Envoy that
  -- answers, publication waits some time between two steps: that is let pass as well.
  local function let_pass(one, number)
    while one.pass.counts.passes < number or one.passing do
      if one.supervisor.publishing then moved.by(0.1) end
      sched.sleep(0.0005)
    end
    assert.equal(0, one.pass.counts.failures)
    prepare(number)
    moved.by(settings.refresh_time)
  end

  -- All of it: what was seen after the warm-up, in the middle and at the end.
  local function live(one)
    local seen = {}
    for number = 1, PASSES do
      let_pass(one, number)
      if number == WARM_UP or number == (WARM_UP + PASSES) // 2 or number == PASSES then
        seen[#seen + 1] = look(settings)
        tell(number, seen[#seen])
      end
    end
    return seen
  end

  it("holds on to no more memory, descriptors or files than after its first hours", function()
    local seen, one
    sched.run(function()
      one = assert(agent_of.new(settings))
      local driver = sched.spawn(function()
        seen = live(one)
        one.events:put { stop = "the week is over" }
      end)
      assert.equal(0, one:run())
      driver:cancel() -- it is over, unless something else has stopped the agent
    end)
    assert.is_truthy(seen, "the agent stopped before its time")
    local generations = (PASSES - 1) // CHANGE_EVERY + 1
    assert.equal(math.min(10, generations), #one.state.history.entries)
    assert.equal(PASSES, one.calls.passes)
    for _, one_look in ipairs(seen) do assert.is_true(one_look.passing <= MOST_PASSING) end
    for name, most in pairs(MOST) do
      local growth = seen[3][name] - seen[1][name]
      assert.is_true(growth <= most, ("%s grew by %s"):format(name, growth))
    end
  end)
end)
