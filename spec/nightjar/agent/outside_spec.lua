-- Waiting for files that are set from outside: what ends the wait, and that nothing else does.

local file = require("host.file")
local outside = require("nightjar.agent.outside")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")

describe("agent.outside", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  local function touch(name)
    assert(file.write(folder .. "/" .. name, "text"))
  end

  -- Runs `fn(one, looks)`, where `one` waits beside and `looks()` counts the ends of its waits.
  local function with(paths, fn)
    sched.run(function()
      local one, count = outside.new(paths), 0
      one:watch()
      local task = sched.spawn(function()
        while true do
          one:wait()
          one:watch()
          count = count + 1
        end
      end)
      sched.sleep(0.05)
      fn(one, function()
        sched.sleep(0.1)
        return count
      end)
      task:cancel()
    end)
  end

  it("wakes for a file that comes, at once, and for no other", function()
    with({ { path = folder .. "/stop" } }, function(_, looks)
      assert.equal(0, looks())
      touch("stopper")
      assert.equal(0, looks())
      touch("stop")
      assert.equal(1, looks())
    end)
  end)

  it("wakes for a file that goes only where that is asked for", function()
    touch("stop")
    touch("pin")
    with({ { path = folder .. "/stop" }, { path = folder .. "/pin", removal = true } },
      function(_, looks)
        assert(file.remove(folder .. "/stop"))
        assert.equal(0, looks())
        assert(file.remove(folder .. "/pin"))
        assert.equal(1, looks())
        touch("pin")
        assert.equal(2, looks())
      end)
  end)

  it("waits for folders on the way that are not there yet", function()
    with({ { path = folder .. "/a/b/stop" } }, function(_, looks)
      assert.equal(0, looks())
      assert(file.mkdir(folder .. "/a"))
      assert.equal(1, looks())
      assert(file.mkdir(folder .. "/a/b"))
      assert.equal(2, looks())
      touch("a/b/stop")
      assert.equal(3, looks())
    end)
  end)

  it("misses no folder that is made while it looks for the one that is missing", function()
    local watch = sched.watch
    finally(function() sched.watch = watch end)
    sched.watch = function(path, ...)
      -- Just before the kernel tells of it.
      if path == folder .. "/a/b" and file.stat(folder .. "/a") then
        assert(file.mkdir(folder .. "/a/b"))
      end
      return watch(path, ...)
    end
    with({ { path = folder .. "/a/b/stop" } }, function(_, looks)
      assert(file.mkdir(folder .. "/a"))
      local seen = looks()
      assert.is_true(seen > 0)
      touch("a/b/stop")
      assert.is_true(looks() > seen)
    end)
  end)

  it("follows a folder that is removed and made anew, or another one in its place", function()
    assert(file.mkdir(folder .. "/a"))
    with({ { path = folder .. "/a/stop" } }, function(_, looks)
      script.sh("rmdir %s", folder .. "/a")
      local seen = looks()
      assert.is_true(seen > 0)
      assert(file.mkdir(folder .. "/a"))
      assert.is_true(looks() > seen)
      seen = looks()
      touch("a/stop")
      assert.equal(seen + 1, looks())
      assert(file.mkdir(folder .. "/b"))
      script.sh("mv %s %s; mv %s %s", folder .. "/a", folder .. "/old", folder .. "/b",
        folder .. "/a")
      seen = looks()
      assert.is_true(seen > 0)
      touch("a/stop")
      assert.equal(seen + 1, looks())
    end)
  end)

  it("looks where the path leads by now, when nudged: a link may lead elsewhere", function()
    assert(file.mkdir(folder .. "/a"))
    assert(file.mkdir(folder .. "/b"))
    script.sh("ln -s a %s", folder .. "/link")
    with({ { path = folder .. "/link/stop" } }, function(one, looks)
      script.sh("ln -sfn b %s", folder .. "/link")
      assert.equal(0, looks())
      one:nudge()
      assert.equal(1, looks())
      touch("b/stop")
      assert.equal(2, looks())
    end)
  end)

  it("takes many reasons together as two at most: one that ends the wait, one for later", function()
    with({ { path = folder .. "/stop" } }, function(one, looks)
      for _ = 1, 10 do one:nudge() end
      assert.is_true(looks() <= 2)
    end)
  end)

  it("holds one inotify instance, and none once it has given way; then it looks by the clock",
    function()
      local function instances()
        local pipe = assert(io.popen("readlink /proc/" .. file.read("/proc/self/stat")
          :match("^%d+") .. "/fd/* 2>/dev/null | grep -c inotify"))
        local count = pipe:read("n")
        pipe:close()
        return count
      end
      with({ { path = folder .. "/stop" }, { path = folder .. "/pin", removal = true } },
        function(one, looks)
          assert.equal(1, instances())
          assert.is_true(one:give_way())
          assert.equal(0, instances())
          assert.is_false(one:give_way())
          local before = looks()
          sched.sleep(2.2)
          assert.is_true(looks() - before >= 2)
          assert.equal(0, instances())
        end)
      assert.equal(0, instances())
    end)

  it("says once at the level of debug that it looks by the clock, where it gets no instance",
    function()
      local result = script.run(([[
        local log = require("nightjar.log")
        log.configure { level = "debug" }
        local outside, sched = require("nightjar.agent.outside"), require("nightjar.agent.sched")
        sched.run(function()
          local one, looks = outside.new { { path = "FOLDER/stop" } }, 0
          for _ = 1, 3 do
            one:watch()
            looks = looks + 1
            one:wait()
          end
          say(tostring(looks))
        end)
      ]]):gsub("FOLDER", folder),
        [[unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances; exec "$0" "$@"']])
      if result.err:find("unshare:", 1, true) then
        return pending("no user namespace may be made here")
      end
      assert.same({ "3" }, result.said, result.err)
      local _, lines = result.err:gsub("level=debug event=files_polled", "")
      assert.equal(1, lines)
      assert.matches("Too many open files", result.err, 1, true)
    end)
end)
