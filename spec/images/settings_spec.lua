-- Every setting, given to the images' entry point as an operator gives it, and what comes of it.
-- SERVICE_MEMBER, NAMESPACE_x and the rest of what needs AWS: spec/images/main_job_spec.lua.

local cli = require("spec.support.cli")
local json = require("host.json")
local podman = require("spec.support.podman")
local schema = require("nightjar.settings.schema")
local world_of = require("spec.support.world")

local missing = podman.missing()
if missing then
  pending("settings in the images: " .. missing)
  return
end

-- A value for each that is not its default, and how `nightjar config` shows it.
local VALUES = {
  SERVICE_MEMBER = { "srv-1234" }, SERVICE_PORT = { "18080", 18080 },
  ENVOY_ADMIN_PORT = { "19901", 19901 }, PING_PATH = { "/alive" }, DISCOVERY = { "file" },
  MESH_FILE = { "/etc/nightjar/mesh.json" }, REFRESH_TIME = { "0.5", 0.5 },
  LIST_TIME = { "0", 0 }, ATTRIBUTES_TIME = { "600", 600 },
  EXIT_ON_GENERATION_FAILURE = { "yes", true }, FAILURE_SLEEP = { "1", 1 },
  ENVOY_TEMPLATE_DIR = { "/etc/nightjar/templates" }, POLICY_DIR = { "/etc/nightjar/policies" },
  ENVOY_CONFIGURATION_FILE = { "my-envoy.yaml" }, TMP_DIR = { "/writable" },
  TRIGGER_STOP_FILE = { "/writable/halt" }, ENVOY_PID_FILE = { "/writable/my.pid" },
  ENVOY_BIN = { "/etc/nightjar/my-envoy" }, ENVOY_LOG_LEVEL = { "debug" },
  ENVOY_BASE_ID = { "7", 7 }, SERVICE_CONTAINER_NAME = { "shop" },
  AVAILABILITY_ZONE = { "eu-central-1c" }, STOP_TIMEOUT = { "2", 2 },
  STATUS_ADDRESS = { "127.0.0.1:9902" }, SNAPSHOT_STORE = { "s3://bucket/prefix" },
  LOG_LEVEL = { "debug" }, LOG_FORMAT = { "json" },
  HOOK = { "/etc/nightjar/my-envoy" }, HOOK_TIMEOUT = { "2", 2 }, API_CONCURRENCY = { "3", 3 },
  PLAN_MAX_MEMORY = { "64", 64 }, PLAN_MAX_INSTRUCTIONS = { "200000000", 200000000 },
  PLAN_MAX_CPU = { "2", 2 }, PLAN_DEADLINE = { "20", 20 }, DEBUG_CONTAINER = { "1", true },
  NIGHTJAR_CONFIG = { "/etc/nightjar/nightjar.yaml" },
}

describe("a setting given to an image", function()
  local folder, container

  setup(function()
    -- What an operator mounts: a mesh, templates, policies, a file of settings, an Envoy.
    folder = cli.folder()
    cli.write(folder .. "/mesh.json", json.encode { member = "me", namespaces = json.array { {
      name = "mesh.local", own = true, services = json.array { { name = "web",
        attributes = { ["/web"] = 3 },
        instances = json.array { { id = "a", ipv4 = "127.0.0.1", port = 1 } } },
        { name = "me", instances = json.array {} } } } } })
    cli.write(folder .. "/nightjar.yaml", "ping_path: /from-the-file\n")
    assert(os.execute(([[
      chmod 755 %s && cd %s && cp -R "$OLDPWD/policies" "$OLDPWD/templates" . &&
      ln -s /usr/local/bin/envoy my-envoy &&
      mv templates/envoy-config.yaml.mustache templates/my-envoy.yaml.mustache &&
      echo 'made for {{service_container_name}}' >templates/note.txt.mustache &&
      sed -i 's/"weights"/"weights", "mine"/' policies/init.lua && mkdir broken]])
      :format(folder, folder)))
    cli.write(folder .. "/policies/mine.lua", [[
      return { about = "gives weight 77 in a zone of ours", apply = function(mesh)
        for _, listener in ipairs(mesh.listeners) do
          for _, route in ipairs(listener.routes) do
            if mesh.zone == "eu-central-1c" then route.clusters[1].weight = 77 end
          end
        end
        return mesh
      end }]])
    cli.write(folder .. "/broken/init.lua", "return nothing.at_all\n")
  end)

  teardown(function()
    cli.remove(folder)
  end)

  after_each(function()
    if container then
      container:remove()
      container = nil
    end
  end)

  local function mounted()
    return ("--volume=%s:/etc/nightjar:ro"):format(folder)
  end

  -- With /writable to write to, and nobody else's ports.
  local function start(names, more)
    local environment = {}
    for _, name in ipairs(names) do
      environment[name] = VALUES[name][1]
    end
    for name, value in pairs(more or {}) do
      environment[name] = value
    end
    container = podman.start(podman.image("sidecar"), { environment = environment, options = {
      "--network=none", "--tmpfs=/writable:mode=1777", mounted() } })
    return container
  end

  local function get(port, path)
    return (container:exec("bash", "-c", [[exec 3<>"/dev/tcp/127.0.0.1/$0" &&
      printf 'GET %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n' "$1" >&3 && cat <&3]],
      port, path))
  end

  local function read(path)
    return (container:exec("cat", path))
  end

  it("is taken from the environment, each of them, by its own name", function()
    local argv = { "run", "--rm", "--network=none", "--no-healthcheck", mounted() }
    for name, value in pairs(VALUES) do
      argv[#argv + 1] = ("--env=%s=%s"):format(name, value[1])
    end
    for _, word in ipairs { "--env=NAMESPACE_0=other.local", "--env=NAMESPACE_0_PORT=9090",
      "--env=NAMESPACE_99=ns-99", "--env=NAMESPACE_99_PORT=9099", "--env=AWS_PROFILE=work",
      "--env=AWS_REGION=eu-west-3", podman.image("sidecar"), "config", "--json" } do
      argv[#argv + 1] = word
    end
    local output = podman.must(table.unpack(argv))
    -- What the container says on standard error may come before it or after.
    local shown = assert(json.decode(output:match("({\n.*\n})")), output).settings
    for _, entry in ipairs(schema.entries) do
      local given = VALUES[entry.name]
      if not entry.aws then
        assert(given, entry.name .. " is not tried in the images")
        assert.are.same({ source = "environment", value = given[2] or given[1] },
          shown[entry.name], entry.name)
      end
    end
    for name, value in pairs { NAMESPACE_0 = "other.local", NAMESPACE_99 = "ns-99",
      AWS_PROFILE = "work", AWS_REGION = "eu-west-3" } do
      assert.are.same({ source = "environment", value = value }, shown[name], name)
    end
    assert.are.equal(9090, tonumber(shown.NAMESPACE_0_PORT.value))
  end)

  it("is known by its older name, and AWS_PROFILE gives the region of its profile", function()
    cli.write(folder .. "/aws.ini", "[profile work]\nregion = eu-west-3\n")
    local output = podman.must("run", "--rm", "--network=none", "--no-healthcheck", mounted(),
      "--env=ENVOY_CONFIGURATION_TEMPLATE=old.yaml", "--env=AWS_PROFILE=work",
      "--env=AWS_CONFIG_FILE=/etc/nightjar/aws.ini", "--env=AWS_EC2_METADATA_DISABLED=true",
      "--env=SERVICE_MEMBER=srv-1", podman.image("sidecar"), "config", "--json")
    -- What the container says on standard error may come before it or after.
    local shown = assert(json.decode(output:match("({\n.*\n})")), output)
    assert.are.equal("old.yaml", shown.settings.ENVOY_CONFIGURATION_FILE.value)
    assert.are.equal("eu-west-3", shown.region.value)
  end)

  it("moves what nightjar makes and reads, and what Envoy is started with", function()
    start { "SERVICE_PORT", "ENVOY_ADMIN_PORT", "DISCOVERY", "MESH_FILE", "REFRESH_TIME",
      "ENVOY_TEMPLATE_DIR", "POLICY_DIR", "ENVOY_CONFIGURATION_FILE", "TMP_DIR",
      "TRIGGER_STOP_FILE", "ENVOY_PID_FILE", "ENVOY_BIN", "ENVOY_LOG_LEVEL", "ENVOY_BASE_ID",
      "SERVICE_CONTAINER_NAME", "AVAILABILITY_ZONE", "STOP_TIMEOUT", "LOG_LEVEL", "LOG_FORMAT",
      "NIGHTJAR_CONFIG" }
    container:ready()
    local active = "/writable/active-envoy-config/"
    assert.are.equal("made for shop\n", read(active .. "note.txt")) -- ENVOY_TEMPLATE_DIR
    assert.is_truthy(read(active .. "my-envoy.yaml"):find("19901", 1, true))
    assert.is_truthy(read(active .. "cds.json"):find("web@mesh.local", 1, true)) -- MESH_FILE
    assert.is_truthy(read(active .. "input.json"):find('"route_weight": 77', 1, true)) -- POLICY_DIR
    assert.is_truthy(get(18080, "/from-the-file"):find("^HTTP/1.1 200")) -- SERVICE_PORT, the file
    assert.is_truthy(get(19901, "/server_info"):find('"cluster": "shop"', 1, true))
    local pid = read("/writable/my.pid"):match("%d+") -- ENVOY_PID_FILE
    local words = read(("/proc/%s/cmdline"):format(pid)):gsub("%z", " ")
    assert.is_truthy(words:find("^/etc/nightjar/my%-envoy "), words) -- ENVOY_BIN
    assert.is_truthy(words:find("--base-id 7 ", 1, true), words)
    assert.is_truthy(words:find("--log-level debug", 1, true), words)
    local log = container:log()
    assert.is_truthy(log:find('\n{[^\n]*"level":"debug"[^\n]*}\n'), log:sub(1, 2000)) -- LOG_…
    assert.is_truthy(log:find("[debug]", 1, true))
    local _, passes = log:gsub('"event":"unchanged"', "")
    assert.is_true(passes >= 1) -- REFRESH_TIME: a pass after the first, within these seconds
  end)

  it("stops the container by TRIGGER_STOP_FILE, drained within STOP_TIMEOUT", function()
    start { "DISCOVERY", "MESH_FILE", "TMP_DIR", "TRIGGER_STOP_FILE", "STOP_TIMEOUT" }
    container:ready()
    container:exec("touch", "/writable/halt")
    local from = os.time()
    world_of.eventually(function() return container:state("Status") == "exited" end, 15,
      "the container has ended")
    assert.is_true(os.time() - from < 10) -- the default is 25
    assert.are.equal("0", container:state("ExitCode"))
    container:logged("event=stopped")
  end)

  it("ends the container after FAILURE_SLEEP with EXIT_ON_GENERATION_FAILURE", function()
    local from = os.time()
    start({ "DISCOVERY", "MESH_FILE", "TMP_DIR", "EXIT_ON_GENERATION_FAILURE", "FAILURE_SLEEP" },
      { POLICY_DIR = "/etc/nightjar/broken" })
    world_of.eventually(function() return container:state("Status") == "exited" end, 15,
      "the container has ended")
    assert.is_true(os.time() - from >= 1)
    assert.are.equal("1", container:state("ExitCode"))
    assert.is_truthy(container:log():find("broken/init.lua:1", 1, true))
  end)

  it("starts no Envoy with an empty ENVOY_BIN, which the agent's image has", function()
    container = podman.start(podman.image("agent"), { environment = { DISCOVERY = "file" } })
    container:ready()
    assert.are.equal("nightjar\n", container:exec("cat", "/proc/1/comm"))
    assert.is_truthy(container:exec("ls", "/mnt/envoy-config/active-envoy-config"):find("cds.json"))
    assert.is_nil(container:log():find("envoy_started", 1, true))
    assert.are.equal(0, container:stop(10))
  end)

  it("is refused by name where it cannot be used, and the container does not start", function()
    for name, value in pairs { SERVICE_PORT = "eighty", STATUS_ADDRESS = "0.0.0.0:9902",
      SNAPSHOT_STORE = "bucket", LOG_LEVEL = "loud", NAMESPACE_0 = "other.local" } do
      local output, status = podman.command("run", "--rm", "--network=none", "--no-healthcheck",
        "--env=" .. name .. "=" .. value, "--env=DISCOVERY=file", podman.image("sidecar"), "check")
      if name == "NAMESPACE_0" then
        -- A namespace without a port is left out, not fatal.
        assert.is_truthy(output:find("NAMESPACE_0_PORT", 1, true), output)
      else
        assert.are.equal(2, status, output)
        assert.is_truthy(output:find(name, 1, true), output)
      end
    end
  end)

  it("makes the entry point a shell with DEBUG_CONTAINER=1", function()
    local pipe = assert(io.popen("echo 'id -u; exit 7' | podman run --rm --interactive "
      .. "--no-healthcheck --read-only --cap-drop=all --env DEBUG_CONTAINER=1 "
      .. podman.image("sidecar") .. " 2>&1; echo $?"))
    local output = pipe:read("a")
    pipe:close()
    assert.is_truthy(output:find("1337\n", 1, true), output)
    assert.is_truthy(output:find("7\n$"), output)
  end)
end)
