-- Every system call of a pass on the published files and on the agent's state, killed and failed:
-- Envoy keeps serving, each file is whole, and the next pass repairs what is left. The generation
-- changes clusters, routes and listeners, adds a route file and removes one.

local file = require("host.file")
local json = require("host.json")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local strace = require("spec.support.strace")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing() or (not script.can_trace() and script.NO_TRACE) or nil
if missing then
  pending("publication faults: " .. missing)
  return
end

-- Passes until what the history keeps has gone round once; more ports than it keeps generations, so
-- that each one has a listener file that is new to it.
local WARM_UP, PORTS = 12, 12
local TRIES = 6 -- until a fault meets the call that it is meant for
-- EVERY gives a part of the cases: each second call, each third. The sanitizers make a pass many
-- times slower.
local EVERY = tonumber(os.getenv("EVERY") or os.getenv("ASAN_OPTIONS") and 9 or 1)

local FAULTS = {
  { fault = "signal=KILL", name = "killed", can = function() return true end },
  { fault = "error=ENOSPC", name = "without space", reason = "No space left on device",
    can = function(call)
      return call.line:find("O_CREAT", 1, true) or ({ write = true, fsync = true, close = true,
        mkdir = true, mkdirat = true, rename = true, renameat = true, renameat2 = true })[call.name]
    end },
  { fault = "error=EIO", name = "with an I/O error", reason = "Input/output error",
    can = function(call) return call.name ~= "fcntl" end },
}

describe("a pass", function()
  local sidecar, world, command, ports, load, calls
  local turn = 0

  -- Makes the next generation's mesh; nothing in it was in one before.
  local function next_mesh()
    turn = turn + 1
    sidecar:mesh({
      service("web-blue", { ["/web"] = turn }, { sidecar.ports.blue }),
      service("web-green", { ["/web"] = 10 }, { sidecar.ports.green }),
      service("spare-blue", { ["/spare"] = 1 }, { 20000 + turn }),
    }, { ["other.local"] = ports[turn % PORTS + 1] })
  end

  -- Contents by path below a folder, of hidden files too.
  local function contents(folder)
    local texts = {}
    local function add(prefix)
      for _, item in ipairs(assert(file.list(folder .. "/" .. prefix))) do
        if item.type == "folder" then
          add(prefix .. item.name .. "/")
        else
          texts[prefix .. item.name] = assert(file.read(folder .. "/" .. prefix .. item.name))
        end
      end
    end
    add("")
    return texts
  end

  local function temporary(path)
    return path:find("%.tmp$") ~= nil
  end

  -- What is wrong with the state files as they are, each by itself.
  local function check_state(wrong)
    for path, text in pairs(contents(sidecar.state)) do
      local hash = path:match("^history/(%x+)$")
      if hash and json.hash(text) ~= hash or path:find("%.json$") and not json.decode(text) then
        wrong("state file %s is torn", path)
      end
    end
  end

  -- What is wrong right after a fault.
  local function check_struck(wrong, fault, result)
    if fault.reason and result.status ~= 0 then
      local said = file.read(world.directory .. "/err") or ""
      if result.status ~= 1 or not said:find(fault.reason, 1, true) then
        wrong("ended with %s and said: %s", tostring(result.status), said)
      end
    end
    local status = world:get(sidecar:url("/web"))
    if status ~= 200 then
      wrong("Envoy answers %s", tostring(status))
    end
    check_state(wrong)
  end

  -- What is wrong after the next pass, which nothing hinders. The published files of the moment
  -- before it, `struck`, are each the old one or the new one.
  local function check_repaired(wrong, old, struck)
    local new = contents(sidecar.folder)
    for path, text in pairs(struck) do
      if text ~= old[path] and text ~= new[path] and not temporary(path) then
        wrong("%s was neither the old one nor the new one", path)
      end
    end
    local other = ports[turn % PORTS + 1]
    local expected = { ["cds.json"] = '"port_value": ' .. 20000 + turn .. "\n",
      [("rds/public-%d.json"):format(sidecar.port)] = '"weight": ' .. turn .. "\n",
      ["lds.json"] = ('"public-%d"'):format(other), ["input.json"] = "",
      ["envoy-config.yaml"] = "", [("rds/public-%d.json"):format(other)] = "" }
    for path in pairs(new) do
      if not expected[path] then
        wrong("%s is left", path)
        file.remove(sidecar.folder .. "/" .. path) -- not to be told again by the cases after it
      end
    end
    for path, part in pairs(expected) do
      if not new[path] or not (new[path]:gsub(",\n", "\n")):find(part, 1, true) then
        wrong("%s is not of the new generation", path)
      end
    end
    for name, path in pairs { cluster_manager = "cds", listener_manager = "lds" } do
      local version = sidecar:stat(("%s.%s.version_text"):format(name, path))
      if version ~= sidecar:read(path .. ".json").version_info then
        wrong("Envoy runs version %s of %s", tostring(version), path)
      end
    end
    check_state(wrong)
  end

  -- What is wrong with the state folder: only what belongs there, and the whole history. Contents
  -- that it no longer names go with the next generation at the latest; `last`: with this one.
  local function check_left(wrong, last)
    local known = { ["accepted.json"] = true, ["agent.pid"] = true, ["snapshot.json"] = true,
      ["history/index.json"] = true }
    local texts = contents(sidecar.state)
    local entries = assert(json.decode(texts["history/index.json"] or "{}")).entries or {}
    for _, entry in ipairs(entries) do
      known["history/" .. entry.memory] = true
      for _, one in ipairs(entry.files) do
        known["history/" .. one.hash] = true
      end
    end
    if #entries ~= 10 then
      wrong("the history has %d generations", #entries)
    end
    for path in pairs(known) do
      if not texts[path] then wrong("state file %s is missing", path) end
    end
    for path in pairs(texts) do
      if not known[path] and (last or not path:match("^history/%x+$")) then
        wrong("state file %s is left", path)
      end
    end
  end

  -- One case: a fault, what is then, and a pass that repairs.
  local function strike(call, number, fault)
    next_mesh()
    local old, faults = contents(sidecar.folder), {}
    local result = strace.strike(command, world.directory .. "/tmp/",
      world.directory .. "/trace", { name = call.name, number = number }, fault.fault)
    local function wrong(...)
      faults[#faults + 1] = ("%s at %s: "):format(fault.name,
        result.hit and result.hit.line or "nothing") .. string.format(...)
    end
    check_struck(wrong, fault, result)
    local struck = contents(sidecar.folder)
    if not os.execute(command) then
      wrong("the next pass failed: %s", file.read(world.directory .. "/err"))
    end
    check_repaired(wrong, old, struck)
    check_left(wrong)
    return result, faults
  end

  -- A fault at one call, whose number among its kind is not always the same.
  local function case(call, fault, faults)
    local number = call.number
    for _ = 1, TRIES do
      local result, found = strike(call, number, fault)
      table.move(found, 1, #found, #faults + 1, faults)
      if result.hit and result.hit.nth == call.nth then
        return true
      end
      number = strace.aim(call, number, result)
    end
    faults[#faults + 1] = fault.name .. " is never reached: " .. call.line
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    world = sidecar.world
    ports = { world:ports(PORTS) }
    command = ("env TMP_DIR=%s/tmp ENVOY_ADMIN_PORT=%d MESH_FILE=%s DISCOVERY=file "
      .. "AWS_EC2_METADATA_DISABLED=true LOG_LEVEL=warn %s once 2>%s/err"):format(world.directory,
      sidecar.admin_port, sidecar.mesh_file, sidecar.program, world.directory)
    next_mesh()
    assert(os.execute(command))
    world:start("envoy", { "envoy", "--config-path", sidecar.folder .. "/envoy-config.yaml",
      "--base-id", sidecar.admin_port, "--log-level", "error", "--drain-time-s", "1" })
    sidecar:answers("/web", 200)
    for _ = 1, WARM_UP do
      next_mesh()
      assert(os.execute(command))
    end
    next_mesh()
    calls = {}
    for _, call in ipairs(strace.run(command, world.directory .. "/tmp/",
      world.directory .. "/trace").calls) do
      calls[#calls + 1] = call.nth and call or nil
    end
    load = world:load(sidecar:url("/web"), 4, 100)
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("makes these calls on each file that it replaces, in this order", function()
    local names, within = {}, false
    for _, call in ipairs(calls) do
      within = within or call.line:find('/active-envoy-config/"', 1, true)
      if within then
        names[#names + 1] = call.name
        if call.name == "close" and #names > 3 and names[#names - 1] == "fsync"
          and names[#names - 2]:find("^rename") then
          break
        end
      end
    end
    assert.are.equal("openat openat write fchmod fsync close renameat fsync close",
      table.concat(names, " "))
  end)

  for _, fault in ipairs(FAULTS) do
    it(fault.name .. " at any of its calls costs no request and no file, and the next one repairs",
      function()
        local faults, cases, can = {}, 0, 0
        local started = os.time()
        for i, call in ipairs(calls) do
          if fault.can(call) and i % EVERY == 0 then
            can = can + 1
            cases = cases + (case(call, fault, faults) and 1 or 0)
          end
        end
        print(("# %s: %d cases of %d calls, %d s"):format(fault.name, cases, #calls,
          os.time() - started))
        assert.are.same({}, faults)
        assert.are.equal(can, cases)
      end)
  end

  it("leaves nothing behind once a generation has come into force without a fault", function()
    local faults = {}
    next_mesh()
    assert(os.execute(command))
    check_left(function(...) faults[#faults + 1] = string.format(...) end, true)
    assert.are.same({}, faults)
  end)

  it("loses no request of those that kept coming meanwhile", function()
    local seen = world:finish_load(load)
    print(("# %d requests, %d failed"):format(seen.requests, seen.failed))
    assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.is_true(seen.requests > 100)
  end)
end)
