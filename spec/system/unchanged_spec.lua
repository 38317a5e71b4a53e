-- A pass that finds nothing new, in reality: no plan, no write, one question to Envoy; and each
-- cause that must bring a whole pass back. The plans are counted by a program in nightjar-plan's
-- place that starts the real one.

local file = require("host.file")
local moto = require("spec.support.moto")
local program = require("host.program")
local script = require("spec.support.script")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("unchanged: " .. missing)
  return
end

describe("an unchanged pass", function()
  local sidecar, world, policies, templates

  -- Programs of this spec's own; their folder is where nightjar looks for nightjar-plan.
  local function counted_programs()
    local folder = world.directory .. "/bin"
    assert(file.mkdir(folder))
    script.sh("cp %s %s", program.directory .. "/nightjar", folder .. "/nightjar")
    assert(file.write(folder .. "/nightjar-plan", ('#!/bin/sh\necho >> %s/plans\nexec %s "$@"\n')
      :format(world.directory, program.directory .. "/nightjar-plan"), { mode = 493 })) -- 0755
    return folder .. "/nightjar"
  end

  local function copy_of(name)
    local folder = world.directory .. "/" .. name
    script.sh("cp -R %s %s", program.data_directory() .. "/" .. name, folder)
    return folder
  end

  local function plans()
    return #(file.read(world.directory .. "/plans") or "")
  end

  local function passes()
    return select(2, world:log(sidecar.agent):gsub("event=unchanged", ""))
  end

  -- Waits for further passes; how many plans they made.
  local function plans_in(count)
    local until_then, before = passes() + count, plans()
    sidecar.eventually(function() return passes() >= until_then end, 10 + count, "passes")
    return plans() - before
  end

  -- Of two passes, since the first one may have made its plan before the count began.
  local function settles()
    sidecar.eventually(function() return plans_in(2) == 0 end, 20, "passes without a plan")
  end

  -- Each pass makes its plan; that of the first may have begun before the count.
  local function is_restless(each)
    os.execute("sleep 3") -- what has changed must be old enough to be settled, if it were
    assert.is_true(plans_in(4) >= 3 * (each or 1))
  end

  -- Something happens to what is settled: a whole pass looks at it. Then all is settled again.
  local function unsettles(change)
    settles()
    local before = plans()
    change()
    sidecar.eventually(function() return plans() > before end, 6, "a plan")
  end

  local function mesh(attributes)
    local one = service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue })
    for name, value in pairs(attributes or {}) do one.attributes[name] = value end
    sidecar:mesh { one }
  end

  local function start(settings)
    settings = settings or {}
    settings.ENVOY_TEMPLATE_DIR, settings.POLICY_DIR = templates, policies
    settings.REFRESH_TIME = 0.3
    sidecar:start(settings, { world.directory .. "/bin/nightjar", "run" })
    sidecar:logged("generation=", 15)
  end

  -- All that is written, with inodes and times.
  local function written()
    local pipe = assert(io.popen(("find %s %s -printf '%%p %%i %%s %%T@ %%C@\\n' | sort")
      :format(sidecar.folder, sidecar.state)))
    local text = pipe:read("a")
    pipe:close()
    return text
  end

  -- Requests that Envoy's admin interface has had, this one among them, and the passes by then.
  local function asked()
    while true do
      local before = passes()
      local count = math.tointeger(tonumber(sidecar:stat("http.admin.downstream_rq_total")))
      os.execute("sleep 0.1") -- a pass that is under way tells of itself
      if passes() == before then return count, before end
    end
  end

  -- Another text of the same length, in place, with the times of before.
  local function forge(path, from, to)
    local before = assert(file.read(path))
    assert(#from == #to and before:find(from, 1, true), path)
    script.sh("cp -p %s %s", path, world.directory .. "/times")
    local handle = assert(io.open(path, "r+"))
    handle:seek("set", before:find(from, 1, true) - 1)
    handle:write(to)
    handle:close()
    script.sh("touch -r %s %s", world.directory .. "/times", path)
  end

  setup(function()
    sidecar = sidecar_of.new("blue")
    world = sidecar.world
    policies, templates = copy_of("policies"), copy_of("templates")
    counted_programs()
    mesh()
    start()
    sidecar:answers("/web", 200)
  end)

  teardown(function() assert.are.same({}, world:close()) end)

  it("makes no plan", function()
    settles()
    assert.equal(0, plans_in(4))
  end)

  it("writes nothing at all", function()
    settles()
    local before = written()
    plans_in(3)
    assert.equal(before, written())
  end)

  it("asks Envoy one question", function()
    settles()
    local count, pass = asked()
    plans_in(3)
    local later, last = asked()
    -- The second look at the number is one more request.
    assert.equal(last - pass, later - count - 1)
    assert.is_true(last - pass >= 3)
  end)

  it("is none after a policy was edited, be it of the same size and times", function()
    unsettles(function() forge(policies .. "/weights.lua", "shared among", "SHARED AMONG") end)
  end)

  it("is none after a template was edited, be it of the same size and times", function()
    for _, words in ipairs { { "1s", "2s" }, { "2s", "1s" } } do
      settles()
      local from = sidecar:mark()
      forge(templates .. "/cds.json.yaml.mustache", "connect_timeout: " .. words[1],
        "connect_timeout: " .. words[2])
      sidecar:logged("event=published", 10, from)
    end
    sidecar:answers("/web", 200)
  end)

  for name, harm in pairs {
    ["was changed"] = function(path) assert(file.write(path, "{}")) end,
    ["was removed"] = function(path) assert(file.remove(path)) end,
    ["became a link"] = function(path) script.sh("mv %s %s; ln -s %s %s", path,
      path .. ".gone", sidecar.mesh_file, path) end,
  } do
    it("is none after a published file " .. name .. ": the next pass repairs it", function()
      settles()
      local path = sidecar.folder .. "/cds.json"
      local good = assert(file.read(path))
      harm(path)
      sidecar.eventually(function() return file.read(path) == good end, 5, "it is as before")
      os.remove(path .. ".gone")
      sidecar:answers("/web", 200)
    end)
  end

  it("is none after somebody changed the bootstrap on disk", function()
    settles()
    local path = sidecar.folder .. "/envoy-config.yaml"
    local good = assert(file.read(path))
    assert(file.write(path, good .. "# more\n"))
    sidecar.eventually(function() return file.read(path) == good end, 10, "it is as before")
  end)

  it("is none after Envoy died: the new one is asked whether it runs all", function()
    unsettles(function() script.sh("kill -9 %s", tostring(sidecar:envoy())) end)
    sidecar:answers("/web", 200)
    settles()
  end)

  it("is none on HUP, with which an operator asks for all", function()
    unsettles(function() world:signal(sidecar.agent, "HUP") end)
    settles()
  end)

  it("is none while a generation is pinned, and again after that", function()
    settles()
    local generation = world:log(sidecar.agent):match("event=unchanged generation=(%x+)")
      or world:log(sidecar.agent):match("generation=(%x+)")
    local function nightjar(...)
      local process = world:start("cli-" .. #world.running, { sidecar.program, ... },
        { TMP_DIR = world.directory .. "/tmp" })
      assert.equal(0, world:ended(process, 5), world:log(process))
    end
    unsettles(function() nightjar("rollback", generation) end)
    is_restless()
    nightjar("resume")
    settles()
  end)

  it("is none while a ramp is under way", function()
    mesh { RAMP_START = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 60), RAMP_DURATION = "10h" }
    is_restless()
    mesh()
    settles()
  end)

  it("is none while there is a second list of policies", function()
    local path = policies .. "/init.lua"
    local before = assert(file.read(path))
    local text, count = before:gsub("}%s*$", '  shadow = { "own_service", "audience" },\n}\n')
    assert.equal(1, count)
    assert(file.write(path, text))
    sidecar:logged("event=shadow", 6)
    is_restless(2) -- both lists, each time
    assert(file.write(path, before))
    settles()
  end)

  it("is none while data are stale", function()
    settles()
    local from = sidecar:mark()
    finally(mesh)
    assert(file.write(sidecar.mesh_file, "{"))
    sidecar:logged("event=stale", 5, from)
    is_restless()
    mesh()
    settles()
  end)

  it("is none while Envoy refuses a generation", function()
    settles()
    local path = templates .. "/cds.json.yaml.mustache"
    local from = sidecar:mark()
    forge(path, "connect_timeout: 1s", "connect_timeout: 0s")
    sidecar:logged("event=refused", 15, from)
    os.execute("sleep 3")
    local before = plans()
    os.execute("sleep 2")
    assert.is_true(plans() > before)
    forge(path, "connect_timeout: 0s", "connect_timeout: 1s")
    settles()
    sidecar:answers("/web", 200)
  end)

  it("beside an Envoy of somebody else makes no plan and asks one question, too", function()
    assert.equal(0, world:stop(sidecar.agent))
    local envoy = world:start("envoy", { "envoy", "-c", sidecar.folder .. "/envoy-config.yaml",
      "--base-id", tostring(sidecar.admin_port), "--disable-hot-restart" })
    sidecar:answers("/web", 200)
    start { ENVOY_BIN = "", ENVOY_ADMIN_PORT = sidecar.admin_port }
    settles()
    assert.equal(0, plans_in(3))
    local count, pass = asked()
    plans_in(3)
    local later, last = asked()
    assert.equal(last - pass, later - count - 1)
    local before = plans()
    world:stop(envoy)
    world:start("envoy-again", { "envoy", "-c", sidecar.folder .. "/envoy-config.yaml",
      "--base-id", tostring(sidecar.admin_port), "--disable-hot-restart" })
    sidecar:answers("/web", 200)
    sidecar.eventually(function() return plans() > before end, 5, "a plan")
    settles()
    assert.equal(0, world:stop(sidecar.agent))
  end)

  it("over Cloud Map makes no plan either, until an attribute changes", function()
    if moto.missing() then return pending(moto.missing()) end
    if not world:status(sidecar.agent) then world:stop(sidecar.agent) end
    local cloud = moto.start()
    finally(function()
      world:stop(sidecar.agent)
      cloud:stop()
    end)
    local instances = { a = { AWS_INSTANCE_IPV4 = "127.0.0.1",
      AWS_INSTANCE_PORT = tostring(sidecar.ports.blue) } }
    local _, ids = cloud:fill("shop.local", {
      { name = "me-blue", settings = { SERVICE = "me", COLOR = "blue", ["/me"] = "1" } },
      { name = "web-blue", settings = { SERVICE = "web", COLOR = "blue" }, instances = instances,
        attributes = { ["/web"] = "1" } } })
    start { ENVOY_BIN = "", DISCOVERY = "cloudmap", SERVICE_MEMBER = ids["me-blue"],
      SERVICE_PORT = sidecar.port, AWS_ENDPOINT_URL = cloud.endpoint, AWS_REGION = "eu-central-1",
      AWS_EC2_METADATA_DISABLED = "true", AWS_ACCESS_KEY_ID = cloud.users.agent.id,
      AWS_SECRET_ACCESS_KEY = cloud.users.agent.secret }
    settles()
    local before, calls = written(), cloud:counts().DiscoverInstances
    assert.equal(0, plans_in(4))
    assert.equal(before, written())
    assert.is_true(cloud:counts().DiscoverInstances > calls)
    local from = sidecar:mark()
    cloud:cloudmap("update_service_attributes",
      { ServiceId = ids["web-blue"], Attributes = { ["/shop"] = "1" } })
    sidecar:logged("event=published", 30, from)
    settles()
  end)
end)
