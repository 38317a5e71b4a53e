-- What both programs say where the kernel refuses a call that it hardly ever refuses: descriptors
-- and processes that there are no more of, signals that cannot be had. One line each.

local cli = require("spec.support.cli")
local file = require("host.file")
local plan = require("spec.support.plan")
local program = require("host.program")
local script = require("spec.support.script")

if not script.can_trace() then
  pending("refused system calls: " .. script.NO_TRACE)
  return
end

local SPAWN = [[
local process, err = require("host.child").spawn { argv = { "true" }, new_group = true,
  death_signal = "TERM", stdin = "pipe", stdout = "pipe" }
say(process and "started" or err)]]
local WAIT = [[
local ok, value, err = pcall(require("host.loop").wait, 0)
say(tostring(err or (ok and "waited" or value)))]]
local SPAWN_AND_WAIT = SPAWN:gsub("say%b()", "assert(process, err)\n") .. WAIT
local SERVE = [[
local _, err = require("host.server").open { path = "%s" }
say(tostring(err))]]
local FOLDER = [[local _, err = require("host.file").mkdir("%s/a/b") say(tostring(err))]]
local READ = [[local text, err = require("host.file").read("/etc/hostname") say(err or "read")]]
local WATCH = [[say(tostring(select(2, require("host.loop").watch("/tmp"))))]]
local SIGNALS = [[say(tostring(select(2, require("host.loop").signals({ "HUP" }))))]]

-- What runs, which of its calls fails (strace(1), -e inject), and what is said.
local CASES = {
  { WAIT, "signalfd4:error=EMFILE", "cannot make an event loop: signalfd: Too many open files" },
  { WAIT, "epoll_create1:error=EMFILE:when=1",
    "cannot make an event loop: epoll: Too many open files" },
  { WAIT, "epoll_create1:error=EMFILE:when=2",
    "cannot use the network: epoll: Too many open files" },
  { WAIT, "epoll_ctl:error=ENOMEM:when=1",
    "cannot make an event loop: signalfd: Cannot allocate memory" },
  { WAIT, "poll,ppoll:error=EBADF", "cannot wait: poll: Bad file descriptor" },
  { WAIT, "poll,ppoll:error=EINTR:when=1", "waited" },
  { SIGNALS, "signalfd4:error=ENOMEM:when=2", "cannot receive signals: Cannot allocate memory" },
  { WATCH, "epoll_ctl:error=ENOSPC:when=2+", "cannot watch: /tmp: No space left on device" },
  { SERVE, "socket:error=EMFILE", "cannot listen: FOLDER/s: Too many open files" },
  { SERVE, "listen:error=EOPNOTSUPP", "cannot listen: FOLDER/s: Operation not supported" },
  { SERVE, "epoll_ctl:error=ENOMEM:when=2+",
    "cannot serve: FOLDER/s: Cannot allocate memory" },
  { SERVE, "epoll_ctl:error=ENOMEM:when=3", "cannot serve: epoll: Cannot allocate memory" },
  { SPAWN, "pipe2:error=EMFILE:when=1", "cannot make a pipe: Too many open files" },
  { SPAWN, "pipe2:error=EMFILE:when=2", "cannot make a pipe: Too many open files" },
  { SPAWN, "pipe2:error=EMFILE:when=3", "cannot make a pipe: Too many open files" },
  { SPAWN, "clone,clone3,vfork,fork:error=EAGAIN",
    "cannot start: /usr/bin/true: Resource temporarily unavailable" },
  { SPAWN, "fcntl:error=EMFILE:when=1",
    "cannot hand descriptors to: /usr/bin/true: Too many open files" },
  { SPAWN, "dup2:error=EMFILE", "cannot hand descriptors to: /usr/bin/true: Too many open files" },
  { SPAWN, "dup3:error=EMFILE", "cannot hand descriptors to: /usr/bin/true: Too many open files" },
  { SPAWN, "setpgid:error=EPERM",
    "cannot make a process group for: /usr/bin/true: Operation not permitted" },
  { SPAWN, "prctl:error=EINVAL",
    "cannot set a death signal for: /usr/bin/true: Invalid argument" },
  { SPAWN_AND_WAIT, "epoll_ctl:error=ENOMEM:when=2+",
    "cannot watch a pipe: Cannot allocate memory" },
  { FOLDER, "mkdir,mkdirat:error=EROFS", "cannot make folder: FOLDER/a: Read-only file system" },
  { READ, "read:error=EIO", "cannot read: /etc/hostname: Input/output error", "/etc/hostname" },
  { READ, "read:error=EINTR:when=1", "read", "/etc/hostname" },
}

describe("the agent", function()
  local folder
  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  local function run(text, inject, path)
    return script.run((text:gsub("%%s", folder .. (text == SERVE and "/s" or ""))),
      script.trace(("-f %s -e inject=%s"):format(path and "-P " .. path or "", inject)))
  end

  for _, case in ipairs(CASES) do
    it(("says %q where %s"):format(case[3], case[2]), function()
      local result = run(case[1], case[2], case[4])
      assert.same({ (case[3]:gsub("FOLDER", folder)) }, result.said, result.err)
    end)
  end

  -- What it cannot start without.
  for inject, reason in pairs {
    ["rt_sigaction:error=EINVAL"] = "cannot ignore: SIGPIPE, SIGXFSZ: Invalid argument",
    ["openat:error=EMFILE"] = "cannot open: /dev/null: Too many open files",
  } do
    it("does not start, and says why, where " .. inject, function()
      if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers make calls of their own") end
      local result = run("say('ran')", inject, inject:find("^open") and "/dev/null")
      assert.same({}, result.said)
      assert.equal("nightjar: " .. reason .. "\n", result.err)
      assert.equal(70, result.status)
    end)
  end

  it("starts without all that hardens it, and says what the first was", function()
    if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers make calls of their own") end
    local result = run("say('ran')", "prctl,prlimit64:error=EPERM")
    assert.same({ "ran" }, result.said)
    assert.equal("nightjar: cannot harden: PR_SET_NO_NEW_PRIVS: Operation not permitted\n",
      result.err)
  end)
end)

describe("nightjar-plan", function()
  local folder
  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  -- Its output and status; with `input` in place of a request on standard input.
  local function run(trace, input)
    local _, _, status = os.execute(("%s '%s' --max-memory-mib 64 --max-instructions 100000 <%s "
      .. ">%s/out 2>%s/err"):format(trace, plan.executable, input, folder, folder))
    return cli.read(folder .. "/out"), status, cli.read(folder .. "/err")
  end

  for inject, reason in pairs {
    ["sigaltstack:error=ENOMEM"] = "cannot set up: sigaltstack: Cannot allocate memory",
    ["rt_sigaction:error=EINVAL:when=1"] = "cannot handle: SIGXCPU: Invalid argument",
    ["rt_sigaction:error=EINVAL:when=2"] = "cannot handle: a crash: Invalid argument",
    ["setitimer:error=EINVAL"] = "cannot count: processor time: Invalid argument",
  } do
    it(("says %q where %s"):format(reason, inject), function()
      if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers make calls of their own") end
      local output, status = run(script.trace("-e inject=" .. inject), "/dev/null")
      assert.same({ reason .. "\n", 70 }, { output, status })
    end)
  end

  it("says so where its request cannot be read", function()
    local output, status = run("", folder)
    assert.same({ "cannot read: standard input: Is a directory\n", 70 }, { output, status })
  end)

  it("reads on when a signal interrupts it", function()
    assert(file.write(folder .. "/request", "{"))
    local output, status = run(script.trace("-P " .. folder .. "/request "
      .. "-e inject=read:error=EINTR:when=1"), folder .. "/request")
    assert.equal(0, status)
    assert.matches('"ok":false', output, 1, true)
  end)

  it("goes on without the layers that the kernel refuses, and does not name them", function()
    if os.getenv("ASAN_OPTIONS") then return pending("the sanitizers limit less") end
    local request = plan.request('return { about = "x", settings = {}, examples = {}, '
      .. "apply = function(mesh) return mesh end }")
    local function layers(trace)
      local result = plan.run(request, { trace = trace })
      assert.is_true(result.response.ok, result.output)
      return " " .. table.concat(result.response.layers, " ") .. " "
    end
    local usual = layers("")
    local without = layers(script.trace("-e inject=prctl,prlimit64:error=EPERM"))
    for _, name in ipairs { "hardened", "cpu_limit", "address_space_limit",
      "no_new_descriptors" } do
      assert.is_truthy(usual:find(" " .. name .. " ", 1, true), usual)
      assert.is_nil(without:find(" " .. name .. " ", 1, true), without)
    end
  end)
end)

describe("a program whose own place cannot be told", function()
  it("does not start, and says so", function()
    -- It may be mounted more than once.
    local command = "umount -l /proc || exit; while umount -l /proc 2>/dev/null; do :; done; "
      .. "exec " .. program.directory .. "/nightjar version"
    local output = io.popen(("unshare --mount sh -c '%s' 2>&1"):format(command)):read("a")
    if output:find("^unshare") or output:find("^umount") then return pending(output) end
    assert.matches("cannot find the program: /proc/self/exe: No such file or directory", output)
  end)
end)
