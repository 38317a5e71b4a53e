-- The agent's last resort, each time in a process of its own, which becomes its program anew.
-- With memory that runs out: spec/support/lack_of_memory.lua.

local script = require("spec.support.script")

describe("the last resort", function()
  it("starts the program anew in this very process, and says why", function()
    local result = script.run([[
      local file = require("host.file")
      local marker = os.getenv("TMPDIR") .. "/marker"
      local pid = file.read("/proc/self/stat"):match("^%d+")
      if file.stat(marker) then
        say("anew " .. tostring(file.read(marker) == pid))
      else
        assert(file.write(marker, pid))
        require("nightjar.agent.last_resort").run("the reason")
        say("it came back")
      end
    ]], "env TMPDIR=$(mktemp -d)")
    assert.same({ "anew true" }, result.said)
    assert.matches('level=error event=internal_error reason="the reason"', result.err, 1, true)
    assert.matches("event=restarting", result.err, 1, true)
  end)

  it("gives way to a signal to stop", function()
    local result = script.run([[
      require("host.loop").signals { "TERM" }
      os.execute("kill -TERM $PPID")
      require("nightjar.agent.last_resort").run("the reason")
      say("it came back")
    ]])
    assert.same({ "it came back" }, result.said)
    assert.is_nil(result.err:find("restarting", 1, true))
  end)
end)
