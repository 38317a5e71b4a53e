-- `file.write` under a kernel that fails or kills at each of its steps: strace makes the Nth call
-- of a kind fail, or sends SIGKILL at it. Whatever happens, the old file or the new one is there,
-- whole.

local file = require("host.file")
local script = require("spec.support.script")

local OLD, NEW = ("old\n"):rep(3000), ("new!\n"):rep(5000)
local SIGKILL = 9

-- What a sanitized build, or a large file, asks of the system besides.
local MEMORY = { brk = true, mmap = true, mremap = true, munmap = true, madvise = true }

-- Looking at files that do not exist marks the beginning and the end in the trace.
local REPLACE = [[
local file = require("host.file")
file.stat("/replacement-begins")
local ok, err, code = file.write(%q, %q)
file.stat("/replacement-ends")
say(tostring(ok)) say(tostring(err)) say(tostring(code))
]]

describe("replacing a file", function()
  if not script.can_trace() then
    pending(script.NO_TRACE)
    return
  end

  local root, path

  before_each(function()
    root = script.folder()
    path = root .. "/file"
    assert(file.write(path, OLD))
  end)
  after_each(function() script.discard(root) end)

  local function replace(options, log)
    return script.run(REPLACE:format(path, NEW), script.trace(options, log))
  end

  local function inject(call, fault)
    -- Stopping at one kind of call only is four times faster, but then no signal arrives.
    local fast = fault:find("^signal") and "" or "-f --seccomp-bpf"
    return replace(("%s -e trace=%s -e inject=%s:%s:when=%d")
      :format(fast, call.name, call.name, fault, call.number))
  end

  -- The system calls of one replacement, each with its number among those of its kind in the
  -- whole run, by which strace finds it again.
  local calls = {}
  do
    local folder = script.folder()
    local log = folder .. "/trace"
    root, path = folder, folder .. "/file"
    assert(file.write(path, OLD))
    assert.equal("true", replace("-e trace=all", log).said[1])
    local numbers, within = {}, false
    for line in assert(file.read(log)):gmatch("[^\n]+") do
      local name = line:match("^([%w_]+)%(")
      if name then
        numbers[name] = (numbers[name] or 0) + 1
        if line:find("/replacement-ends", 1, true) then within = false end
        if within and not MEMORY[name] then
          calls[#calls + 1] = { name = name, number = numbers[name] }
        end
        if line:find("/replacement-begins", 1, true) then within = true end
      end
    end
    script.discard(folder)
  end

  local function find(name, nth)
    for _, call in ipairs(calls) do
      if call.name == name then
        nth = nth - 1
        if nth == 0 then return call end
      end
    end
    error("no such call: " .. name)
  end

  local function left_over()
    local count = 0
    for _, entry in ipairs(assert(file.list(root))) do
      if entry.name ~= "file" then count = count + 1 end
    end
    return count
  end

  it("is these steps, in this order", function()
    local names = {}
    for i, call in ipairs(calls) do names[i] = call.name end
    assert.same({ "openat", "getrandom", "openat", "write", "fchmod", "fsync", "close", "renameat",
      "fsync", "close" }, names)
  end)

  local published = false -- by the steps before this one
  for i, call in ipairs(calls) do
    local expected = published and NEW or OLD
    published = published or call.name == "renameat"
    local step = ("step %d, %s"):format(i, call.name)

    it("leaves one whole file when it is killed at " .. step, function()
      local result = inject(call, "signal=KILL")
      assert.equal(SIGKILL, result.signal)
      assert.same({}, result.said)
      local content = file.read(path)
      -- A signal comes when the call is done, or before it: with the rename either may be so.
      assert.is_true(content == expected or call.name == "renameat" and content == NEW)
      assert.is_true(left_over() <= 1)
      assert.equal(left_over(), file.sweep(root))
      assert.equal(0, left_over())
      assert.equal(content, file.read(path))
      assert.is_true(file.write(path, NEW))
    end)

    for _, reason in ipairs { "ENOSPC", "EIO" } do
      it(("leaves one whole file when %s gives %s"):format(step, reason), function()
        local ok, err, code = table.unpack(inject(call, "error=" .. reason).said)
        assert.equal(expected, file.read(path))
        assert.equal(0, left_over())
        assert.equal(expected == NEW and "true" or "nil", ok)
        if ok == "nil" then
          assert.equal(reason, code)
          assert.is_truthy(err:find(path, 1, true), err)
        end
      end)
    end
  end

  it("says when only the folder could not be flushed", function()
    local result = inject(find("fsync", 2), "error=EIO")
    assert.same({ "true", "published, not durable: " .. path .. ": Input/output error", "nil" },
      result.said)
  end)

  it("goes on when a signal interrupts it", function()
    for _, call in ipairs { find("write", 1), find("fsync", 1), find("close", 1),
      find("fsync", 2) } do
      assert.same({ "true", "nil", "nil" }, inject(call, "error=EINTR").said)
      assert.equal(NEW, file.read(path))
      assert(file.write(path, OLD))
    end
  end)

  it("gives up a write that never gets on", function()
    local result = inject(find("write", 1), "retval=0")
    assert.same({ "nil", "cannot write: " .. path .. ": Input/output error", "EIO" }, result.said)
    assert.equal(OLD, file.read(path))
  end)

  it("says what to do about a file that is mounted by itself", function()
    local result = inject(find("renameat", 1), "error=EBUSY")
    assert.same({ "nil", "cannot put in place: " .. path .. ": it is a mount of its own, and a " ..
      "mounted file cannot be replaced: mount the folder it is in instead", "EBUSY" }, result.said)
    assert.equal(0, left_over())
  end)

  it("takes another name when one is taken", function()
    assert.same({ "true", "nil", "nil" }, inject(find("openat", 2), "error=EEXIST").said)
    assert.equal(NEW, file.read(path))
  end)

  it("leaves to the sweep what it cannot take away", function()
    local rename = find("renameat", 1)
    local result = replace(("-e inject=renameat:error=EIO:when=%d -e inject=unlinkat:error=EIO")
      :format(rename.number))
    assert.same("nil", result.said[1])
    assert.equal(OLD, file.read(path))
    assert.equal(1, left_over())
    assert.equal(1, file.sweep(root))
  end)
end)
