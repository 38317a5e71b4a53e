-- The shipped templates, rendered by the real nightjar-plan from a mesh file, in a real Envoy.

local echo = require("spec.support.echo")
local file = require("host.file")
local json = require("host.json")
local program = require("host.program")
local sched = require("nightjar.agent.sched")
local share = require("spec.support.share")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("the templates: " .. missing)
  return
end

local REQUESTS = 8000 -- five standard deviations are 2.8 points at most
local HAS_IPV6 = (file.read("/proc/net/if_inet6") or ""):find("%f[%x]0+1%s") ~= nil

describe("the shipped templates", function()
  local world, envoy, port, public, admin, ports, folder, mesh, environment

  local function service(name, attributes, ...)
    local instances = {}
    for i, endpoint in ipairs { ... } do
      endpoint.id = name .. "-" .. i
      instances[i] = endpoint
    end
    return { name = name, attributes = attributes, instances = json.array(instances) }
  end

  local function local_mesh()
    local function at(name, key)
      return { [key or "ipv4"] = key == "ipv6" and "::1" or key and "localhost" or "127.0.0.1",
        port = ports[name] }
    end
    return { member = "me", namespaces = {
      { name = "own.local", own = true, services = {
        service("me", { ["/me"] = 1 }),
        service("web-blue", { SERVICE = "web", COLOR = "blue", ["/"] = 90 }, at("blue")),
        service("web-green", { SERVICE = "web", COLOR = "green", ["/"] = 10 }, at("green")),
        service("ab", { ["/ab"] = 1 }, at("green")),
        service("tilde", { ["/%7Euser"] = 1, ["/t/%5A"] = 1 }, at("green")),
        service("six", { ["/six"] = 1 }, at("six", "ipv6")),
        service("two", { ["/two"] = 1, HTTP2 = "yes" }, at("blue")),
        service("named", { ["/named"] = 1 }, at("green", "host")),
        service("emptied", { ["/emptied"] = 1 }),
        service("half", { ["/half"] = 1 }, at("dead"), at("blue")),
        service("hangup", { ["/hangup"] = 1 }, at("hangup")),
      } },
      { name = "other.local", services = {
        service("open", { ["/open"] = 1, ["[private]/closed"] = 1 }, at("blue")),
      } },
      { name = "bare.local", services = json.array {} },
    } }
  end

  local function nightjar(arguments)
    local words = { "env" }
    for name, value in pairs(environment) do
      words[#words + 1] = ("%s='%s'"):format(name, value)
    end
    table.sort(words, function(a, b) return a == "env" and b ~= "env" or b ~= "env" and a < b end)
    words[#words + 1] = program.directory .. "/nightjar " .. arguments
    local log = world.directory .. "/nightjar.log"
    local ok = os.execute(table.concat(words, " ") .. " 2>>" .. log)
    assert(ok, arguments .. ": " .. (file.read(log) or ""))
  end

  -- As the agent does: each file is moved into place. The order is left to Envoy's luck, so a
  -- spec that publishes twice adds nothing that a route could name too early.
  local function publish()
    assert(file.write(world.directory .. "/mesh.yaml", assert(json.encode(mesh))))
    local snapshot = world.directory .. "/snapshot.json"
    nightjar("discover >" .. snapshot)
    nightjar("render --snapshot " .. snapshot .. " --output " .. folder .. " >/dev/null")
  end

  local function url(path, at)
    return ("http://127.0.0.1:%d%s"):format(at or port, path)
  end

  local function get(path, at)
    return world:get(url(path, at))
  end

  local function request(options)
    return sched.run(function()
      options.timeout = 10
      return assert(sched.http(options))
    end)
  end

  local function statistics(path)
    return select(2, world:get(("http://127.0.0.1:%d%s"):format(admin, path)))
  end

  local function loud(log)
    local lines = {}
    for line in log:gmatch("[^\n]+") do
      for _, mark in ipairs { "][warning][", "][error][", "][critical][", "Deprecated" } do
        if line:find(mark, 1, true) then
          lines[#lines + 1] = line
          break
        end
      end
    end
    return table.concat(lines, "\n")
  end

  setup(function()
    world = world_of.new()
    ports = {}
    local bare
    port, public, bare, admin, ports.blue, ports.green, ports.six, ports.dead, ports.hangup =
      world:ports(9)
    local backends = {
      { name = "blue", address = "127.0.0.1", port = ports.blue },
      { name = "green", address = "127.0.0.1", port = ports.green },
    }
    if HAS_IPV6 then
      backends[3] = { name = "six", address = "::1", port = ports.six }
    end
    echo.start(world, backends)
    folder = world.directory .. "/tmp/active-envoy-config"
    environment = { DISCOVERY = "file", MESH_FILE = world.directory .. "/mesh.yaml",
      TMP_DIR = world.directory .. "/tmp", SERVICE_PORT = port, ENVOY_ADMIN_PORT = admin,
      NAMESPACE_0 = "other.local", NAMESPACE_0_PORT = public,
      NAMESPACE_1 = "bare.local", NAMESPACE_1_PORT = bare }
    ports.bare = bare
    mesh = local_mesh()
    publish()
    envoy = world:start("envoy", { "envoy", "-c", folder .. "/envoy-config.yaml",
      "--base-id", admin, "--concurrency", "2" })
    world.eventually(function() return get("/ping") == 200 end, 20, "the listener answers")
  end)

  teardown(function()
    local left = world:close()
    os.remove("/dev/shm/envoy_shared_memory_" .. admin * 10)
    assert.are.same({}, left)
  end)

  it("load without a warning, a deprecation or an error", function()
    assert.are.equal("", loud(world:log(envoy)))
    assert.is_truthy(world:log(envoy):find("starting workers", 1, true))
  end)

  it("speak v3 alone, connect within a second, watch outliers, keep admin local (defect 17)",
    function()
      local text = ""
      for _, path in ipairs { "cds.json", "lds.json", ("rds/private-%d.json"):format(port) } do
        text = text .. file.read(folder .. "/" .. path)
      end
      assert.is_nil(text:find("envoy%.api%.v2") or text:find("%.v2%."))
      local clusters = json.decode(file.read(folder .. "/cds.json")).resources
      assert.is_true(#clusters > 5)
      for _, cluster in ipairs(clusters) do
        assert.are.equal("1s", cluster.connect_timeout)
        assert.is_table(cluster.outlier_detection)
      end
      local pipe = assert(io.popen("ss -Hltn"))
      local listening = pipe:read("a")
      pipe:close()
      assert.is_truthy(listening:find("127.0.0.1:" .. admin, 1, true))
      assert.is_nil(listening:find("0.0.0.0:" .. admin, 1, true))
    end)

  it("share a path by weight", function()
    local seen = world:split(url("/"), REQUESTS)
    assert.is_nil(share.fault({ blue = 0.9, green = 0.1 }, seen, REQUESTS))
  end)

  it("answer the ping on every listener, and keep it out of the access log", function()
    for _, at in ipairs { port, public, ports.bare } do
      assert.are.equal(200, (get("/ping", at)))
    end
    get("/ab?secret=1")
    local out = world.eventually(function()
      local text = file.read(envoy.base .. ".out") or ""
      return text:find('"path":"/ab"', 1, true) and text
    end, 15, "the access log is written")
    assert.is_nil(out:find("/ping", 1, true))
    assert.is_nil(out:find("secret", 1, true))
    assert.is_truthy(json.decode(out:match("[^\n]+")))
  end)

  it("answer 503 on the ping once health is failed, so that a drain is seen", function()
    request { method = "POST", url = ("http://127.0.0.1:%d/healthcheck/fail"):format(admin) }
    local status = get("/ping")
    request { method = "POST", url = ("http://127.0.0.1:%d/healthcheck/ok"):format(admin) }
    assert.are.equal(503, status)
    assert.are.equal(200, (get("/ping")))
  end)

  it("reach endpoints by IPv6", function()
    if not HAS_IPV6 then
      pending("this machine has no ::1")
      return
    end
    local status, body = get("/six")
    assert.are.same({ 200, "six" }, { status, body })
  end)

  it("reach HTTP/2 services by HTTP/2, and others by HTTP/1.1", function()
    local _, _, headers = get("/two")
    assert.are.equal("HTTP/2", headers["x-protocol"])
    _, _, headers = get("/ab")
    assert.are.equal("HTTP/1.1", headers["x-protocol"])
  end)

  it("reach endpoints by host name", function()
    local status, body = get("/named")
    assert.are.same({ 200, "green" }, { status, body })
  end)

  it("have a listener without routes answer 404", function()
    assert.are.equal(404, (get("/", ports.bare)))
  end)

  it("show another mesh's public paths only", function()
    assert.are.equal(200, (get("/open", public)))
    assert.are.equal(404, (get("/closed", public)))
  end)

  it("answer 503 for a service without endpoints", function()
    assert.are.equal(503, (get("/emptied")))
  end)

  it("end a prefix at a path segment", function()
    for path, seen in pairs { ["/ab"] = "/ab", ["/ab/c"] = "/ab/c", ["/ab?x"] = "/ab?x" } do
      local _, body, headers = get(path)
      assert.are.same({ "green", seen }, { body, headers["x-path"] })
    end
    assert.are.equal(404, (get("/openx", public)))
    local seen = world:split(url("/abc"), 100)
    assert.is_true((seen.blue or 0) > 50, "goes to the root route, which is mostly blue")
  end)

  it("normalise a path before they look for its route", function()
    for _, path in ipairs { "//ab", "/ab///", "/x/%2e%2e/ab", "/%61b" } do
      local status, body = get(path)
      assert.are.same({ path, 200, "green" }, { path, status, body })
    end
  end)

  it("answer on a path whose key is escaped needlessly, however it is asked for", function()
    for _, path in ipairs { "/%7Euser", "/~user", "/%7euser/x", "/t/Z", "/t/%5a" } do
      local status, body = get(path)
      assert.are.same({ 200, "green" }, { status, body }, path)
    end
  end)

  it("take an escaped slash as data inside the mesh, and redirect it at the edge", function()
    local _, _, headers = get("/ab/x%2Fy")
    assert.are.equal("/ab/x%2Fy", headers["x-path"])
    local status, _, redirect = get("/open/x%2Fy", public)
    assert.are.same({ 307, "/open/x/y" }, { status, redirect.location })
  end)

  it("let headers with underscores pass inside the mesh, and refuse them at the edge", function()
    local headers = { { "x_user", "me" } }
    assert.are.equal(200, request { method = "GET", url = url("/ab"), headers = headers }.status)
    assert.are.equal(400,
      request { method = "GET", url = url("/open", public), headers = headers }.status)
  end)

  it("leave x-forwarded-for alone inside the mesh, and add the peer at the edge", function()
    local headers = { { "x-forwarded-for", "192.0.2.7" } }
    local answer = request { method = "GET", url = url("/ab"), headers = headers }
    assert.are.equal("192.0.2.7", answer.headers["x-from"])
    answer = request { method = "GET", url = url("/open", public), headers = headers }
    assert.is_truthy(answer.headers["x-from"]:find("^192%.0%.2%.7, ?%S+$"))
  end)

  it("try another endpoint when one cannot be reached", function()
    local seen = world:split(url("/half"), 200)
    assert.are.same({ blue = 200 }, seen)
  end)

  it("never send a request again that an endpoint has read", function()
    local hangup = world:start("hangup", { "python3", "spec/support/hangup.py", ports.hangup })
    world.eventually(function()
      return get("/hangup") == 503 and (file.read(hangup.base .. ".out") or "") ~= ""
    end, 10, "the backend that hangs up is asked")
    local before = select(2, file.read(hangup.base .. ".out"):gsub("\n", "\n"))
    local answer = request { method = "POST", url = url("/hangup"), body = "x" }
    assert.are.equal(503, answer.status)
    local after = file.read(hangup.base .. ".out")
    assert.are.equal(before + 1, select(2, after:gsub("\n", "\n")))
    world:stop(hangup)
  end)

  it("give Prometheus the whole name of a cluster, dots and all", function()
    local text = statistics("/stats/prometheus?filter=upstream_rq_total")
    assert.is_truthy(text:find('envoy_cluster_upstream_rq_total{envoy_cluster_name="ab@own.local"}',
      1, true), text)
  end)

  it("cost one inotify instance for each file that Envoy watches", function()
    local pipe = assert(io.popen(("ls -l /proc/%d/fd | grep -c inotify"):format(envoy.pid)))
    assert.are.equal(2 + 3, pipe:read("n"), "CDS, LDS, and the routes of three listeners")
    pipe:close()
  end)

  it("change no listener with weights, routes and endpoints, and are taken up", function()
    local before = file.read(folder .. "/lds.json")
    local services = mesh.namespaces[1].services
    services[2].attributes["/"], services[3].attributes["/"] = 0, 1
    services[3].instances[2] = { id = "more", ipv4 = "127.0.0.1", port = ports.green }
    services[4].attributes["/new"] = 1
    publish()
    assert.are.equal(before, file.read(folder .. "/lds.json"))
    local routes = ("rds/private-%d.json"):format(port)
    for path, name in pairs { ["cds.json"] = "cluster_manager.cds.version_text",
      [routes] = ("http.private-%d.rds.private-%d.version_text"):format(port, port) } do
      local version = json.decode(file.read(folder .. "/" .. path)).version_info
      world.eventually(function()
        return statistics("/stats?filter=version_text"):find(name .. ': "' .. version, 1, true)
      end, 5, path .. " is taken up")
    end
    assert.are.same({ green = 100 }, world:split(url("/"), 100))
    assert.are.equal(200, (get("/new")))
    assert.are.equal("", loud(world:log(envoy)))
  end)
end)
