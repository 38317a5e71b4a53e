-- `bench/week` ends what it has started, however it ends itself. Neither of the programs here is
-- what it looks like.

local file = require("host.file")
local world_of = require("spec.support.world")

describe("bench/week", function()
  local world

  before_each(function() world = world_of.new() end)
  after_each(function() assert.same({}, world:close()) end)

  local function program(name, text)
    local path = world.directory .. "/" .. name
    text = ("#!/bin/sh\necho $$ >%s.pid\n%s\n"):format(path, text)
    assert(file.write(path, text, { mode = 493 })) -- 0755
    return path
  end

  local function start(nightjar, passes)
    return world:start("week", { "env", "TMPDIR=" .. world.directory, "bench/week",
      program("nightjar", nightjar), program("server", "echo '{}'\nexec sleep 600"), passes })
  end

  -- Waits for the end of what it has started; a shell does not wait for whom it has told to end.
  local function is_clean()
    for _, name in ipairs { "nightjar", "server" } do
      local pid = assert(file.read(("%s/%s.pid"):format(world.directory, name))):match("%d+")
      world.eventually(function()
        return not (file.read("/proc/" .. pid .. "/stat") or ""):match("%) [^Z]")
      end, 10, name .. " has ended")
    end
    for _, item in ipairs(assert(file.list(world.directory))) do
      assert.is_nil(item.name:match("^tmp%.")) -- of mktemp
    end
  end

  it("refuses a number of passes that is none, or of which none could be looked at", function()
    for _, passes in ipairs { "0", "4", "many", "-1" } do
      local week = start("exit 0", passes)
      assert.equal(2, world:ended(week, 20))
      assert.matches("a number of passes, 5 at least, got " .. passes, world:log(week), 1, true)
    end
  end)

  it("ends with the status of the specs", function()
    for _, status in ipairs { 0, 3 } do
      assert.equal(status, world:ended(start("exit " .. status), 20))
      is_clean()
    end
  end)

  -- INT is like these, but for a shell that was started with it ignored, as here.
  for _, name in ipairs { "HUP", "TERM" } do
    it("that is told to end with " .. name .. " ends at once, and all with it", function()
      local week = start("exec sleep 600")
      world.eventually(function()
        return file.stat(world.directory .. "/nightjar.pid") ~= nil
      end, 20, "the specs run")
      world:signal(week, name)
      assert.equal(1, world:ended(week, 10))
      is_clean()
    end)
  end
end)
