-- Whatever a policy or template does costs one pass: while a real Envoy carries load, each harm of
-- spec/support/harm.lua is put into the folders of a running agent. The pass fails within two
-- seconds, one line of the log names file and line, no request fails and no weight moves. The
-- limits are the defaults. It stands here, and not in spec/system, since what is judged by the
-- clock must have the machine to itself.

local file = require("host.file")
local harm = require("spec.support.harm")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("isolation: " .. missing)
  return
end

-- The sanitizers make the start of each process several times slower.
local LONGEST = os.getenv("ASAN_OPTIONS") and 8 or 2 -- seconds

local HARMLESS = 'return { about = "changes nothing", apply = function(mesh) return mesh end }\n'

describe("while a policy or template does harm:", function()
  local sidecar, world, load, published

  local function path_of(name)
    return world.directory .. "/" .. name
  end

  local function write(files)
    for name, text in pairs(files) do
      os.execute(("mkdir -p '%s'"):format(path_of(name):match("^(.*)/")))
      assert(file.write(path_of(name), text))
    end
  end

  local function take_back(files)
    for name in pairs(files) do
      if name == "policies/init.lua" then
        assert(os.execute(("cp %s/init.good %s"):format(world.directory, path_of(name))))
      elseif name == "policies/bad.lua" then
        assert(file.write(path_of(name), HARMLESS))
      else
        assert(file.remove(path_of(name)))
      end
    end
  end

  -- One pass, and its lines of the log from the request on.
  local function pass()
    local from = sidecar:mark()
    world:signal(sidecar.agent, "HUP")
    return sidecar.eventually(function()
      local text = world:log(sidecar.agent):sub(from):match("[^\n]*event=pass_requested.*") or ""
      for _, event in ipairs { "pass_failed", "unchanged", "published" } do
        if text:find("event=" .. event .. "[^\n]*\n") then return text end
      end
    end, 30, "the pass has ended")
  end

  -- Seconds of the day of the line with this event.
  local function time_of(text, event)
    local line = assert(text:match("[^\n]*event=" .. event .. "[^\n]*"), text)
    local hour, minute, second = line:match("time=%S-T(%d+):(%d+):([%d.]+)")
    return hour * 3600 + minute * 60 + second
  end

  local function loud_lines(text)
    local lines = {}
    for line in text:gmatch("[^\n]+") do
      -- Envoy's lines begin with a bracket.
      if not line:find("^%[") and not line:find("level=info", 1, true)
        and not line:find("level=debug", 1, true) then
        lines[#lines + 1] = line
      end
    end
    return lines
  end

  -- One of the lines that `2|3` names.
  local function names_place(line, place)
    local base, lines = place:match("^(.*:)([%d|]+)$")
    for number in (lines or ""):gmatch("%d+") do
      if line:find(base .. number, 1, true) then return true end
    end
    return not lines and line:find(place, 1, true) ~= nil
  end

  -- Seconds of processor time that the ended children of the agent have used (proc(5)).
  local function used()
    local text = assert(file.read(("/proc/%d/stat"):format(sidecar.agent.pid), 4096))
    local user, system = text:match("^.*%) %a" .. (" %S+"):rep(12) .. " (%d+) (%d+)")
    return (user + system) / 100
  end

  -- By the clock; if others had the processor meanwhile, by what the pass had of it.
  local function check_time(text, processor)
    local seconds = (time_of(text, "pass_failed") - time_of(text, "pass_requested")) % 86400
    local waited = processor < 0.7 * seconds
    assert.is_true((waited and processor or seconds) <= LONGEST,
      ("%.3f s, %.2f s of the processor"):format(seconds, processor))
  end

  local function check(case)
    local before = used()
    local text = pass()
    local lines = loud_lines(text)
    assert.equal(1, #lines, text)
    assert.truthy(lines[1]:find("event=pass_failed", 1, true), text)
    assert.is_true(names_place(lines[1], case.place), lines[1])
    assert.truthy(lines[1]:find(case.message), lines[1])
    assert.is_nil(lines[1]:find("%c"), lines[1])
    assert.is_true(#lines[1] < 6000)
    assert.equal(published, file.read(sidecar.folder .. "/" .. sidecar.rds))
    check_time(text, used() - before)
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    world = sidecar.world
    sidecar:mesh {
      service("web-blue", { ["/web"] = 90 }, { sidecar.ports.blue }),
      service("web-green", { ["/web"] = 10 }, { sidecar.ports.green }),
    }
    sidecar:own_templates()
    assert(os.execute(("cp -R policies %s/policies"):format(world.directory)))
    local init = assert(file.read(path_of("policies/init.lua")))
    assert(file.write(path_of("init.good"), (init:gsub('"weights"', '"weights", "bad"'))))
    take_back { ["policies/init.lua"] = true, ["policies/bad.lua"] = true }
    sidecar:start { REFRESH_TIME = 3600, POLICY_DIR = path_of("policies"),
      ENVOY_TEMPLATE_DIR = path_of("templates") }
    sidecar:logged("event=published")
    sidecar:answers("/web", 200)
    sidecar.rds = ("rds/public-%d.json"):format(sidecar.port)
    published = assert(file.read(sidecar.folder .. "/" .. sidecar.rds))
    load = world:load(sidecar:url("/web"), 4, 100)
  end)

  teardown(function() assert.same({}, world:close()) end)

  for _, group in ipairs { "loops", "calls", "memory", "results", "words", "templates" } do
    for _, case in ipairs(harm[group]) do
      it(group .. ": " .. case.name, function()
        finally(function() take_back(case.files) end)
        write(case.files)
        check(case)
      end)
    end
  end

  for _, name in ipairs { "SEGV", "KILL" } do
    -- The sanitizers' own report of a crash is a file that nightjar-plan may not write.
    local crash = os.getenv("ASAN_OPTIONS") and "ended by signal" or "crashed with signal 11"
    it("a nightjar-plan that ends by SIG" .. name, function()
      write { ["policies/bad.lua"] = (HARMLESS:gsub("return mesh", "while true do end")) }
      finally(function() take_back { ["policies/bad.lua"] = true } end)
      local from = sidecar:mark()
      world:signal(sidecar.agent, "HUP")
      local child = sidecar.eventually(function()
        for pid in pairs(sidecar.children(sidecar.agent.pid)) do
          local words = file.read(("/proc/%d/cmdline"):format(pid), 65536) or ""
          if words:find("nightjar-plan", 1, true) then return pid end
        end
      end, 10, "nightjar-plan runs")
      os.execute(("kill -%s %d"):format(name, child))
      sidecar:logged("event=pass_failed", 10, from)
      local lines = loud_lines(world:log(sidecar.agent):sub(from))
      assert.equal(1, #lines)
      assert.matches(name == "KILL" and "ended by signal" or crash, lines[1], 1, true)
      assert.equal(published, file.read(sidecar.folder .. "/" .. sidecar.rds))
    end)
  end

  it("a reason that writes log lines is published on one line, and the pass is well", function()
    finally(function() take_back { ["policies/bad.lua"] = true } end)
    write { ["policies/bad.lua"] = (HARMLESS:gsub("return mesh",
      "table.insert(mesh.listeners[1].routes[1].why, 'a\\ntime=2026 level=error event=fake') %0")) }
    local text = pass()
    assert.same({}, loud_lines(text))
    assert.is_nil(text:find("\ntime=2026 level", 1, true))
  end)

  it("no request failed, the weights are as they were, and the next pass is well", function()
    local text = pass()
    assert.same({}, loud_lines(text))
    local seen = world:finish_load(load)
    assert.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.equal(0, seen.closed)
    local share = seen.backends.green / seen.requests
    -- Six standard deviations of a share of 10 %.
    assert.is_true(math.abs(share - 0.1) < 6 * math.sqrt(0.09 / seen.requests), share)
  end)
end)
