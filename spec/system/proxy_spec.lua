-- Calls through a real HTTP proxy: what only the proxy can find is found through it, and what must
-- not go through it does not.

local cli = require("spec.support.cli")
local file = require("host.file")
local json = require("host.json")
local moto = require("spec.support.moto")
local proxy_of = require("spec.support.proxy")
local world_of = require("spec.support.world")

local ARN = "arn:aws:servicediscovery:eu-central-1:123456789012:"
local NAME_SERVER = "127.53.53.54"

local function missing()
  if moto.missing() or proxy_of.missing() then return moto.missing() or proxy_of.missing() end
  if not os.execute("unshare --mount true 2>/dev/null") then
    return "needs the right to make namespaces"
  end
  if not os.execute("command -v tinyproxy >/dev/null 2>&1") then
    return "no tinyproxy: `make test` installs it"
  end
end
if missing() then
  pending("calls through a proxy: " .. missing())
  return
end

describe("calls through a proxy", function()
  local world, endpoint, door, plain_port, proxy, log

  -- A proxy in a mount namespace of its own: its name server knows the endpoint's name, ours not.
  local function start_proxy()
    local folder = world.directory
    assert(file.write(folder .. "/resolv.conf", "nameserver " .. NAME_SERVER .. "\n"))
    local server = world:start("dns", { "python3", "spec/support/dns.py", NAME_SERVER,
      folder .. "/mute" })
    world.eventually(function()
      return (file.read(server.base .. ".out") or ""):find("ready")
    end, 5, "the name server answers")
    local port = world:ports(1)
    log = folder .. "/tinyproxy.log"
    assert(file.write(folder .. "/tinyproxy.conf", ([[
Port %d
Listen 127.0.0.1
Timeout 20
LogFile "%s"
LogLevel Connect
Allow 127.0.0.1
]]):format(port, log)))
    world:start("tinyproxy", { "unshare", "--mount", "sh", "-c",
      'mount --bind "$1" /etc/resolv.conf && exec tinyproxy -d -c "$2"', "sh",
      folder .. "/resolv.conf", folder .. "/tinyproxy.conf" })
    proxy = "http://127.0.0.1:" .. port
    world.eventually(function() return world:get(proxy .. "/") end, 10, "the proxy listens")
  end

  setup(function()
    world = world_of.new()
    endpoint = moto.faulty()
    endpoint:state { namespaces = { { Id = "ns-1", Name = "corp.local", HttpName = "corp.local",
      Arn = ARN .. "namespace/ns-1" } },
      services = { { Id = "srv-web", Name = "web", NamespaceId = "ns-1",
        Arn = ARN .. "service/srv-web", Attributes = { ["/web"] = "1" },
        Instances = json.array {} } },
      credentials = { status = 200, body = { AccessKeyId = "ASIAEXAMPLE", SecretAccessKey = "sssss",
        Token = "t", Expiration = "2099-01-01T00:00:00Z" } } }
    plain_port = endpoint.endpoint:match(":(%d+)$")
    door = proxy_of.new(world, "127.0.0.1:" .. plain_port)
    start_proxy()
  end)

  teardown(function()
    endpoint:stop()
    assert.are.same({}, world:close())
  end)

  local function discover(environment)
    local all = { SERVICE_MEMBER = "srv-web", AWS_REGION = "eu-central-1", HOME = "/nonexistent",
      AWS_ACCESS_KEY_ID = "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY = "sssss", AWS_MAX_ATTEMPTS = 1,
      AWS_CA_BUNDLE = door.ca_file }
    for name, value in pairs(environment) do all[name] = value or nil end -- false: without it
    return cli.run { "discover", environment = all }
  end

  local function with_tls(environment)
    environment.AWS_ENDPOINT_URL = ("https://%s:%d"):format(proxy_of.NAME, door.port)
    return discover(environment)
  end

  local function without_tls(environment)
    environment.AWS_ENDPOINT_URL = ("http://%s:%d"):format(proxy_of.NAME, plain_port)
    return discover(environment)
  end

  local function passed(result)
    assert.are.equal(0, result.status, result.stderr)
    assert.matches('"name": "web"', result.stdout, 1, true)
  end

  local function not_found(result)
    assert.are.equal(1, result.status)
    assert.matches("resolve host", result.stderr)
  end

  it("reach an endpoint that only the proxy can find, by a tunnel, host prefix and all", function()
    not_found(with_tls {})
    passed(with_tls { HTTPS_PROXY = proxy })
    passed(with_tls { https_proxy = proxy })
    local asked = assert(file.read(log))
    assert.matches("CONNECT " .. proxy_of.NAME .. ":" .. door.port, asked, 1, true)
    assert.matches("CONNECT data-" .. proxy_of.NAME .. ":" .. door.port, asked, 1, true)
  end)

  it("trust the endpoint's certificate through the tunnel, nobody else's", function()
    local result = with_tls { HTTPS_PROXY = proxy, AWS_CA_BUNDLE = door.folder .. "/stranger.pem" }
    assert.are.equal(1, result.status)
    assert.matches("certificate", result.stderr)
  end)

  it("go through HTTP_PROXY where the endpoint is plain, in letters of both sizes", function()
    not_found(without_tls {})
    passed(without_tls { http_proxy = proxy })
    passed(without_tls { HTTP_PROXY = proxy })
    not_found(without_tls { HTTPS_PROXY = proxy })
  end)

  it("go past the proxy for the names in NO_PROXY", function()
    not_found(with_tls { HTTPS_PROXY = proxy, NO_PROXY = "example.com,.nightjar.test" })
    not_found(without_tls { HTTP_PROXY = proxy, no_proxy = proxy_of.NAME .. ",data-"
      .. proxy_of.NAME })
    passed(with_tls { HTTPS_PROXY = proxy, NO_PROXY = "example.com" })
  end)

  it("never ask the proxy for keys", function()
    local result = without_tls { HTTP_PROXY = proxy, AWS_ACCESS_KEY_ID = false,
      AWS_SECRET_ACCESS_KEY = false,
      AWS_CONTAINER_CREDENTIALS_FULL_URI = endpoint.endpoint .. "/keys-of-the-task" }
    passed(result)
    assert.not_matches("keys-of-the-task", assert(file.read(log)), 1, true)
  end)

  it("name a proxy that is away, without its password", function()
    local result = with_tls { HTTPS_PROXY = "http://me:hunter2@127.0.0.1:1" }
    assert.are.equal(1, result.status)
    assert.matches("GetService: ConnectionError: .*connect", result.stderr)
    assert.not_matches("hunter2", result.stderr, 1, true)
  end)
end)
