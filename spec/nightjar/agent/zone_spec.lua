-- Where this container is: the setting, or the metadata of its ECS task.

local http_peer = require("spec.support.http_peer")
local sched = require("nightjar.agent.sched")
local zone = require("nightjar.agent.zone")

-- A metadata endpoint; a task that begins with "mute" never gets an answer.
local SERVER = [[
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/mute"):
            time.sleep(30)
        body = {"/v4/id/task": b'{"AvailabilityZone":"eu-central-1b","Family":"f"}',
                "/v4/fargate/task": b'{"Family":"f"}'}.get(self.path)
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()]]

describe("the own availability zone", function()
  local server, base

  setup(function()
    local port
    server, port = http_peer.program { "python3", "-c", SERVER }
    base = "http://127.0.0.1:" .. port
  end)

  teardown(function() server:signal("KILL") end)

  local function settle(uri, given)
    local settings = { availability_zone = given, environment = {
      ECS_CONTAINER_METADATA_URI_V4 = uri } }
    local started = sched.now()
    sched.run(zone.settle, settings)
    return settings.availability_zone, sched.now() - started
  end

  it("is what the task's metadata says", function()
    assert.equal("eu-central-1b", settle(base .. "/v4/id"))
  end)

  it("is the setting where there is one, and nobody is asked", function()
    assert.equal("here", settle(base .. "/v4/id", "here"))
  end)

  it("is empty where nobody knows it", function()
    assert.equal("", settle(nil))
    for _, uri in ipairs { base .. "/v4/fargate", base .. "/none", "http://127.0.0.1:1",
      "no URL" } do
      assert.equal("", settle(uri), uri)
    end
  end)

  it("is given up after two seconds where the metadata is mute", function()
    local name, seconds = settle(base .. "/mute")
    assert.equal("", name)
    assert.is_true(seconds >= 1.9 and seconds < 10, seconds)
  end)

  it("is asked for once", function()
    local settings = { environment = { ECS_CONTAINER_METADATA_URI_V4 = base .. "/none" } }
    sched.run(zone.settle, settings)
    settings.environment.ECS_CONTAINER_METADATA_URI_V4 = base .. "/v4/id"
    sched.run(zone.settle, settings)
    assert.equal("", settings.availability_zone)
  end)
end)
