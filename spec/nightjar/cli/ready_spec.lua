-- `nightjar ready` as a health check runs it: what it reads of the state folder, and what it asks a
-- made-up Envoy. What a real one says is in spec/system/readiness_spec.lua.

local cli = require("spec.support.cli")
local file = require("host.file")
local owner = require("nightjar.agent.owner")
local world_of = require("spec.support.world")

-- Answers every request with the text in argv[3] and its status, or never; one that asks who it is
-- with the text in argv[4], if there is one.
local PEER = [[
import http.server, sys, time
status, text = int(sys.argv[2]), sys.argv[3]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if status == 0:
            time.sleep(60)
        self.send_response(status)
        self.end_headers()
        asked = self.path == "/server_info" and len(sys.argv) > 4
        self.wfile.write((sys.argv[4] if asked else text).encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()]]

describe("nightjar ready", function()
  local world, folder, state, port

  -- The agent that runs is this process.
  local function runs()
    cli.write(state .. "/agent.pid", owner.identity("self"))
  end

  local function accepted(text)
    cli.write(state .. "/accepted.json",
      text or '{"format":1,"generation":"c0ffee","paths":["lds.json"]}')
    cli.write(folder .. "/active-envoy-config/lds.json", "{}")
  end

  local function envoy(status, text, info)
    local peer = world:start("peer", { "python3", "-c", PEER, port, status, text, info })
    world_of.eventually(function()
      return os.execute(("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d' 2>/dev/null"):format(port))
    end, 10, "the peer listens")
    return peer
  end

  local function ready(more)
    local environment = { TMP_DIR = folder, ENVOY_ADMIN_PORT = tostring(port) }
    for name, value in pairs(more or {}) do environment[name] = value end
    return cli.run { "ready", environment = environment }
  end

  local function says(status, text, more)
    local result = ready(more)
    assert.equal(text .. "\n", result.stdout)
    assert.equal("", result.stderr)
    assert.equal(status, result.status)
  end

  before_each(function()
    world = world_of.new()
    folder, port = world.directory, world:ports(1)
    state = folder .. "/nightjar-state"
  end)

  after_each(function()
    assert.same({}, world:close())
  end)

  it("is not, without a state folder, and makes none", function()
    says(1, "not ready: no agent runs with " .. state)
    assert.is_nil(file.stat(state))
  end)

  it("is not, with the note of an agent that has ended", function()
    accepted()
    cli.write(state .. "/agent.pid", "1 1")
    says(1, "not ready: no agent runs with " .. state)
  end)

  it("is not before a generation is in force", function()
    runs()
    says(1, "not ready: no generation is in force yet")
  end)

  it("is not when the note of the generation is damaged, which it names", function()
    runs()
    accepted('{"format":1')
    local result = ready()
    assert.equal(1, result.status)
    assert.matches("^not ready: " .. state:gsub("%p", "%%%0") .. "/accepted%.json: ", result.stdout)
  end)

  it("is not when a file of the generation is missing, which it names", function()
    runs()
    accepted()
    os.remove(folder .. "/active-envoy-config/lds.json")
    local result = ready()
    assert.equal(1, result.status)
    assert.matches("not ready: .*active%-envoy%-config/lds%.json: No such file", result.stdout)
  end)

  it("is not when nobody answers on Envoy's admin port", function()
    runs()
    accepted()
    local result = ready()
    assert.equal(1, result.status)
    assert.matches("^not ready: Envoy does not answer: .*127%.0%.0%.1:" .. port, result.stdout)
  end)

  it("is when Envoy is live, without region and credentials", function()
    runs()
    accepted()
    envoy(200, "LIVE\n")
    says(0, "ready: generation c0ffee is in force; Envoy is live")
    says(0, "ready: generation c0ffee is in force; Envoy is live",
      { SERVICE_MEMBER = "srv-1", ENVOY_BIN = "" })
  end)

  it("asks where Envoy says that its admin interface is", function()
    runs()
    accepted()
    envoy(200, "LIVE\n")
    cli.write(state .. "/envoy-admin-address", "127.0.0.1:" .. port)
    says(0, "ready: generation c0ffee is in force; Envoy is live", { ENVOY_ADMIN_PORT = "1" })
  end)

  it("is not when the Envoy that is live is another agent's", function()
    runs()
    accepted()
    envoy(200, "LIVE\n", '{"command_line_options":{"admin_address_path":"/other/address",'
      .. '"base_id":"7","config_path":"/other/envoy-config.yaml"}}')
    says(1, ("not ready: Envoy does not answer: another Envoy answers at 127.0.0.1:%d: base id 7, "
      .. "bootstrap /other/envoy-config.yaml"):format(port))
    says(0, "ready: generation c0ffee is in force; Envoy is live", { ENVOY_BIN = "" })
  end)

  it("is when the Envoy that is live is the agent's own", function()
    runs()
    accepted()
    envoy(200, "LIVE\n", ('{"command_line_options":{"admin_address_path":"%s"}}')
      :format(state .. "/envoy-admin-address"))
    says(0, "ready: generation c0ffee is in force; Envoy is live")
  end)

  for _, word in ipairs { "DRAINING", "PRE_INITIALIZING", "INITIALIZING" } do
    it("is not while Envoy says " .. word .. ", whoever started it", function()
      runs()
      accepted()
      envoy(503, word .. "\n")
      says(1, "not ready: Envoy is " .. word)
      says(1, "not ready: Envoy is " .. word, { ENVOY_BIN = "" })
    end)
  end

  it("is not when another program answers", function()
    runs()
    accepted()
    envoy(200, "<html>hello</html>")
    says(1, "not ready: Envoy does not answer: envoy admin: GET /ready: expected Envoy's state")
  end)

  it("is not when Envoy hangs, and says so within two seconds", function()
    runs()
    accepted()
    local peer = envoy(0, "")
    local clock = require("host.clock")
    for _, binary in ipairs { "envoy", "" } do
      local from = clock.monotonic()
      local result = ready { ENVOY_BIN = binary }
      -- The rest is for a machine under load.
      assert.is_true(clock.monotonic() - from < 3)
      assert.equal(1, result.status)
      assert.matches("^not ready: Envoy does not answer: ", result.stdout)
    end
    world:stop(peer)
  end)

  it("is when a generation is on disk, without an Envoy of its own", function()
    runs()
    accepted()
    says(0, "ready: generation c0ffee is in force; Envoy's admin interface cannot be reached and "
      .. "does not count (ENVOY_BIN is empty)", { ENVOY_BIN = "" })
  end)

  it("says loudly that a generation is pinned, and that a pin is damaged", function()
    runs()
    accepted()
    cli.write(state .. "/pin.json", '{"format":1,"generation":"beef","at":0}')
    says(0, "ready: generation c0ffee is in force; Envoy's admin interface cannot be reached and "
      .. "does not count (ENVOY_BIN is empty); PINNED since 1970-01-01T00:00:00Z to generation "
      .. "beef until `nightjar resume`", { ENVOY_BIN = "" })
    cli.write(state .. "/pin.json", "{")
    assert.matches("PIN NOT READABLE: ", ready({ ENVOY_BIN = "" }).stdout, 1, true)
  end)

  it("changes nothing in the state folder", function()
    runs()
    accepted()
    local function list()
      local stamps = {}
      for _, item in ipairs(assert(file.list(state))) do
        local stat = assert(file.stat(state .. "/" .. item.name))
        stamps[item.name] = ("%d %.9f"):format(stat.inode, stat.mtime)
      end
      return stamps
    end
    local before = list()
    ready()
    assert.same(before, list())
  end)

  it("exits with 2 for wrong settings, and names them", function()
    local result = ready { ENVOY_ADMIN_PORT = "none" }
    assert.equal(2, result.status)
    assert.equal("", result.stdout)
    assert.matches("nightjar: settings: ENVOY_ADMIN_PORT", result.stderr)
  end)
end)
