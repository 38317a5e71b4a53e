-- `nightjar run`: how it does not start. What it does then is in spec/system.

local cli = require("spec.support.cli")

describe("nightjar run", function()
  it("exits with 1 and the reason when it cannot start", function()
    local result = cli.run { "run", environment = { TMP_DIR = "/dev/null/x",
      DISCOVERY = "file" } }
    assert.equal(1, result.status)
    assert.matches("nightjar: run: .*/dev/null", result.stderr)
  end)

  it("exits with 2 for wrong settings", function()
    local result = cli.run { "run", "--service-port", "x" }
    assert.equal(2, result.status)
    assert.matches("SERVICE_PORT", result.stderr)
  end)

  it("says in its help what each signal does", function()
    local result = cli.run { "run", "--help" }
    assert.equal(0, result.status)
    for _, name in ipairs { "SIGTERM", "SIGHUP", "SIGUSR1", "TRIGGER_STOP_FILE" } do
      assert.is_truthy(result.stdout:find(name, 1, true), name)
    end
  end)
end)
