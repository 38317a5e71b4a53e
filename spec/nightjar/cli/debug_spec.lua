-- `nightjar debug`: what it asks for, and what it says. Whom it asks is in spec/system/debug_spec.

local cli = require("spec.support.cli")
local owner = require("nightjar.agent.owner")
local request = require("nightjar.agent.debug_request")

describe("nightjar debug", function()
  local folder, state

  before_each(function()
    folder = cli.folder()
    state = folder .. "/nightjar-state"
  end)

  after_each(function() cli.remove(folder) end)

  -- The agent that runs is this process.
  local function runs()
    cli.write(state .. "/agent.pid", owner.identity("self"))
  end

  local function debug(...)
    local words = { "debug", ... }
    words.environment = { TMP_DIR = folder }
    return cli.run(words)
  end

  it("says that no agent runs, and asks nobody", function()
    local got = debug("300")
    assert.equal(1, got.status)
    assert.equal(("nightjar: debug: no agent runs with %s\n"):format(state), got.stderr)
    assert.is_nil(request.read(state))
    got = debug()
    assert.equal(0, got.status)
    assert.equal(("off: no agent runs with %s\n"):format(state), got.stdout)
  end)

  it("turns it on for a time, says whether it is on, and turns it off", function()
    runs()
    assert.equal("off: the agent logs at its LOG_LEVEL\n", debug().stdout)
    assert.matches("^on for 300 seconds, until %d+%-%d+%-%d+T[%d:]+Z; ", debug("300").stdout)
    assert.equal(300, request.read(state).seconds)
    assert.matches("^on for %d+ more seconds, until ", debug().stdout)
    assert.equal("off: the agent logs at its LOG_LEVEL again\n", debug("off").stdout)
    assert.is_nil(request.read(state))
    assert.equal("it was not on\n", debug("off").stdout)
  end)

  it("names a word that is neither a time nor off", function()
    runs()
    for _, word in ipairs { "on", "0", "86401", "1.5", "-3", "999999" } do
      local got = debug("--", word)
      assert.equal(2, got.status, word)
      assert.matches("expected seconds from 1 to 86400, or off\n$", got.stderr)
      assert.is_nil(request.read(state))
    end
  end)

  it("is for the agent's user and root alone", function()
    runs()
    assert(os.execute(("chmod 755 %s %s"):format(folder, state)))
    -- Another user, where this one may become it.
    if not os.execute("setpriv --reuid=65534 --clear-groups true 2>/dev/null") then
      return pending("setpriv needs root here")
    end
    local program = require("host.program").directory .. "/nightjar"
    local command = "TMP_DIR=%s setpriv --reuid=65534 --clear-groups %s debug 300 2>&1"
    local pipe = assert(io.popen(command:format(folder, program)))
    local said = pipe:read("a")
    pipe:close()
    assert.matches("only the agent's user and root may do this\n$", said)
    assert.is_nil(request.read(state))
  end)
end)
