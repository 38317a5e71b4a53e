-- Huge pages, which count a small heap by two megabytes where everybody gets them: nightjar's own
-- processes go without, those of others have what they would have.

local child = require("host.child")
local clock = require("host.clock")
local file = require("host.file")
local loop = require("host.loop")
local program = require("host.program")
local script = require("spec.support.script")

local NIGHTJAR, PLAN = program.directory .. "/nightjar", program.directory .. "/nightjar-plan"

-- What /proc tells of a process (proc_pid_status(5)): "1" where it may have huge pages.
local function allowed(text) return text:match("THP_enabled:%s*(%d)") end

local function of(process)
  return allowed(assert(file.read(("/proc/%s/status"):format(process), 1 << 16)))
end

if not of("self") then
  pending("huge pages: this kernel does not tell whether a process may have them")
  return
end

-- A program that tells what it may have, by a child or in place of another.
local TELL = { "grep", "THP_enabled", "/proc/self/status" }
-- Words before a program that has been refused them by whoever started it.
local REFUSED = { "python3", "-c", "import ctypes, os, sys; "
  .. "ctypes.CDLL(None).prctl(41, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])" }

-- What a program writes, started by host.child.
local function output(argv)
  local process = assert(child.spawn { argv = argv, stdout = "pipe" })
  local text, deadline = "", clock.monotonic() + 20
  local open = true
  while open or not process:status() do
    assert(clock.monotonic() < deadline, "it does not end")
    for _, event in ipairs(assert(loop.wait(1))) do
      text = text .. (event.data or "")
      open = open and not event.eof
    end
  end
  return text
end

describe("huge pages", function()
  local folder

  before_each(function() folder = script.folder() end)

  after_each(function() script.discard(folder) end)

  -- The words that run Lua text in a nightjar of its own.
  local function running(text)
    local path = folder .. "/script.lua"
    assert(file.write(path, text))
    return { NIGHTJAR, "test", "-o", "TAP", path }
  end

  it("are refused for the agent, and left to the programs that it starts", function()
    assert.same({ "0", "1", "0" }, { of("self"), allowed(output(TELL)), of("self") })
  end)

  it("are refused for nightjar-plan", function()
    local process = assert(child.spawn { argv = { PLAN, "--max-memory-mib", "64",
      "--max-instructions", "1000000" }, stdin = "pipe" })
    local deadline = clock.monotonic() + 20
    while of(process:pid()) ~= "0" do assert(clock.monotonic() < deadline, "it may have them") end
    process:signal("KILL")
  end)

  it("stay refused after a program that could not be started", function()
    assert.is_nil((child.spawn { argv = { folder } }))
    assert.same({ "0", "1" }, { of("self"), allowed(output(TELL)) })
  end)

  it("are given back to a program that takes the agent's place, refused if it does not", function()
    assert.equal("1", allowed(output(running([[
      require("host.child").become { argv = { "grep", "THP_enabled", "/proc/self/status" } }
    ]]))))
    assert.is_nil((child.become { argv = { folder } }))
    assert.equal("0", of("self"))
  end)

  it("are refused to what the agent starts too where the agent was started without", function()
    local words = table.move(running([[
      local child, loop = require("host.child"), require("host.loop")
      local process = assert(child.spawn { argv = { "grep", "THP_enabled", "/proc/self/status" } })
      while not process:status() do loop.wait(1) end
    ]]), 1, 5, #REFUSED + 1, table.move(REFUSED, 1, #REFUSED, 1, {}))
    assert.equal("0", allowed(output(words)))
  end)
end)
