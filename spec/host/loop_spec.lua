-- The one wait: times, signals, many ends at once, and life as process 1.

local child = require("host.child")
local clock = require("host.clock")
local file = require("host.file")
local http = require("host.http")
local loop = require("host.loop")
local script = require("spec.support.script")

local pid = tonumber(file.read("/proc/self/stat"):match("^%d+"))

local function send(name)
  assert.is_true(os.execute(("kill -%s %d"):format(name, pid)))
end

local function took(fn)
  local started = clock.monotonic()
  fn()
  return clock.monotonic() - started
end

-- What is left of other specs' programs must not look like news here.
local function settle()
  while #assert(loop.wait(0.05)) > 0 do end -- luacheck: ignore 542
end

describe("loop.wait", function()
  before_each(settle)

  it("waits as long as asked and returns an empty list", function()
    local seconds = took(function() assert.same({}, loop.wait(0.05)) end)
    assert.is_true(seconds >= 0.05 and seconds < 0.5)
  end)

  it("does not wait with 0", function()
    assert.is_true(took(function() loop.wait(0) end) < 0.05)
  end)

  it("does not use the processor while it waits", function()
    local before = os.clock()
    loop.wait(0.3)
    assert.is_true(os.clock() - before < 0.02)
  end)

  it("wakes for nobody: one system call for a whole second", function()
    if not script.can_trace() then return pending("needs strace and the right to trace") end
    local log = os.tmpname()
    script.run([[
      local loop = require("host.loop")
      loop.wait(0)
      io.open("/nightjar-begin")
      loop.wait(1)
      io.open("/nightjar-end")
    ]], script.trace("-e trace=openat,poll,ppoll,epoll_wait,epoll_pwait", log))
    local calls = file.read(log):match('"/nightjar%-begin"[^\n]*\n(.-)[^\n]*"/nightjar%-end"')
    os.remove(log)
    assert.equal(1, select(2, calls:gsub("\n", "\n")), calls)
  end)

  it("waits for ever with an infinite time, until something comes", function()
    local process = assert(child.spawn { argv = { "sleep", "0.1" } })
    local events = assert(loop.wait(math.huge))
    assert.equal("exit", events[1].type)
    assert.equal(process:pid(), events[1].pid)
  end)

  it("refuses times that are none", function()
    assert.error_matches(function() loop.wait(-1) end, "expected seconds")
    assert.error_matches(function() loop.wait(0 / 0) end, "expected seconds")
    assert.error_matches(function() loop.wait() end, "number expected")
  end)

  it("tells of many ends at once, each one once", function()
    local count, seen = 50, {}
    local processes = {}
    for i = 1, count do
      processes[i] = assert(child.spawn { argv = { "sh", "-c", "exit " .. i } })
    end
    local left, deadline = count, clock.monotonic() + 20
    while left > 0 and clock.monotonic() < deadline do
      for _, event in ipairs(assert(loop.wait(1))) do
        assert.is_nil(seen[event.child])
        seen[event.child], left = event.status, left - 1
      end
    end
    for i, process in ipairs(processes) do assert.equal(i, seen[process:id()]) end
  end)

  it("tells of a request and a process in the order of their ends", function()
    local process = assert(child.spawn { argv = { "sleep", "0.2" } })
    local id = assert(http.start { url = "http://127.0.0.1:1/" })
    local first = assert(loop.wait(5))
    assert.equal(1, #first)
    assert.equal(id, first[1].id)
    local second = assert(loop.wait(5))
    assert.equal(process:id(), second[1].child)
  end)

  it("leaves processes of io.popen and os.execute to these", function()
    local pipe = assert(io.popen("exit 3"))
    loop.wait(0.1)
    assert.same({ nil, "exit", 3 }, { pipe:close() })
    local process = assert(child.spawn { argv = { "true" } })
    assert.same({ nil, "exit", 4 }, { os.execute("sleep 0.1; exit 4") })
    assert.equal(0, loop.wait(5)[1].status)
    assert.same({ status = 0 }, process:status())
  end)

  it("learns how children end though our parent ignores that of its own", function()
    -- `trap '' CHLD` makes the shell, and what it starts, ignore SIGCHLD.
    local result = script.run([[
      local child, loop = require("host.child"), require("host.loop")
      assert(child.spawn { argv = { "sh", "-c", "exit 6" } })
      say(tostring(assert(loop.wait(5))[1].status))
    ]], [[bash -c 'trap "" CHLD; exec "$0" "$@"']])
    assert.same({ "6" }, result.said, result.err)
  end)
end)

describe("loop.signals", function()
  before_each(settle)

  it("gives signals as events instead of being ended by them", function()
    assert.is_true(loop.signals { "TERM", "USR1" })
    send("TERM")
    send("USR1")
    local names = {}
    for _, event in ipairs(assert(loop.wait(5))) do
      assert.equal("signal", event.type)
      names[event.signal] = true
    end
    assert.same({ TERM = true, USR1 = true }, names)
    assert.same({}, loop.wait(0))
  end)

  it("gives those that came before the wait", function()
    assert.is_true(loop.signals { "HUP" })
    send("HUP")
    assert.equal("HUP", assert(loop.wait(0))[1].signal)
  end)

  it("gives each one of several that came apart", function()
    assert.is_true(loop.signals { "USR1" })
    for _ = 1, 3 do
      send("USR1")
      assert.equal("USR1", assert(loop.wait(5))[1].signal)
    end
  end)

  it("interrupts a request's wait", function()
    assert.is_true(loop.signals { "USR1" })
    local id = assert(http.start { url = "http://127.0.0.1:1/" })
    loop.wait(1)
    http.cancel(id)
    local process = assert(child.spawn {
      argv = { "sh", "-c", ("sleep 0.1; kill -USR1 %d; sleep 2"):format(pid) } })
    local seconds = took(function() assert.equal("USR1", loop.wait(10)[1].signal) end)
    assert.is_true(seconds < 1)
    process:signal("KILL")
    loop.wait(5)
  end)

  it("never lets a resolver's thread have one that comes later", function()
    -- The thread is started before the signal is blocked; it would be ended by it, and we too.
    local result = script.run([[
      local http, loop, file = require("host.http"), require("host.loop"), require("host.file")
      assert(http.start { url = "http://name.invalid/" })
      loop.wait(0.01)
      assert(loop.signals { "TERM" })
      os.execute("kill -TERM " .. file.read("/proc/self/stat"):match("^%d+"))
      local seen
      repeat
        for _, event in ipairs(assert(loop.wait(5))) do seen = seen or event.signal end
      until seen
      say(seen)
    ]])
    assert.same({ "TERM" }, result.said, result.err)
  end)

  it("refuses names that are none, or cannot be had", function()
    assert.error_matches(function() loop.signals { "NONE" } end, "NONE")
    assert.error_matches(function() loop.signals { "SIGTERM" } end, "SIGTERM")
    assert.error_matches(function() loop.signals { "KILL" } end, "KILL")
    assert.error_matches(function() loop.signals { "CHLD" } end, "CHLD")
    assert.error_matches(function() loop.signals { 15 } end, "names")
    assert.error_matches(function() loop.signals "TERM" end, "table expected")
  end)
end)

describe("the loop of process 1", function()
  local UNSHARE = "unshare --pid --fork --mount-proc --kill-child"

  local function as_first(text)
    if os.execute(UNSHARE .. " true 2>/dev/null") ~= true then
      return nil
    end
    return script.run([[
      local child, loop = require("host.child"), require("host.loop")
      local clock, file = require("host.clock"), require("host.file")
      say(file.read("/proc/self/stat"):match("^%d+"))
    ]] .. text, UNSHARE)
  end

  local NOT_ALLOWED = "needs the right to make namespaces"

  it("reaps orphans that it adopts, while it waits for its own", function()
    local result = as_first [[
      -- Each shell leaves a child behind that ends after it.
      for _ = 1, 5 do
        assert(child.spawn { argv = { "sh", "-c", "(sleep 0.2; exit 9) & (sleep 0.3) &" } })
      end
      local own = assert(child.spawn { argv = { "sh", "-c", "sleep 0.6; exit 5" } })
      local ends = 0
      repeat
        for _, event in ipairs(assert(loop.wait(5))) do
          if event.type == "exit" then ends = ends + 1 end
        end
      until own:status()
      say(ends .. " " .. own:status().status)
      local left = {}
      for _, entry in ipairs(file.list("/proc")) do
        if entry.name:match("^%d+$") then table.insert(left, entry.name) end
      end
      say(table.concat(left, " "))
    ]]
    if not result then return pending(NOT_ALLOWED) end
    assert.same({ "1", "6 5", "1" }, result.said, result.err)
  end)

  it("hears TERM, which process 1 would ignore without a handler", function()
    local result = as_first [[
      assert(loop.signals { "TERM" })
      assert(child.spawn { argv = { "sh", "-c", "kill -TERM 1" } })
      local seen
      repeat
        for _, event in ipairs(assert(loop.wait(5))) do seen = seen or event.signal end
      until seen
      say(seen)
    ]]
    if not result then return pending(NOT_ALLOWED) end
    assert.same({ "1", "TERM" }, result.said, result.err)
  end)
end)

describe("a loop that is closed", function()
  it("cannot be used by finalizers that run later", function()
    local result = script.run([[
      local loop = require("host.loop")
      setmetatable({}, { __gc = function() say(select(2, pcall(loop.wait, 0))) end })
      loop.wait(0)
    ]])
    assert.same({ "the event loop is closed" }, result.said, result.err)
  end)
end)
