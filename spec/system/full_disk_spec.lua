-- A disk that fills up at any point of a publication, one that turns read-only, and an agent that
-- starts on such a disk: traffic goes on, each file is whole, and room is all that is needed.

local file = require("host.file")
local json = require("host.json")
local sidecar_of = require("spec.support.sidecar")
local turn_of = require("spec.support.turn")
local world_of = require("spec.support.world")

-- Mounting needs the right to: root in a container often has not.
local function mounts()
  return os.execute([[d=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs "$d" 2>/dev/null \
    && umount "$d"; s=$?; rmdir "$d"; exit $s]]) == true
end

local missing = world_of.missing() or (not mounts() and "may not mount here") or nil
if missing then
  pending("full disk: " .. missing)
  return
end

local SIZE, PAGE = 4 << 20, 4096 -- bytes of the disk, and of the least that a file takes of it

describe("a disk", function()
  local sidecar, world, disk, other
  local turn = 0

  local function sh(command, ...)
    return assert(os.execute(command:format(...)))
  end

  -- Fills the disk until so many pages are free.
  local function fill(pages)
    os.remove(disk .. "/ballast")
    local pipe = assert(io.popen("df -B1 --output=avail " .. disk))
    local free = tonumber(pipe:read("a"):match("%d+"))
    pipe:close()
    sh("head -c %d /dev/zero >%s/ballast", free - pages * PAGE, disk)
  end

  local function contents()
    local texts = {}
    for _, name in ipairs { "cds.json", "lds.json", "envoy-config.yaml",
      ("rds/public-%d.json"):format(sidecar.port), ("rds/public-%d.json"):format(other) } do
      texts[name] = file.read(sidecar.folder .. "/" .. name)
    end
    return texts
  end

  -- A mesh that changes clusters and routes, and adds a listener or removes it.
  local function change()
    turn = turn + 1
    local services = turn_of.services(sidecar, turn)
    sidecar:mesh(services, turn % 2 == 0 and { ["other.local"] = other } or nil)
  end

  -- The log line of the pass after this mark that publishes, or fails.
  local function outcome(from)
    return world_of.eventually(function()
      return world:log(sidecar.agent):match("event=(published) ", from)
        or world:log(sidecar.agent):match("event=(pass_failed) ", from)
    end, 10, "a pass comes to its end")
  end

  local function check_temporary()
    for _, folder in ipairs { sidecar.folder, sidecar.folder .. "/rds", sidecar.state,
      sidecar.state .. "/history" } do
      for _, item in ipairs(assert(file.list(folder))) do
        assert.is_nil(item.name:match("%.tmp$"))
      end
    end
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    world = sidecar.world
    disk = world.directory .. "/tmp"
    other = world:ports(1)
    assert(file.mkdir(disk))
    sh("mount -t tmpfs -o size=%d tmpfs %s", SIZE, disk)
    change()
    -- At debug, where nothing that repeats is held back.
    sidecar:start { LOG_LEVEL = "debug", ENVOY_LOG_LEVEL = "error", REFRESH_TIME = 0.2 }
    sidecar:answers("/web", 200)
    sidecar:logged("event=published")
  end)

  teardown(function()
    for _, process in ipairs(world.running) do
      world:signal(process, "TERM")
      world:ended(process, 10)
    end
    os.execute("umount " .. disk)
    assert.are.same({}, world:close())
  end)

  it("that has room for a part of a generation costs no request, and no file is torn", function()
    local load = world:load(sidecar:url("/web"), 5, 200)
    local failed, pages = 0, 0
    local short
    repeat
      local before, from = contents(), sidecar:mark()
      fill(pages)
      change()
      local came = outcome(from)
      local during = contents()
      short = world:log(sidecar.agent):sub(from):find("No space left on device", 1, true) ~= nil
      if came == "pass_failed" then
        failed = failed + 1
        assert.is_true(short)
      end
      os.remove(disk .. "/ballast")
      if came == "pass_failed" then
        sidecar:logged("event=published", 10, from)
      end
      local after = contents()
      for path, text in pairs(during) do
        assert.is_true(text == before[path] or text == after[path], path .. " is torn")
      end
      assert.matches('"weight": ' .. turn .. "\n",
        after[("rds/public-%d.json"):format(sidecar.port)])
      check_temporary()
      pages = pages + 1
    until not short
    local seen = world:finish_load(load)
    print(("# room for a generation at %d pages, %d passes failed, %d requests, %d failed")
      :format(pages - 1, failed, seen.requests, seen.failed))
    assert.is_true(failed > 3)
    assert.are.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.are.equal(200, (world:get(sidecar:url("/web"))))
  end)

  it("that turns read-only leaves in force what is in force, and says why", function()
    local before, from = contents(), sidecar:mark()
    sidecar:under_load("/web", function()
      sh("mount -o remount,ro %s", disk)
      change()
      assert.are.equal("pass_failed", outcome(from))
      assert.matches("Read%-only file system", world:log(sidecar.agent):sub(from))
      assert.are.same(before, contents())
      sh("mount -o remount,rw %s", disk)
      sidecar:logged("event=published", 10, from)
    end)
    assert.are_not.same(before, contents())
  end)

  for _, case in ipairs {
    { what = "full", spoil = function() fill(0) end },
    { what = "read-only", spoil = function() sh("mount -o remount,ro %s", disk) end },
  } do
    it("that is " .. case.what .. " when the agent starts is no reason not to serve", function()
      assert.are.equal(0, world:stop(sidecar.agent))
      local before = contents()
      case.spoil()
      sidecar:start { LOG_LEVEL = "info", ENVOY_LOG_LEVEL = "error", REFRESH_TIME = 0.2 }
      sidecar:answers("/web", 200)
      assert.are.same(before, contents())
      local from = sidecar:mark()
      change()
      assert.are.equal("pass_failed", outcome(from))
      sh("mount -o remount,rw %s", disk)
      os.remove(disk .. "/ballast")
      sidecar:logged("event=published", 10, from)
      assert.is_table(json.decode(assert(file.read(sidecar.state .. "/accepted.json"))))
      -- The folder is this agent's now.
      local function owner() return file.read(sidecar.state .. "/agent.pid"):match("^%d+") end
      assert.are.equal(tostring(sidecar.agent.pid), owner())
    end)
  end
end)
