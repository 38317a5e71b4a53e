-- How many inotify instances are to be had: counted against a limit that only this spec has, that
-- of a user namespace.

local inotify = require("host.inotify")
local file = require("host.file")
local script = require("spec.support.script")

-- Runs before the program, in a user namespace with that limit.
local function limited(instances, more)
  return ([[unshare -Ur sh -c '
    echo %d >/proc/sys/user/max_inotify_instances; %s
    exec "$0" "$@"']]):format(instances, more or "")
end

local can_limit = os.execute("unshare -Ur sh -c 'echo 9 >/proc/sys/user/max_inotify_instances' "
  .. "2>/dev/null") == true

local function with_limit(text, instances, more)
  local result = script.run(text, limited(instances, more))
  assert.equal(0, result.status, result.err)
  return result.said
end

describe("host.inotify", function()
  local pending_if_not = can_limit and it or function(name)
    pending(name .. ": no user namespace may be made here")
  end

  it("keeps none of what it has opened", function()
    local before = #assert(file.list("/proc/self/fd"))
    assert.is_true(assert(inotify.free(3)) <= 3)
    assert.equal(before, #assert(file.list("/proc/self/fd")))
  end)

  pending_if_not("says that there are as many as were asked for, and counts no further", function()
    assert.same({ "5", "8" }, with_limit([[
      local inotify = require("host.inotify")
      say(tostring(inotify.free(5)))
      say(tostring(inotify.free(8)))]], 8))
  end)

  pending_if_not("says how many there are when there are fewer, time and again", function()
    assert.same({ "8", "8" }, with_limit([[
      local inotify = require("host.inotify")
      say(tostring(inotify.free(9)))
      say(tostring(inotify.free(1024)))]], 8))
  end)

  pending_if_not("counts what other processes of the user hold", function()
    -- python3 holds three while the program runs.
    local holder = "{ python3 -c \"import ctypes, time; c = ctypes.CDLL(None); "
      .. "[c.inotify_init1(0) for _ in range(3)]; print(1, flush=True); time.sleep(60)\" & "
      .. "echo $! >&3; } | read one;"
    local folder = script.folder()
    local said = with_limit('say(tostring(require("host.inotify").free(8)))', 8,
      ("exec 3>%s/pid; "):format(folder) .. holder)
    os.execute(("kill $(cat %s/pid)"):format(folder))
    script.discard(folder)
    assert.same({ "5" }, said)
  end)

  it("does not take the limit of descriptors for that of instances", function()
    local result = script.run([[
      local held = {}
      for i = 1, 256 do held[i] = io.open("/dev/null") end
      say(table.concat({ tostring(select(1, require("host.inotify").free(4))),
        (select(2, require("host.inotify").free(4))),
        (select(3, require("host.inotify").free(4))) }, "|"))]],
      "sh -c 'ulimit -n 64; exec \"$0\" \"$@\"'")
    assert.same({ "nil|cannot open: inotify instances: Too many open files|EMFILE" }, result.said)
  end)

  it("expects a number of instances", function()
    for _, wrong in ipairs { -1, 1025, "many", 1.5 } do
      assert.has_error(function() inotify.free(wrong) end)
    end
  end)
end)
