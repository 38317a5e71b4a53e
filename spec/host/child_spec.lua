-- Child processes: what they start with, what goes through their pipes, how they end.

local child = require("host.child")
local clock = require("host.clock")
local file = require("host.file")
local loop = require("host.loop")
local script = require("spec.support.script")

local function shell(text)
  return { "sh", "-c", text }
end

-- Collects the events of a process until it has ended and its pipes are at their end.
local function finish(process, pipes, seconds)
  local got = { stdout = "", stderr = "", written = {} }
  local deadline = clock.monotonic() + (seconds or 20)
  while not got.exit or pipes > 0 do
    assert(clock.monotonic() < deadline, "the process does not end")
    for _, event in ipairs(assert(loop.wait(1))) do
      if event.child ~= process:id() then
        goto next
      elseif event.type == "exit" then
        got.exit = event
      elseif event.type == "written" then
        table.insert(got.written, event)
      elseif event.eof then
        pipes = pipes - 1
      else
        got[event.stream] = got[event.stream] .. event.data
      end
      ::next::
    end
  end
  return got
end

local function output(options)
  options.stdout = "pipe"
  return finish(assert(child.spawn(options)), 1).stdout
end

-- Waits until `fn` returns something true.
local function await(fn)
  for _ = 1, 500 do
    local value = fn()
    if value then return value end
    loop.wait(0.01)
  end
  error("waited in vain")
end

local function state_of(pid)
  local text = file.read(("/proc/%d/stat"):format(pid))
  return text and text:match("^%d+ %b() (%a)")
end

local function is_gone(pid)
  local state = state_of(pid)
  return state == nil or state == "Z"
end

describe("child.spawn", function()
  it("tells how a process ended: by its status", function()
    local process = assert(child.spawn { argv = shell "exit 7" })
    assert.is_nil(process:status())
    local got = finish(process, 0)
    assert.equal(7, got.exit.status)
    assert.is_nil(got.exit.signal)
    assert.equal(process:pid(), got.exit.pid)
    assert.same({ status = 7 }, process:status())
  end)

  it("tells how a process ended: by a signal", function()
    local process = assert(child.spawn { argv = shell "kill -SEGV $$" })
    local got = finish(process, 0)
    assert.equal("SEGV", got.exit.signal)
    assert.is_nil(got.exit.status)
    assert.same({ signal = "SEGV" }, process:status())
  end)

  it("tells a real-time signal by its number", function()
    local process = assert(child.spawn { argv = shell "kill -40 $$" })
    assert.equal("40", finish(process, 0).exit.signal)
  end)

  it("finds programs on PATH, and paths as they are", function()
    assert.equal("x\n", output { argv = { "echo", "x" } })
    assert.equal("x\n", output { argv = { "/bin/echo", "x" } })
  end)

  it("hands on words as they are", function()
    assert.equal("[a b][][$c][é]", output { argv = { "printf", "[%s]", "a b", "", "$c", "é" } })
  end)

  it("starts in our folder and with our environment, if not told otherwise", function()
    local pipe = assert(io.popen("pwd"))
    local folder = pipe:read("a")
    pipe:close()
    assert.equal(folder, output { argv = { "pwd" } })
    assert.equal(os.getenv("PATH") .. "\n", output { argv = shell "echo $PATH" })
  end)

  it("starts with exactly the environment it is given", function()
    local text = output { argv = { "env" }, env = { A = "1", B = "two = 2" } }
    assert.is_truthy(text == "A=1\nB=two = 2\n" or text == "B=two = 2\nA=1\n")
    assert.equal("", output { argv = { "env" }, env = {} })
  end)

  it("starts in the folder it is given", function()
    assert.equal("/usr\n", output { argv = { "pwd" }, directory = "/usr", env = {} })
  end)

  it("says why it cannot start", function()
    local function refused(options, code, pattern)
      local process, err, got = child.spawn(options)
      assert.is_nil(process)
      assert.equal(code, got)
      assert.matches(pattern, err)
    end
    refused({ argv = { "no-such-program" } }, "ENOENT",
      "^cannot start: no%-such%-program: there is no such program in the folders of PATH$")
    refused({ argv = { "/no/such" } }, "ENOENT", "^cannot start: /no/such: No such file")
    refused({ argv = { "/etc/passwd" } }, "EACCES", "^cannot start: /etc/passwd: Permission")
    refused({ argv = { "/" } }, "EACCES", "^cannot start: /: ")
    refused({ argv = { "true" }, directory = "/no/such" }, "ENOENT",
      "^cannot change into: /no/such: No such file")
  end)

  it("leaves no zombie of a start that failed", function()
    assert.is_nil(child.spawn { argv = { "/etc/passwd" } })
    local pipe = io.popen("ps -o stat= --ppid " ..
      file.read("/proc/self/stat"):match("^%d+") .. " | grep -c Z")
    assert.equal("0", pipe:read("l"))
    pipe:close()
  end)

  it("is an error of the caller's where the form is wrong", function()
    assert.error_matches(function() child.spawn {} end, "'argv'")
    assert.error_matches(function() child.spawn { argv = {} } end, "'argv'")
    assert.error_matches(function() child.spawn { argv = { "" } } end, "'argv'")
    assert.error_matches(function() child.spawn { argv = { "a", 1 } } end, "'argv'")
    assert.error_matches(function() child.spawn { argv = { "a\0b" } } end, "NUL")
    assert.error_matches(function() child.spawn { argv = { "a" }, env = { 1 } } end, "'env'")
    assert.error_matches(function()
      child.spawn { argv = { "a" }, env = { ["A=B"] = "c" } }
    end, "'A=B'")
    assert.error_matches(function() child.spawn { argv = { "a" }, stdin = "file" } end, "'stdin'")
    assert.error_matches(function() child.spawn { argv = { "a" }, stdout = "stdout" } end,
      "'stdout'")
    assert.error_matches(function() child.spawn { argv = { "a" }, death_signal = "X" } end,
      "'death_signal'")
    assert.error_matches(function() child.spawn { argv = { "a" }, colour = 1 } end, "colour")
  end)
end)

describe("a child", function()
  -- What a process says of itself in /proc.
  local function status_line(name, options)
    options = options or {}
    options.argv = { "cat", "/proc/self/status" }
    return output(options):match("\n" .. name .. ":%s*(%S+)")
  end

  it("has no signal blocked and none ignored, whatever we block and ignore", function()
    assert(loop.signals { "USR2", "TERM" })
    assert.equal(("0"):rep(16), status_line("SigBlk"))
    assert.equal(("0"):rep(16), status_line("SigIgn"))
    local ours = file.read("/proc/self/status")
    assert.is_not_equal(("0"):rep(16), ours:match("SigBlk:%s*(%S+)"))
    assert.is_not_equal(("0"):rep(16), ours:match("SigIgn:%s*(%S+)"))
  end)

  it("has none blocked or ignored of those that glibc keeps to itself", function()
    local result = script.run([[
      local child, loop = require("host.child"), require("host.loop")
      assert(child.spawn { argv = { "grep", "^Sig[BI]", "/proc/self/status" }, stdout = "pipe" })
      for _ = 1, 20 do
        for _, event in ipairs(loop.wait(1)) do
          if event.data then say((event.data:gsub("%s+", " "))) end
          if event.type == "exit" then os.exit(0) end
        end
      end
    ]], "python3 spec/support/deaf.py")
    local none = ("0"):rep(16)
    assert.same({ ("SigBlk: %s SigIgn: %s "):format(none, none) }, result.said, result.err)
  end)

  it("dies of a broken pipe, as programs expect to", function()
    assert.equal("y\n0\n", output { argv = { "bash", "-c", "yes | head -n 1; echo $?" } })
    local process = assert(child.spawn { argv = { "yes" }, stdout = "pipe" })
    process:close()
    assert.equal("PIPE", finish(process, 0).exit.signal)
  end)

  it("has no descriptor but the three it is given", function()
    local stream = assert(io.open("/etc/hostname")) -- without close-on-exec
    local other = assert(child.spawn { argv = { "cat" }, stdin = "pipe", stdout = "pipe" })
    assert.equal("0\n1\n2\n3\n", output { argv = { "ls", "/proc/self/fd" } }) -- 3: ls's own
    stream:close()
    other:close_stdin()
    finish(other, 1)
  end)

  it("has them on a kernel without close_range as well", function()
    if not script.can_trace() then return pending("needs strace and the right to trace") end
    local result = script.run([[
      local child, loop = require("host.child"), require("host.loop")
      local stream = io.open("/etc/hostname")
      assert(child.spawn { argv = { "ls", "/proc/self/fd" }, stdout = "pipe" })
      local got = ""
      repeat
        local over
        for _, event in ipairs(assert(loop.wait(20))) do
          got, over = got .. (event.data or ""), over or event.eof
        end
      until over
      say(got:gsub("\n", " "))
      stream:close()
    ]], script.trace("-f -e trace=close_range -e inject=close_range:error=ENOSYS"))
    assert.same({ "0 1 2 3 " }, result.said, result.err)
  end)

  it("gets /dev/null where it gets nothing", function()
    assert.equal("/dev/null\n", output { argv = { "readlink", "/proc/self/fd/0" } })
    assert.equal("/dev/null\n/dev/null\n", output { stderr = "null",
      argv = shell "readlink /proc/self/fd/2; readlink /proc/self/fd/0" })
  end)

  it("may have its standard error where its output goes", function()
    assert.equal("a\nb\n", output { argv = shell "echo a; echo b >&2", stderr = "stdout" })
  end)

  it("can be started when our own standard descriptors are closed", function()
    local path = os.tmpname()
    local result = script.run(([[
      local child, loop, file = require("host.child"), require("host.loop"), require("host.file")
      io.stdin:close()
      local process = assert(child.spawn { argv = { "sh", "-c", "cat; echo err >&2" },
        stdin = "pipe", stdout = "pipe", stderr = "pipe" })
      process:write("in\n")
      process:close_stdin()
      local got, ends = "", 0
      repeat
        for _, event in ipairs(assert(loop.wait(20))) do
          got = got .. (event.data and event.stream .. "=" .. event.data or "")
          if event.eof then ends = ends + 1 end
        end
      until ends == 2
      file.write(%q, got)
    ]]):format(path), [[sh -c 'exec "$0" "$@" <&- >&- 2>&-']])
    local got = file.read(path)
    os.remove(path)
    assert.equal("stdout=in\nstderr=err\n", got, result.err)
  end)

  it("leads a group of its own only when asked to", function()
    local function group(options)
      options.argv = { "cat", "/proc/self/stat" }
      local pid, pgid = output(options):match("^(%d+) %b() %a %d+ (%d+)")
      return pid == pgid
    end
    assert.is_true(group { new_group = true })
    assert.is_false(group {})
  end)

  it("gets its death signal when we die, however we die", function()
    local folder = script.folder()
    local path = folder .. "/pid"
    local result = script.run(([[
      local child, loop, file = require("host.child"), require("host.loop"), require("host.file")
      local script = "echo $$ > %s.new; mv %s.new %s; exec sleep 60"
      assert(child.spawn { argv = { "sh", "-c", script }, death_signal = "KILL" })
      while not file.read("%s") do loop.wait(0.01) end
      local self = file.read("/proc/self/stat"):match("^%%d+")
      os.execute("kill -KILL " .. self)
    ]]):format(path, path, path, path))
    assert.is_truthy(result.signal == 9 or result.status == 137)
    local pid = assert(tonumber(file.read(path)))
    await(function() return is_gone(pid) end)
    script.discard(folder)
  end)
end)

describe("a process", function()
  it("gets signals", function()
    local process = assert(child.spawn { argv = { "sleep", "60" } })
    assert.is_true(process:signal("TERM"))
    assert.equal("TERM", finish(process, 0).exit.signal)
  end)

  it("cannot be signalled once it has ended", function()
    local process = assert(child.spawn { argv = { "true" } })
    finish(process, 0)
    local ok, err, code = process:signal("TERM")
    assert.is_nil(ok)
    assert.equal("ESRCH", code)
    assert.matches("^cannot signal: process %d+: No such process$", err)
  end)

  it("gets signals on a kernel without pidfds as well", function()
    if not script.can_trace() then return pending("needs strace and the right to trace") end
    local result = script.run([[
      local child, loop = require("host.child"), require("host.loop")
      local process = assert(child.spawn { argv = { "sleep", "60" } })
      assert(process:signal("TERM"))
      say(assert(loop.wait(20))[1].signal)
    ]], script.trace("-e trace=pidfd_open -e inject=pidfd_open:error=ENOSYS"))
    assert.same({ "TERM" }, result.said, result.err)
  end)

  it("is no more if it could not be told whether it has begun", function()
    if not script.can_trace() then return pending("needs strace and the right to trace") end
    local text = [[
      local process, err = require("host.child").spawn { argv = { "cat" }, stdin = "pipe" }
      local children = io.open("/proc/thread-self/children"):read("a")
      say((process and "started" or err) .. (children == "" and ", no child" or ", a child"))
    ]]
    local log = os.tmpname()
    finally(function() os.remove(log) end)
    assert.same({ "started, a child" }, script.run(text,
      script.trace("-e trace=vfork,read", log)).said)
    local reads, divided = 0, false
    for line in io.lines(log) do
      divided = divided or line:find("^vfork") ~= nil
      reads = reads + (line:find("^read") and 1 or 0)
      if divided and line:find("^read") then break end
    end
    local result = script.run(text, "timeout -s KILL 20 "
      .. script.trace(("-e trace=read -e inject=read:error=EIO:when=%d"):format(reads)))
    assert.equal(1, #result.said, result.err)
    assert.matches("^cannot start: .*/cat: Input/output error, no child$", result.said[1])
  end)

  it("gets signals with its group, if it leads one", function()
    local process = assert(child.spawn { argv = shell "sleep 60 & echo $!; wait",
      stdout = "pipe", new_group = true })
    local follower
    await(function()
      for _, event in ipairs(loop.wait(0.1)) do
        follower = follower or tonumber(event.data)
      end
      return follower
    end)
    assert.is_true(process:signal_group("KILL"))
    assert.equal("KILL", finish(process, 1).exit.signal)
    await(function() return is_gone(follower) end)
    local single = assert(child.spawn { argv = { "true" } })
    assert.error_matches(function() single:signal_group("KILL") end, "new_group")
    finish(single, 0)
  end)

  it("refuses signals that do not exist", function()
    local process = assert(child.spawn { argv = { "true" } })
    assert.error_matches(function() process:signal("NONE") end, "NONE")
    finish(process, 0)
  end)

  it("takes input until it is closed, and tells when all is written", function()
    local process = assert(child.spawn { argv = { "cat" }, stdin = "pipe", stdout = "pipe" })
    assert.is_true(process:write("a"))
    assert.is_true(process:write("\0b"))
    process:close_stdin()
    local ok, _, code = process:write("late")
    assert.is_nil(ok)
    assert.equal("EPIPE", code)
    local got = finish(process, 1)
    assert.equal("a\0b", got.stdout)
    assert.equal(1, #got.written)
    assert.is_nil(got.written[1].error)
  end)

  it("takes much input while it gives much output", function()
    local process = assert(child.spawn { argv = { "cat" }, stdin = "pipe", stdout = "pipe" })
    local piece = ("0123456789abcdef"):rep(1 << 16) -- 1 MiB
    for _ = 1, 8 do assert(process:write(piece)) end
    process:close_stdin()
    assert.is_true(finish(process, 1).stdout == piece:rep(8))
  end)

  it("counts only what still waits towards the input allowed", function()
    local process <close> = assert(child.spawn { argv = { "sleep", "60" }, stdin = "pipe",
      max_input = 200000 })
    assert.is_true(process:write(("x"):rep(200000)))
    loop.wait(0.05) -- the pipe takes 64 KiB
    assert.is_true(process:write(("x"):rep(60000)))
    assert.equal("limit", (select(3, process:write(("x"):rep(10000)))))
    process:signal("KILL")
  end)

  it("takes no more input than allowed at a time", function()
    local process = assert(child.spawn { argv = { "cat" }, stdin = "pipe", stdout = "pipe",
      max_input = 10 })
    assert.is_true(process:write(("x"):rep(10)))
    local ok, _, code = process:write("x")
    assert.is_nil(ok)
    assert.equal("limit", code)
    await(function()
      for _, event in ipairs(loop.wait(1)) do
        if event.type == "written" then return true end
      end
    end)
    assert.is_true(process:write("x"))
    process:close_stdin()
    assert.equal(1, #finish(process, 1).stdout:gsub("^x+$", "x"))
  end)

  it("tells when its input is not read to the end", function()
    local process = assert(child.spawn { argv = { "true" }, stdin = "pipe" })
    assert.is_true(process:write(("x"):rep(1 << 20)))
    local written
    local got = finish(process, 0)
    written = got.written[1] or await(function()
      for _, event in ipairs(loop.wait(1)) do
        if event.type == "written" then return event end
      end
    end)
    assert.equal("Broken pipe", written.error)
    assert.is_nil(process:write("more"))
  end)

  it("has no input unless it is given a pipe", function()
    local process = assert(child.spawn { argv = { "cat" } })
    local ok, _, code = process:write("x")
    assert.is_nil(ok)
    assert.equal("EPIPE", code)
    finish(process, 0)
  end)

  it("waits when its output is not read, and goes on when it is", function()
    local process = assert(child.spawn { argv = shell "head -c 1000000 /dev/zero; exit 5",
      stdout = "pipe" })
    process:stop_reading()
    for _, event in ipairs(loop.wait(0.3)) do
      assert.is_not_equal("data", event.type)
      assert.is_not_equal("exit", event.type)
    end
    assert.is_nil(process:status())
    local before = os.clock()
    loop.wait(0.2)
    assert.is_true(os.clock() - before < 0.05, "does not turn in circles meanwhile")
    process:start_reading()
    local got = finish(process, 1)
    assert.equal(1000000, #got.stdout)
    assert.equal(5, got.exit.status)
  end)

  it("has its two outputs apart", function()
    local process = assert(child.spawn { argv = shell "echo a; echo b >&2; echo c",
      stdout = "pipe", stderr = "pipe" })
    local got = finish(process, 2)
    assert.equal("a\nc\n", got.stdout)
    assert.equal("b\n", got.stderr)
  end)

  it("gives its output in pieces of at most 64 KiB", function()
    local process = assert(child.spawn { argv = shell "head -c 1000000 /dev/zero",
      stdout = "pipe" })
    local size, over = 0, false
    while not over do
      for _, event in ipairs(assert(loop.wait(5))) do
        if event.data then
          size = size + #event.data
          assert.is_true(#event.data <= 65536)
        end
        over = over or event.eof
      end
    end
    assert.equal(1000000, size)
    await(function() return process:status() end)
  end)

  it("has a number of its own", function()
    local first = assert(child.spawn { argv = { "true" } })
    local second = assert(child.spawn { argv = { "true" } })
    assert.is_true(second:id() > first:id())
    assert.is_not_equal(first:pid(), second:pid())
    finish(first, 0)
    if not second:status() then finish(second, 0) end
  end)

  it("goes on, and is reaped, when its handle is collected", function()
    local path = os.tmpname()
    local pid = assert(child.spawn { argv = shell("sleep 0.2; echo done > " .. path) }):pid()
    collectgarbage()
    collectgarbage()
    await(function() return file.read(path) == "done\n" end)
    await(function() return state_of(pid) == nil end)
    os.remove(path)
  end)

  it("cannot be used through a closed handle", function()
    local kept
    do
      local process <close> = assert(child.spawn { argv = { "true" } })
      kept = process
    end
    assert.error_matches(function() kept:pid() end, "handle is closed")
  end)

  it("refuses to signal what has ended, and its group", function()
    local process = assert(child.spawn { argv = { "sleep", "10" }, new_group = true })
    assert(process:signal("KILL"))
    finish(process, 0)
    for _, name in ipairs { "signal", "signal_group" } do
      local _, err, code = process[name](process, "TERM")
      assert.equal("ESRCH", code, name)
      assert.matches("^cannot signal: process %d+: No such process$", err)
    end
  end)

  it("finds programs in the usual folders where there is no PATH", function()
    local result = script.run([[
      local process, err = require("host.child").spawn { argv = { "true" } }
      say(process and "started" or err)]], "env -u PATH")
    assert.same({ "started" }, result.said, result.err)
  end)
end)
