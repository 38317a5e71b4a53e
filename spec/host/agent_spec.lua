-- What the program is before any Lua runs.

local file = require("host.file")
local program = require("host.program")
local script = require("spec.support.script")

describe("the program", function()
  local executable = program.directory .. "/nightjar"

  it("ends with the status of its command", function()
    assert.same({ true, "exit", 0 }, { os.execute(executable .. " version >/dev/null") })
    assert.same({ nil, "exit", 2 }, { os.execute(executable .. " no-such-command 2>/dev/null") })
  end)

  it("is hardened and ignores SIGPIPE and SIGXFSZ", function()
    local status = file.read("/proc/self/status")
    assert.equal("1", status:match("NoNewPrivs:%s*(%d)"))
    assert.matches("Max core file size%s+0%s+0", file.read("/proc/self/limits"))
    local ignored = tonumber(status:match("SigIgn:%s*(%x+)"), 16)
    assert.is_true(ignored & (1 << 12) ~= 0, "SIGPIPE, 13")
    assert.is_true(ignored & (1 << 24) ~= 0, "SIGXFSZ, 25")
  end)

  it("never takes a file for a standard descriptor that was closed", function()
    local path = os.tmpname()
    local result = script.run(([[
      local file = require("host.file")
      local kept = assert(io.open(%q, "w"))
      io.stdout:write("not for the file")
      io.stdout:flush()
      io.stderr:write("nor this")
      kept:write("for the file")
      kept:close()
    ]]):format(path), [[sh -c 'exec "$0" "$@" <&- >&- 2>&-']])
    assert.equal("for the file", file.read(path), result.err)
    os.remove(path)
  end)

  it("can require Lua's own libraries and modules on disk", function()
    local result = script.run([[
      say(type(require("lfs").attributes))
      say(type(require("busted.core")))
      say(type(require("nightjar.agent.sched").run))
    ]])
    assert.same({ "function", "function", "function" }, result.said, result.err)
  end)
end)
