-- An agent that is killed at any write of a publication, and the next one, which takes Envoy over,
-- puts back what was unfinished and publishes it anew: no request fails, Envoy is never restarted.

local file = require("host.file")
local json = require("host.json")
local passes_of = require("spec.support.passes")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local strace = require("spec.support.strace")
local turn_of = require("spec.support.turn")
local world_of = require("spec.support.world")

local missing = world_of.missing() or (not script.can_trace() and script.NO_TRACE) or nil
if missing then
  pending("killed agent: " .. missing)
  return
end

-- EVERY gives a part of the cases, as in publication_faults_spec.lua.
local EVERY = tonumber(os.getenv("EVERY") or os.getenv("ASAN_OPTIONS") and 9 or 1)
local WRITES = { renameat = true, rename = true, renameat2 = true, unlink = true, unlinkat = true,
  write = true }
-- More than the history keeps generations: each listener file is new to it.
local PORTS = 12
local PATIENCE = 10 -- seconds
local TRIES = 20    -- until a kill comes at the call that it is meant for

describe("an agent", function()
  local sidecar, world, ports, calls, envoy, load
  local turn = 0

  local function change()
    turn = turn + 1
    sidecar:mesh(turn_of.services(sidecar, turn), { ["other.local"] = ports[turn % PORTS + 1] })
  end

  local function start(...)
    local argv = { ... }
    table.move({ sidecar.program, "run" }, 1, 2, #argv + 1, argv)
    sidecar:start({ LOG_LEVEL = "debug", ENVOY_LOG_LEVEL = "error", REFRESH_TIME = 30 }, argv)
    return sidecar.agent
  end

  local function traced(options)
    local argv = { "strace", "-qq", "-o", world.directory .. "/trace" }
    for word in (strace.options .. " " .. options):gmatch("%S+") do argv[#argv + 1] = word end
    return start(table.unpack(argv))
  end

  local function trace()
    return strace.parse(file.read(world.directory .. "/trace", 1 << 26) or "",
      world.directory .. "/tmp/")
  end

  -- Waits in short steps: the cases are many.
  local function wait(probe, what)
    sched.run(function()
      local deadline = sched.now() + PATIENCE
      while not probe() do
        assert(sched.now() < deadline, "did not happen: " .. what)
        sched.sleep(0.01)
      end
    end)
  end

  -- Ends the agent as a kill does; strace, where it runs under it, ends with it.
  local function kill()
    local pid = file.read(sidecar.state .. "/agent.pid"):match("^%d+")
    assert(os.execute("kill -KILL " .. pid))
    wait(function() return world:status(sidecar.agent) end, "the agent has ended")
  end

  -- Has the agent made its pass? One that was killed late leaves nothing to publish.
  local function in_force()
    local log = world:log(sidecar.agent)
    return (log:find("event=published", 1, true) or log:find("event=unchanged", 1, true))
      and not file.stat(sidecar.state .. "/undo.json")
  end

  -- What is wrong once the next agent has published.
  local function check(wrong)
    local expected = { "cds.json", "envoy-config.yaml", "input.json", "lds.json",
      ("rds/public-%d.json"):format(sidecar.port), ("rds/public-%d.json"):format(
        ports[turn % PORTS + 1]) }
    local names, texts = {}, passes_of.contents(sidecar.folder)
    for name in pairs(texts) do names[#names + 1] = name end
    table.sort(names)
    table.sort(expected)
    if table.concat(names, " ") ~= table.concat(expected, " ") then
      wrong("published are %s", table.concat(names, " "))
    end
    if not (texts["cds.json"] or ""):find('"port_value": ' .. turn_of.port(turn), 1, true) then
      wrong("the clusters are not the new ones")
    end
    for name in pairs(passes_of.contents(sidecar.state)) do
      if name:find("%.tmp$") then wrong("state file %s is left", name) end
    end
    for _, name in ipairs { "cluster_manager.cds", "listener_manager.lds" } do
      local path = name:match("%a+$") .. ".json"
      if sidecar:stat(name .. ".version_text") ~= sidecar:read(path).version_info then
        wrong("Envoy does not run %s", path)
      end
    end
  end

  -- One kill, and the next agent.
  ---@return { calls: table[], hit: table? } result `hit`: the call at which the kill came
  local function strike(call, number, faults)
    local old = passes_of.contents(sidecar.folder)
    local function wrong(...)
      faults[#faults + 1] = call.line .. ": " .. string.format(...)
    end
    change()
    traced(("-e trace=%s -e inject=%s:signal=KILL:when=%d"):format(call.name, call.name, number))
    wait(function() return world:status(sidecar.agent) or in_force() end, "a kill, or the end")
    local struck_down = world:status(sidecar.agent) ~= nil
    if not struck_down then kill() end
    local result = { calls = trace() }
    result.hit = struck_down and result.calls[#result.calls] or nil
    local struck = passes_of.contents(sidecar.folder)
    if (world:get(sidecar:url("/web"))) ~= 200 then wrong("Envoy does not answer") end
    start()
    wait(in_force, "the next agent publishes")
    local new = passes_of.contents(sidecar.folder)
    for path, text in pairs(struck) do
      if text ~= old[path] and text ~= new[path] and not path:find("%.tmp$") then
        wrong("%s was neither the old one nor the new one", path)
      end
    end
    check(wrong)
    kill()
    return result
  end

  -- A kill at one call, whose number among its kind is not always the same.
  local function case(call, faults)
    local number = call.number
    for _ = 1, TRIES do
      local result = strike(call, number, faults)
      if result.hit and result.hit.nth == call.nth then return true end
      number = strace.aim(call, number, result)
    end
    faults[#faults + 1] = "never reached: " .. call.line
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    world = sidecar.world
    ports = { world:ports(PORTS) }
    change()
    start()
    sidecar:answers("/web", 200)
    wait(in_force, "the first generation")
    envoy = sidecar:envoy()
    load = world:load(sidecar:url("/web"), 4, 100)
    kill()
    change()
    traced("-e trace=all")
    wait(in_force, "a generation of an agent that is traced")
    kill()
    calls = {}
    for i, call in ipairs(trace()) do
      if call.nth and WRITES[call.name] and i % EVERY == 0 then
        calls[#calls + 1] = call
      end
    end
  end)

  teardown(function()
    -- After a failure one may run that is not the last one started: strace's.
    if not world:status(sidecar.agent) then kill() end
    start() -- Envoy ends with it
    sidecar:logged("event=envoy_taken_over")
    assert.are.same({}, world:close())
  end)

  it("that is killed at any of its writes leaves all to the next one", function()
    local faults, met, started = {}, 0, os.time()
    for _, call in ipairs(calls) do
      met = met + (case(call, faults) and 1 or 0)
    end
    print(("# %d cases of %d calls, %d s"):format(met, #calls, os.time() - started))
    assert.are.same({}, faults)
    assert.are.equal(#calls, met)
  end)

  it("costs no request by that, and Envoy is the same to the end", function()
    local seen = world:finish_load(load)
    print(("# %d requests, %d failed"):format(seen.requests, seen.failed))
    assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.is_true(seen.requests > 20)
    assert.are.equal(envoy, sidecar:envoy())
    assert.is_table(json.decode(assert(file.read(sidecar.state .. "/accepted.json"))))
  end)
end)
