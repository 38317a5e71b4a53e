-- The scheduler: tasks, queues, programs, signals, and what happens when they are cancelled.

local child = require("host.child")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")

local function shell(text)
  return { "sh", "-c", text }
end

local function took(fn)
  local started = sched.now()
  fn()
  return sched.now() - started
end

local function is_alive(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  if not file then return false end
  local state = file:read("a"):match("^%d+ %b() (%a)")
  file:close()
  return state ~= "Z"
end

describe("sched.run", function()
  it("returns what its function returns, nil among it", function()
    assert.same({ n = 3, 1, nil, 3 }, table.pack(sched.run(function(a, b, c)
      return a, b, c
    end, 1, nil, 3)))
  end)

  it("raises an error of its function with the traceback of its task", function()
    local function deep() error("broken") end
    local ok, err = pcall(sched.run, function()
      sched.sleep(0)
      deep()
      return 1
    end)
    assert.is_false(ok)
    assert.matches("sched_spec.lua:%d+: broken", err)
    assert.matches("in upvalue 'deep'", err)
  end)

  it("raises an error of a task beside, and stops", function()
    local reached = false
    local ok, err = pcall(sched.run, function()
      sched.spawn(function() error("beside") end)
      sched.sleep(5)
      reached = true
    end)
    assert.is_false(ok)
    assert.matches("beside", err)
    assert.is_false(reached)
  end)

  it("keeps error values that are no strings", function()
    local value = { 1 }
    local ok, err = pcall(sched.run, function() error(value) end)
    assert.is_false(ok)
    assert.equal(value, err)
  end)

  it("raises false too", function()
    local ok, err = pcall(sched.run, function() error(false) end)
    assert.is_false(ok)
    assert.is_false(err)
  end)

  it("lets a task catch its own errors across a wait", function()
    assert.same({ false, "caught" }, { sched.run(function()
      return pcall(function()
        sched.sleep(0.001)
        error("caught", 0)
      end)
    end) })
  end)

  it("cancels what still runs when its function returns", function()
    local closed, reached = false, false
    sched.run(function()
      sched.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() closed = true end })
        sched.sleep(60)
        reached = true
      end)
      sched.sleep(0)
    end)
    assert.is_true(closed)
    assert.is_false(reached)
  end)

  it("raises an error made while tasks are cancelled", function()
    assert.error_matches(function()
      sched.run(function()
        sched.spawn(function()
          local _ <close> = setmetatable({}, { __close = function() error("in close") end })
          sched.sleep(60)
        end)
        sched.sleep(0)
      end)
    end, "in close")
  end)

  it("can be used again after an error", function()
    pcall(sched.run, error, "x")
    assert.equal(7, sched.run(function() return 7 end))
  end)

  it("refuses to run inside itself", function()
    assert.error_matches(function()
      sched.run(function() sched.run(print) end)
    end, "already running")
  end)

  it("says so when all tasks wait for each other", function()
    assert.error_matches(function()
      sched.run(function() sched.queue():take() end)
    end, "all tasks wait for each other")
  end)

  it("refuses to wait outside of a task", function()
    assert.error_matches(function() sched.sleep(1) end, "only within sched.run")
    assert.error_matches(function() sched.spawn(print) end, "only within sched.run")
  end)

  it("refuses to wait in a coroutine inside of a task", function()
    assert.error_matches(function()
      sched.run(function()
        local step = coroutine.wrap(function() sched.sleep(0) end)
        step()
      end)
    end, "in a coroutine inside")
  end)
end)

describe("sched.sleep", function()
  it("sleeps as long as asked", function()
    local seconds = took(function() sched.run(sched.sleep, 0.05) end)
    assert.is_true(seconds >= 0.05)
    assert.is_true(seconds < 0.5)
  end)

  it("wakes in order of time, then of going to sleep", function()
    local order = {}
    sched.run(function()
      local tasks = {}
      for i, seconds in ipairs { 0.03, 0.01, 0.02, 0.01 } do
        tasks[i] = sched.spawn(function()
          sched.sleep(seconds)
          table.insert(order, i)
        end)
      end
      for _, task in ipairs(tasks) do task:join() end
    end)
    assert.same({ 2, 4, 3, 1 }, order)
  end)

  it("lets others run with 0", function()
    local order = {}
    sched.run(function()
      sched.spawn(function() table.insert(order, "other") end)
      sched.sleep(0)
      table.insert(order, "main")
    end)
    assert.same({ "other", "main" }, order)
  end)

  it("keeps the processor idle", function()
    local before = os.clock()
    sched.run(sched.sleep, 0.3)
    assert.is_true(os.clock() - before < 0.05)
  end)

  it("refuses to sleep for nothing", function()
    assert.error_matches(function() sched.run(sched.sleep) end, "expected seconds")
  end)
end)

describe("a task", function()
  it("gives its results to those who join, before and after its end", function()
    sched.run(function()
      local task = sched.spawn(function(a)
        sched.sleep(0.001)
        return a, nil, "c"
      end, "a")
      assert.same({ n = 3, "a", nil, "c" }, table.pack(task:join()))
      assert.same({ n = 3, "a", nil, "c" }, table.pack(task:join()))
    end)
  end)

  it("tells those who join that it was cancelled", function()
    sched.run(function()
      local task = sched.spawn(sched.sleep, 60)
      sched.spawn(function() task:cancel() end)
      assert.same({ n = 2, nil, "cancelled" }, table.pack(task:join()))
    end)
  end)

  it("may be cancelled before it began, when over, and twice", function()
    local began = false
    sched.run(function()
      local first = sched.spawn(function() began = true end)
      first:cancel()
      first:cancel()
      local second = sched.spawn(function() return 1 end)
      assert.equal(1, second:join())
      second:cancel()
      assert.equal(1, second:join())
    end)
    assert.is_false(began)
  end)

  it("may be cancelled in the very turn in which it would go on", function()
    local reached = false
    sched.run(function()
      local queue = sched.queue()
      local victim = sched.spawn(function()
        queue:take()
        reached = true
      end)
      sched.sleep(0)
      queue:put(1)
      victim:cancel()
      sched.sleep(0)
      assert.equal(1, queue:take(0), "the value is not lost")
    end)
    assert.is_false(reached)
  end)

  it("cannot cancel itself", function()
    assert.error_matches(function()
      sched.run(function()
        local task
        task = sched.spawn(function() task:cancel() end)
        task:join()
      end)
    end, "cannot cancel itself")
  end)
end)

describe("sched.all", function()
  it("does a single thing in the task that asks, and what is given up with it is let go", function()
    sched.run(function()
      local let_go
      local asking = sched.spawn(function()
        local here = coroutine.running()
        sched.all({ "one" }, 4, function(name)
          assert.equal(here, coroutine.running())
          local _ <close> = setmetatable({}, { __close = function() let_go = name end })
          sched.sleep(60)
        end)
      end)
      sched.sleep(0)
      asking:cancel()
      assert.equal("one", let_go)
      assert.same({ 3 }, sched.all({ 1 }, 1, function(n) return n + 2 end))
    end)
  end)

  it("gives results in the order of the list", function()
    assert.same({ 10, 20, 30 }, sched.run(function()
      return sched.all({ 1, 2, 3 }, 3, function(n)
        sched.sleep((4 - n) / 200)
        return n * 10
      end)
    end))
  end)

  it("runs no more than the limit at a time, and as many as that", function()
    local now, most = 0, 0
    sched.run(function()
      local list = {}
      for i = 1, 20 do list[i] = i end
      sched.all(list, 4, function()
        now = now + 1
        most = math.max(most, now)
        sched.sleep(0.001)
        now = now - 1
      end)
    end)
    assert.equal(4, most)
  end)

  it("keeps the places of those without a result", function()
    local results = sched.run(function()
      return sched.all({ 1, 2, 3 }, 2, function(n) return n ~= 2 and n or nil end)
    end)
    assert.equal(1, results[1])
    assert.is_nil(results[2])
    assert.equal(3, results[3])
  end)

  it("returns at once for an empty list", function()
    assert.same({}, sched.run(function() return sched.all({}, 4, error) end))
  end)

  it("takes its workers with it when it is cancelled", function()
    local closed = 0
    sched.run(function()
      local task = sched.spawn(function()
        sched.all({ 1, 2, 3 }, 2, function()
          local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
          sched.sleep(60)
        end)
      end)
      sched.sleep(0.01)
      task:cancel()
      assert.equal(2, closed)
    end)
  end)

  it("stops everything when one call fails", function()
    assert.error_matches(function()
      sched.run(function()
        sched.all({ 1, 2 }, 2, function(n) if n == 2 then error("two") end sched.sleep(60) end)
      end)
    end, "two")
  end)
end)

describe("a queue", function()
  it("gives values first in, first out", function()
    local queue = sched.queue()
    queue:put(1)
    queue:put(false)
    queue:put(3)
    assert.same({ 1, false, 3 }, sched.run(function()
      return { queue:take(), queue:take(), queue:take() }
    end))
  end)

  it("waits for a value", function()
    sched.run(function()
      local queue = sched.queue()
      sched.spawn(function()
        sched.sleep(0.01)
        queue:put("late")
      end)
      assert.equal("late", queue:take())
    end)
  end)

  it("gives up after a time, and keeps what comes later", function()
    sched.run(function()
      local queue = sched.queue()
      assert.is_nil(queue:take(0.01))
      assert.is_nil(queue:take(0))
      queue:put("later")
      assert.equal("later", queue:take(0))
    end)
  end)

  it("serves those who wait in their order", function()
    local order = {}
    sched.run(function()
      local queue, tasks = sched.queue(), {}
      for i = 1, 3 do
        tasks[i] = sched.spawn(function() order[i] = queue:take() end)
      end
      sched.sleep(0)
      for i = 1, 3 do queue:put(i) end
      for i = 1, 3 do tasks[i]:join() end
    end)
    assert.same({ 1, 2, 3 }, order)
  end)

  it("leaves no timer behind when a value comes in time", function()
    assert.error_matches(function()
      sched.run(function()
        local queue = sched.queue()
        sched.spawn(function() queue:put(1) end)
        assert.equal(1, queue:take(60))
        queue:take() -- with that timer there would be something to wait for
      end)
    end, "all tasks wait for each other")
  end)

  it("has a limit", function()
    local queue = sched.queue(2)
    assert.is_true(queue:put(1))
    assert.is_true(queue:put(2))
    local ok, err = queue:put(3)
    assert.is_nil(ok)
    assert.matches("full %(2 entries%)", err)
  end)

  it("holds no nil", function()
    assert.error_matches(function() sched.queue():put(nil) end, "holds no nil")
  end)
end)

describe("sched.exec", function()
  local function exec(options)
    return sched.run(sched.exec, options)
  end

  it("gives status and output", function()
    assert.same({ status = 3, stdout = "out\n", timed_out = false },
      exec { argv = shell "echo out; exit 3", deadline = 5 })
  end)

  it("gives the signal that ended it", function()
    assert.equal("TERM", exec({ argv = shell "kill -TERM $$", deadline = 5 }).signal)
  end)

  it("hands over an input and takes an output larger than any pipe", function()
    local input = ("0123456789abcdef"):rep(256 * 1024) -- 4 MiB
    local result = exec { argv = { "cat" }, input = input, deadline = 20 }
    assert.equal(0, result.status)
    assert.is_true(result.stdout == input)
  end)

  it("gives an empty input", function()
    assert.equal("0\n", exec({ argv = shell "wc -c", input = "", deadline = 5 }).stdout)
  end)

  it("does not mind a program that reads nothing", function()
    local result = exec { argv = shell "echo done", input = ("x"):rep(1 << 20), deadline = 5 }
    assert.equal(0, result.status)
    assert.equal("done\n", result.stdout)
  end)

  it("collects standard error when asked to", function()
    local result = exec { argv = shell "echo a; echo b >&2", stderr = true, deadline = 5 }
    assert.equal("a\n", result.stdout)
    assert.equal("b\n", result.stderr)
  end)

  it("joins standard error to the output when asked to", function()
    assert.equal("a\nb\n",
      exec({ argv = shell "echo a; echo b >&2", stderr = "stdout", deadline = 5 }).stdout)
  end)

  it("passes on environment and folder", function()
    assert.equal("/\nb\n", exec({ argv = shell "pwd; echo $A", env = { A = "b" },
      directory = "/", deadline = 5 }).stdout)
  end)

  it("kills at the deadline, with what it started", function()
    local result
    local seconds = took(function()
      result = exec { argv = shell "echo $$; sleep 60 & echo $!; wait", deadline = 0.3 }
    end)
    assert.is_true(seconds < 5)
    assert.is_true(result.timed_out)
    assert.equal("KILL", result.signal)
    local leader, follower = result.stdout:match("(%d+)\n(%d+)")
    assert.is_false(is_alive(leader))
    -- All of the group got the signal; nobody waits for the leader's own children.
    for _ = 1, 100 do
      if not is_alive(follower) then break end
      os.execute("sleep 0.02")
    end
    assert.is_false(is_alive(follower))
  end)

  it("does not wait longer than the deadline for a pipe left open by others", function()
    local result
    local seconds = took(function()
      result = exec { argv = shell "echo here; (sleep 3 2>&- &) ; exit 4", deadline = 0.3 }
    end)
    assert.is_true(seconds < 2)
    assert.is_true(result.timed_out)
    assert.equal(4, result.status)
    assert.equal("here\n", result.stdout)
  end)

  it("stops a program that writes too much", function()
    local result, err = exec { argv = { "yes" }, max_output = 100000, deadline = 10 }
    assert.is_nil(result)
    assert.equal("yes: more than 100000 bytes on stdout", err)
  end)

  it("accepts exactly as much as allowed", function()
    local result = exec { argv = shell "head -c 100000 /dev/zero", max_output = 100000,
      deadline = 10 }
    assert.equal(100000, #result.stdout)
  end)

  it("says why a program does not start", function()
    local result, err = exec { argv = { "/no/such/program" }, deadline = 1 }
    assert.is_nil(result)
    assert.equal("cannot start: /no/such/program: No such file or directory", err)
  end)

  it("kills the program of a cancelled task", function()
    local path = os.tmpname()
    sched.run(function()
      local task = sched.spawn(sched.exec,
        { argv = shell("echo $$ >" .. path .. "; exec sleep 60") })
      local pid
      repeat
        sched.sleep(0.01)
        local file = assert(io.open(path))
        pid = file:read("n")
        file:close()
      until pid
      task:cancel()
      for _ = 1, 100 do
        if not is_alive(pid) then break end
        sched.sleep(0.01)
      end
      assert.is_false(is_alive(pid))
    end)
    os.remove(path)
  end)

  it("runs many at once", function()
    local seconds = took(function()
      sched.run(function()
        local list = {}
        for i = 1, 20 do list[i] = i end
        local results = sched.all(list, 20, function(i)
          return sched.exec { argv = shell("sleep 0.2; echo " .. i), deadline = 20 }.stdout
        end)
        for i = 1, 20 do assert.equal(i .. "\n", results[i]) end
      end)
    end)
    assert.is_true(seconds < 3)
  end)
end)

describe("sched.exited", function()
  it("waits for a process, for several tasks, and afterwards", function()
    sched.run(function()
      local process = assert(child.spawn { argv = shell "sleep 0.05; exit 9" })
      local first = sched.spawn(sched.exited, process)
      local second = sched.spawn(sched.exited, process)
      assert.same({ status = 9 }, first:join())
      assert.same({ status = 9 }, second:join())
      assert.same({ status = 9 }, sched.exited(process))
    end)
  end)

  it("knows of a process that ended between two runs", function()
    local process = assert(child.spawn { argv = { "true" } })
    os.execute("sleep 0.1")
    assert.same({ status = 0 }, sched.run(sched.exited, process))
    assert.same({ status = 0 }, sched.run(sched.exited, process))
  end)

  it("may be cancelled", function()
    sched.run(function()
      local process = assert(child.spawn { argv = { "sleep", "60" } })
      local task = sched.spawn(sched.exited, process)
      sched.sleep(0)
      task:cancel()
      assert(process:signal("KILL"))
      assert.same({ signal = "KILL" }, sched.exited(process))
    end)
  end)
end)

describe("sched.signals", function()
  -- Not by os.execute, which throws a SIGINT away that comes meanwhile if SIGINT was ignored
  -- before, as it is in whatever a shell starts in the background.
  local function send(name)
    local file = assert(io.open("/proc/self/stat"))
    local pid = file:read("n")
    file:close()
    assert.is_true(assert(io.popen(("kill -%s %d"):format(name, pid))):close())
  end

  it("gives signals as names, each one that came", function()
    sched.run(function()
      local signals = sched.signals { "USR1", "USR2" }
      send("USR1")
      assert.equal("USR1", signals:take(5))
      send("USR2")
      assert.equal("USR2", signals:take(5))
      assert.is_nil(signals:take(0))
    end)
  end)

  it("is not ended by the signals of its default list", function()
    sched.run(function()
      local signals = sched.signals()
      for _, name in ipairs { "TERM", "INT", "QUIT", "HUP", "USR1" } do
        send(name)
        assert.equal(name, signals:take(5))
      end
    end)
  end)
end)

describe("sched.watch", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  it("gives a reason to look for each name, in the queue that is its own", function()
    sched.run(function()
      local one, other = sched.queue(1), sched.queue(1)
      assert(sched.watch(folder .. "/one", one))
      assert(sched.watch(folder .. "/other", other))
      script.sh("touch %s", folder .. "/one")
      assert.is_true(one:take(5))
      assert.is_nil(other:take(0.05))
      script.sh("touch %s", folder .. "/other")
      assert.is_true(other:take(5))
      assert.is_nil(one:take(0))
    end)
  end)

  it("is enough to wait for, with no timer", function()
    sched.run(function()
      local reasons = sched.queue(1)
      assert(sched.watch(folder .. "/one", reasons))
      assert(io.popen("(sleep 0.2; touch " .. folder .. "/one) >/dev/null 2>&1 &")):close()
      assert.is_true(reasons:take())
    end)
  end)

  it("gives nothing any more when it has ended, by itself or with sched.run", function()
    sched.run(function()
      local reasons = sched.queue(1)
      sched.unwatch(assert(sched.watch(folder .. "/one", reasons)))
      script.sh("touch %s", folder .. "/one")
      assert.is_nil(reasons:take(0.05))
      assert(sched.watch(folder .. "/two", reasons))
    end)
    script.sh("touch %s", folder .. "/two")
    assert.same({}, require("host.loop").wait(0.05))
  end)

  it("says why it cannot", function()
    sched.run(function()
      local id, err, code = sched.watch(folder .. "/none/one", sched.queue(1))
      assert.is_nil(id)
      assert.matches("cannot watch: .*/none/one: No such file", err)
      assert.equal("ENOENT", code)
    end)
  end)
end)
