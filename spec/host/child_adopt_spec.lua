-- Processes that we did not start, and becoming another program.

local child = require("host.child")
local file = require("host.file")
local loop = require("host.loop")
local script = require("spec.support.script")

-- A stranger: its parent has ended, so it is nobody's child here.
local function stranger(text)
  local pipe = assert(io.popen("sh -c '" .. (text or "exec sleep 60") ..
    "' >/dev/null 2>&1 </dev/null & echo $!"))
  local pid = math.tointeger(pipe:read("n"))
  pipe:close()
  return pid
end

local function await_exit(process)
  for _ = 1, 200 do
    for _, event in ipairs(assert(loop.wait(0.1))) do
      if event.type == "exit" and event.child == process:id() then return event end
    end
  end
  error("the process does not end")
end

-- What needs to watch a stranger.
local function with_pidfd(name, fn)
  it(name, function()
    if os.getenv("VALGRIND") then return pending(name .. ": valgrind knows no pidfd_open") end
    fn()
  end)
end

describe("child.adopt", function()
  with_pidfd("tells the end of a process that is not ours, but not how it ended", function()
    local pid = stranger()
    local process = assert(child.adopt(pid))
    assert.equal(pid, process:pid())
    assert.is_nil(process:status())
    assert.is_true(process:signal("TERM"))
    local event = await_exit(process)
    assert.equal(pid, event.pid)
    assert.is_nil(event.status)
    assert.is_nil(event.signal)
    assert.same({}, process:status())
  end)

  with_pidfd("sends no signal to what has ended", function()
    local process = assert(child.adopt(stranger()))
    process:signal("KILL")
    await_exit(process)
    local ok, err, code = process:signal("TERM")
    assert.is_nil(ok)
    assert.equal("ESRCH", code)
    assert.matches("^cannot signal: process %d+: No such process$", err)
  end)

  with_pidfd("finds nothing where no process is", function()
    local pid = stranger("exit 0")
    for _ = 1, 200 do
      if not file.stat("/proc/" .. pid) then break end
      loop.wait(0.01)
    end
    if file.stat("/proc/" .. pid) then
      return pending("process 1 here does not ask for the ends of processes that it inherits")
    end
    local process, err, code = child.adopt(pid)
    assert.is_nil(process)
    assert.equal("ESRCH", code)
    assert.matches("^cannot watch: process %d+: No such process$", err)
  end)

  it("refuses what is no process id", function()
    assert.error_matches(function() child.adopt(0) end, "process id")
    assert.error_matches(function() child.adopt(-1) end, "process id")
  end)

  it("needs a pidfd for a process that is not ours", function()
    if not script.can_trace() then return pending(script.NO_TRACE) end
    local pid = stranger()
    local result = script.run(([[
      local _, _, code = require("host.child").adopt(%d)
      say(code)
    ]]):format(pid), script.trace("-e trace=pidfd_open -e inject=pidfd_open:error=ENOSYS"))
    os.execute("kill " .. pid)
    assert.same({ "ENOSYS" }, result.said, result.err)
  end)
end)

describe("a program that asks for a death signal", function()
  -- PR_SET_PDEATHSIG is 1, SIGTERM 15.
  local ASKS = [[import ctypes, time
assert ctypes.CDLL(None).prctl(1, 15, 0, 0, 0) == 0
open(%q, "w").write("asked")
time.sleep(60)]]

  local function survives(outlives)
    local folder = script.folder()
    local result = script.run(([[
      local child, loop, file = require("host.child"), require("host.loop"), require("host.file")
      local process = assert(child.spawn { argv = { "python3", "-c", %q }, outlives = %s })
      for _ = 1, 200 do
        if file.read(%q) == "asked" then break end
        loop.wait(0.05)
      end
      say(process:pid())
      os.execute("kill -KILL " .. file.read("/proc/self/stat"):match("^%%d+"))
    ]]):format(ASKS:format(folder .. "/asked"), outlives, folder .. "/asked"))
    local pid = assert(math.tointeger(tonumber(result.said[1])), result.err)
    local process, lives = child.adopt(pid), true
    for _ = 1, process and 10 or 0 do
      loop.wait(0.05)
      lives = lives and not process:status()
    end
    if process then process:signal("KILL") end
    script.discard(folder)
    return process ~= nil and lives
  end

  with_pidfd("gets it", function()
    assert.is_false(survives(false))
  end)

  with_pidfd("does not get it when it was started to outlive us, and does not notice", function()
    assert.is_true(survives(true))
  end)
end)

describe("child.become", function()
  -- A program that spawns a child, and becomes itself with a second script.
  local function twice(first, second, wrap)
    local folder = script.folder()
    local path = folder .. "/second.lua"
    assert(file.write(path,
      "local function say(text) io.stdout:write('= ', text, '\\n') io.stdout:flush() end\n" ..
      second))
    local result = script.run(first .. ([[
      local program = require("host.program").directory .. "/nightjar"
      local _, err = require("host.child").become { argv = { program, "test", %q } }
      say(err)
    ]]):format(path), wrap)
    script.discard(folder)
    return result
  end

  local SPAWN = [[
    local child = require("host.child")
    local process = assert(child.spawn { argv = { "sh", "-c", "exec sleep 60" } })
    local dies = assert(child.spawn { argv = { "sleep", "0.1" } })
  ]]
  local ADOPT = [[
    local child, loop, file = require("host.child"), require("host.loop"), require("host.file")
    local me = file.read("/proc/self/stat"):match("^%d+")
    local function children()
      local list = {}
      for pid in (file.read("/proc/self/task/" .. me .. "/children") or ""):gmatch("%d+") do
        list[#list + 1] = math.tointeger(tonumber(pid))
      end
      return list
    end
    os.execute("sleep 0.3")
    local first = children()
    local process = assert(child.adopt(first[1]))
    say(#first .. " then " .. #children())
    process:signal("TERM")
    local deadline = 100
    while not process:status() and deadline > 0 do loop.wait(0.1) deadline = deadline - 1 end
    say(tostring(process:status().signal))
    say(#children() .. " left")
  ]]

  it("keeps children, which are adopted with their status, and reaps the others", function()
    local result = twice(SPAWN, ADOPT)
    assert.same({ "2 then 1", "TERM", "0 left" }, result.said, result.err)
  end)

  it("needs no pidfd for those", function()
    if not script.can_trace() then return pending(script.NO_TRACE) end
    local result = twice(SPAWN, ADOPT,
      script.trace("-f -e trace=pidfd_open -e inject=pidfd_open:error=ENOSYS"))
    assert.same({ "2 then 1", "TERM", "0 left" }, result.said, result.err)
  end)

  it("keeps the process id, and no signal that comes meanwhile is lost", function()
    local result = twice([[
      local loop, file = require("host.loop"), require("host.file")
      assert(loop.signals { "TERM" })
      local me = file.read("/proc/self/stat"):match("^%d+")
      say(me)
      os.execute("kill -TERM " .. me)
    ]], [[
      local loop, file = require("host.loop"), require("host.file")
      say(file.read("/proc/self/stat"):match("^%d+"))
      assert(loop.signals { "TERM" })
      say(loop.wait(5)[1].signal)
    ]])
    local pid = result.said[1]
    assert.same({ pid, pid, "TERM" }, result.said, result.err)
  end)

  it("hands on no descriptor but the three", function()
    local result = script.run([[
      local child, file = require("host.child"), require("host.file")
      local process = child.spawn { argv = { "sleep", "1" }, stdin = "pipe", stdout = "pipe" }
      local folder = file.folder("/")
      -- Not by a pipe: the shell would hold its ends while it starts the two.
      child.become { argv = { "sh", "-c", 'f=$(mktemp); (ls /proc/$$/fd >"$f"); '
        .. 'sed "s/^/= /" "$f"; rm "$f"' } }
    ]])
    assert.same({ "0", "1", "2" }, result.said, result.err)
  end)

  it("returns where it fails, and all goes on", function()
    local result = script.run([[
      local child, loop = require("host.child"), require("host.loop")
      local _, err, code = child.become { argv = { "/nowhere/program" } }
      say(err .. " " .. code)
      local process = assert(child.spawn { argv = { "true" }, stdout = "pipe" })
      for _ = 1, 100 do
        if process:status() then break end
        loop.wait(0.1)
      end
      say(process:status().status)
    ]])
    assert.same({ "cannot start: /nowhere/program: No such file or directory ENOENT", "0" },
      result.said, result.err)
  end)
end)
