-- Specs of the program as a whole: help, wrong use, exit statuses.
local cli = require "spec.support.cli"
local main = require "nightjar.cli.main"

describe("nightjar", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  it("explains itself and each command, to standard output, with status 0", function()
    for _, words in ipairs { { "help" }, { "--help" }, { "-h" } } do
      local got = cli.run(words)
      assert.equal(0, got.status, got.stderr)
      assert.equal("", got.stderr)
      for _, name in ipairs(main.commands) do assert.matches("\n  " .. name .. " ", got.stdout) end
      assert.matches("--service-port PORT", got.stdout, 1, true)
    end
    for _, name in ipairs(main.commands) do
      local got = cli.run { name, "--help" }
      assert.equal(0, got.status, got.stderr)
      assert.matches("^" .. name .. ": ", got.stdout)
      assert.matches("Usage: nightjar [%[]?" .. name, got.stdout)
      assert.same(got, cli.run { "help", name })
    end
  end)

  it("keeps help within a terminal's width", function()
    for line in cli.run({ "help" }).stdout:gmatch("[^\n]+") do
      assert.is_true(utf8.len(line) <= 100, line)
    end
  end)

  it("prints its version", function()
    for _, words in ipairs { { "version" }, { "--version" }, { "check", "--version" } } do
      local got = cli.run(words)
      assert.equal(0, got.status)
      assert.matches("^nightjar %d+%.%d+%.%d+\n$", got.stdout)
    end
  end)

  it("lets no name take hold of the terminal, or forge a line", function()
    local got = cli.run { "explain", "--snapshot", folder .. "/\27[31m\nnightjar: ok" }
    assert.equal("nightjar: explain: cannot read: " .. folder
      .. "/\\x1b[31m\\nnightjar: ok: No such file or directory\n", got.stderr)
    got = cli.run { "\27[2Jx" }
    assert.equal("nightjar: \\x1b[2Jx: unknown command; `nightjar help` lists them\n", got.stderr)
  end)

  it("names what it does not know, with the nearest known one", function()
    cli.write(folder .. "/nightjar.yaml", "servce_port: 1\n")
    local cases = {
      { { "chek" }, "chek: unknown command; did you mean check?; `nightjar help` lists them" },
      { { "--servce-port", "80" },
        "run: --servce-port: unknown flag; did you mean --service-port?" },
      { { "help", "chek" }, "help: chek: unknown command; did you mean check?" },
      { { "config", "--jsno" }, "config: --jsno: unknown flag; did you mean --json?" },
      { { "--servce-port=1" }, "run: --servce-port: unknown flag; did you mean --service-port?" },
      { { "discover", "x" }, "discover: x: unexpected word; usage: nightjar discover "
        .. "[--debug-http] [settings]" },
      { { "config", "--config", folder .. "/nightjar.yaml" }, "settings: \"servce_port\" (file "
        .. folder .. "/nightjar.yaml): unknown key; did you mean \"service_port\"?" },
    }
    for _, case in ipairs(cases) do
      local got = cli.run(case[1])
      assert.equal(2, got.status)
      assert.equal("", got.stdout)
      assert.equal("nightjar: " .. case[2] .. "\n", got.stderr)
    end
    local got = cli.run { "config", environment = { SERVCE_PORT = 1 } }
    assert.equal(0, got.status)
    assert.equal("nightjar: settings: warning: SERVCE_PORT (environment): unknown variable; "
      .. "did you mean SERVICE_PORT?\n", got.stderr)
  end)

  it("refuses wrong settings with status 2, all at once", function()
    local got = cli.run { "run", "--log-format", "xml", environment = { SERVICE_PORT = "abc" } }
    assert.equal(2, got.status)
    assert.equal('nightjar: settings: SERVICE_PORT (environment): expected a port from 1 to '
      .. '65535, got "abc"\nnightjar: settings: LOG_FORMAT (flag): expected one of logfmt, json, '
      .. 'got "xml"\n', got.stderr)
  end)

  it("names a configuration file that cannot be read or parsed", function()
    local got = cli.run { "config", environment = { NIGHTJAR_CONFIG = folder .. "/none" } }
    assert.equal(2, got.status)
    assert.matches("^nightjar: settings: NIGHTJAR_CONFIG %(environment%): cannot read: "
      .. folder:gsub("%p", "%%%0") .. "/none: No such file", got.stderr)
    cli.write(folder .. "/bad.yaml", "a: [1\n")
    got = cli.run { "config", "--config", folder .. "/bad.yaml" }
    assert.equal(2, got.status)
    assert.matches("NIGHTJAR_CONFIG (flag): " .. folder .. "/bad.yaml: ", got.stderr, 1, true)
  end)

  it("refuses what makes no sense together, or is no text", function()
    local got = cli.run { "discover", "--debug-http", "--discovery", "file" }
    assert.equal("nightjar: discover: --debug-http: DISCOVERY=file makes no requests\n", got.stderr)
    got = cli.run { "config", environment = { SERVICE_MEMBER = "a\nb" } }
    assert.equal("nightjar: settings: SERVICE_MEMBER (environment): expected text without control "
      .. 'characters, got "a\\nb"\n', got.stderr)
    assert.equal(2, got.status)
  end)

  it("takes flags before the command too", function()
    local got = cli.run { "--service-port", "81", "config" }
    assert.equal(0, got.status, got.stderr)
    assert.matches("SERVICE_PORT +81 +flag\n", got.stdout)
  end)

  it("fails when its output cannot be written", function()
    local status = select(3, os.execute(("%s help >/dev/full 2>/dev/null"):format(
      require("host.program").directory .. "/nightjar")))
    assert.equal(1, status)
  end)
end)
