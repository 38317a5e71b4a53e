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

  it("exits with 2 where nobody knows the region", function()
    -- A folder in which no agent has ever served, as the default may not be.
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    local result = cli.run { "run", environment = { SERVICE_MEMBER = "srv-1", HOME = "/nonexistent",
      TMP_DIR = folder, AWS_EC2_METADATA_DISABLED = "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT = "http://127.0.0.1:1" } }
    assert.equal(2, result.status)
    assert.matches("no AWS region: set AWS_REGION, or `region` in the profile; instance metadata: ",
      result.stderr, 1, true)
  end)

  it("goes on with what it has where it has served before and the instance is mute", function()
    local folder = cli.folder()
    cli.write(folder .. "/nightjar-state/snapshot.json", "{}")
    cli.write(folder .. "/stop.txt", "")
    -- The stop file is looked for once the agent runs; it is made again until that ends it.
    local toucher = assert(io.popen(("while cd %s; do : >stop.txt; sleep 0.2; done 2>/dev/null")
      :format(folder), "w"))
    local result = cli.run { "run", environment = { SERVICE_MEMBER = "srv-1", HOME = "/nonexistent",
      TMP_DIR = folder, TRIGGER_STOP_FILE = folder .. "/stop.txt", ENVOY_BIN = "",
      AWS_EC2_METADATA_DISABLED = "false",
      AWS_EC2_METADATA_SERVICE_ENDPOINT = "http://127.0.0.1:1" } }
    cli.remove(folder)
    toucher:close()
    assert.equal(0, result.status, result.stderr)
    assert.matches("level=warn event=region_unknown", result.stderr, 1, true)
    assert.matches("event=stopped", result.stderr, 1, true)
  end)

  describe("with DEBUG_CONTAINER", function()
    local function debug(value, ...)
      return cli.run { input = "echo in a shell; exit 3", environment = { DEBUG_CONTAINER = value,
        SERVICE_PORT = "wrong" }, ... }
    end

    it("is a shell instead, even where the settings are wrong, and ends as that does", function()
      for _, words in ipairs { { "run" }, {} } do
        local result = debug("1", table.unpack(words))
        assert.equal("in a shell\n", result.stdout)
        assert.equal(3, result.status)
        assert.matches("DEBUG_CONTAINER: /bin/bash runs instead of the agent", result.stderr, 1,
          true)
      end
    end)

    it("is itself where that is off", function()
      for _, value in ipairs { "0", "no", "false", "", " " } do
        local result = debug(value, "run")
        assert.equal(2, result.status)
        assert.matches("SERVICE_PORT", result.stderr, 1, true)
      end
    end)

    it("leaves every other command alone, such as a health check", function()
      local result = debug("1", "version")
      assert.matches("^nightjar %d", result.stdout)
    end)
  end)

  it("says in its help what each signal does", function()
    local result = cli.run { "run", "--help" }
    assert.equal(0, result.status)
    for _, name in ipairs { "SIGTERM", "SIGHUP", "SIGUSR1", "TRIGGER_STOP_FILE" } do
      assert.is_truthy(result.stdout:find(name, 1, true), name)
    end
  end)
end)
