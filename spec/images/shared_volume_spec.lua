-- The shared volume as a task on ECS runs it: the agent's image and a stock Envoy's, with one
-- network and one volume between them, and the very words of the task definition.

local cli = require("spec.support.cli")
local json = require("host.json")
local podman = require("spec.support.podman")
local task = require("spec.support.task")
local world_of = require("spec.support.world")

local missing = podman.missing() or world_of.missing()
if missing then
  pending("the shared volume in images: " .. missing)
  return
end

local FOLDER = "/mnt/envoy-config"

describe("the images of the shared volume", function()
  local world, ports, port, admin, volume, mesh_file, variables, agent, envoy

  local function environment_of(container)
    local environment = { DISCOVERY = "file", MESH_FILE = "/etc/nightjar/mesh.json",
      REFRESH_TIME = "0.5" }
    for _, variable in ipairs(container.environment) do
      environment[variable.name] = variable.value
    end
    return environment
  end

  local function set_weights(blue, green)
    cli.write(mesh_file, json.encode { namespaces = json.array { { name = "mesh.local",
      port = port, services = json.array {
        { name = "web-blue", attributes = { SERVICE = "web", COLOR = "blue", ["/web"] = blue },
          instances = json.array { { id = "a", ipv4 = "127.0.0.1", port = ports.blue } } },
        { name = "web-green", attributes = { SERVICE = "web", COLOR = "green", ["/web"] = green },
          instances = json.array { { id = "a", ipv4 = "127.0.0.1", port = ports.green } } },
      } } } })
  end

  local function start_agent()
    local container = task.container("nightjar", variables, FOLDER)
    return podman.start(podman.image("agent"), { environment = environment_of(container),
      options = { "--network=host", "--user=" .. container.user,
        "--volume=" .. volume .. ":" .. FOLDER,
        ("--volume=%s:/etc/nightjar:ro"):format(mesh_file:match("^(.*)/")) } })
  end

  local function url(path)
    return ("http://127.0.0.1:%d%s"):format(port, path)
  end

  local function share_of_green()
    return world:split(url("/web"), 40).green or 0
  end

  local function under_load(change)
    local load = world:load(url("/web"), 10)
    os.execute("sleep 0.5")
    change()
    os.execute("sleep 0.5")
    local seen = world:finish_load(load)
    assert.are.same({}, seen.errors)
    assert.are.equal(0, seen.failed)
    assert.are.equal(0, seen.closed)
    assert.is_true(seen.requests > 200, "too few requests: " .. seen.requests)
  end

  setup(function()
    world = world_of.new()
    ports = world:backends("blue", "green")
    port, admin = world:ports(2)
    mesh_file = world.directory .. "/mesh/mesh.json"
    variables = { SERVICE_MEMBER = "-gateway-", SERVICE_CONTAINER_NAME = "web",
      ENVOY_ADMIN_PORT = admin, APPLICATION_IMAGE = "application" }
    set_weights(1, 0)
    assert(os.execute("chmod 755 " .. world.directory))
    volume = "nightjar-" .. port
    podman.must("volume", "create", volume)
  end)

  teardown(function()
    for _, container in pairs { agent, envoy } do
      container:remove()
    end
    podman.must("volume", "rm", volume)
    assert.are.same({}, world:close())
  end)

  it("make the agent healthy before there is an Envoy, as the task's order needs", function()
    agent = start_agent()
    agent:ready()
  end)

  it("let a stock Envoy, which can only read the volume, take up what is there", function()
    local container = task.container("envoy", variables, FOLDER)
    local mount = container.mountPoints[1]
    assert.is_true(mount.readOnly)
    envoy = podman.start("localhost/envoy:stock", { command = container.command,
      options = { "--network=host", "--user=" .. container.user,
        "--volume=" .. volume .. ":" .. mount.containerPath .. ":ro" } })
    world.eventually(function() return (world:get(url("/web"))) == 200 end, 15, "/web answers")
    local words = container.healthCheck.command
    assert.are.equal(0, (select(2, envoy:exec(table.unpack(words, 2)))))
  end)

  it("move traffic with a weight, and lose no request", function()
    under_load(function()
      set_weights(0, 1)
      world.eventually(function() return share_of_green() == 40 end, 10, "all is green")
    end)
  end)

  it("keep serving while the agent's container is killed and another takes its place", function()
    under_load(function()
      agent:remove()
      agent = start_agent()
      set_weights(1, 0)
      world.eventually(function() return share_of_green() == 0 end, 15, "all is blue")
    end)
    agent:ready()
  end)

  it("serve what was published last, for an Envoy that starts without the agent", function()
    assert.are.equal(0, agent:stop(10))
    podman.must("restart", "--time=5", envoy.id)
    world.eventually(function() return (world:get(url("/web"))) == 200 end, 15, "/web answers")
  end)
end)
