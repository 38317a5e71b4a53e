-- The shared volume in reality: an agent without an Envoy of its own, and a stock Envoy started
-- with the very words of examples/shared-volume.

local cli = require("spec.support.cli")
local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local task = require("spec.support.task")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("shared volume: " .. missing)
  return
end

-- The same with an admin interface, which the agent asks, and without, where each step settles.
for _, variant in ipairs {
  { name = "whose Envoy has an admin interface", published = 10 },
  { name = "whose Envoy cannot be asked", published = 20, change = function(bootstrap)
    bootstrap.admin = nil
    return bootstrap
  end },
} do
  describe("a shared volume " .. variant.name, function()
    local sidecar, world, ports, container, envoy

    local function mesh(blue, green)
      sidecar:mesh { service("web-blue", { ["/web"] = blue.weight or 90 }, blue),
        service("web-green", { ["/web"] = green.weight or 10 }, green) }
    end

    local function publishes(change)
      local from = sidecar:mark()
      change()
      sidecar:logged("event=published", variant.published, from)
    end

    -- The settings of the example's agent; those of `sidecar` that it does not name are added.
    local function start()
      local settings = {}
      for _, variable in ipairs(task.container("nightjar", sidecar.variables,
        sidecar.volume).environment) do
        settings[variable.name] = variable.value
      end
      sidecar:start(settings)
      sidecar:logged("event=unchanged", 15)
    end

    local function share_of_green()
      return world:split(sidecar:url("/web"), 40).green or 0
    end

    setup(function()
      sidecar = sidecar_of.new("blue", "green")
      world, ports = sidecar.world, sidecar.ports
      sidecar.volume = world.directory .. "/volume"
      sidecar.variables = { SERVICE_MEMBER = "-gateway-", SERVICE_CONTAINER_NAME = "web",
        ENVOY_ADMIN_PORT = sidecar.admin_port, APPLICATION_IMAGE = "application" }
      container = task.container("envoy", sidecar.variables, sidecar.volume)
      mesh({ ports.blue }, { ports.green })
      start()
      envoy = world:start("stock", task.envoy(container, variant.change))
      sidecar:answers("/web", 200)
    end)

    teardown(function()
      assert.are.same({}, world:close())
    end)

    it("loses no request when a weight changes", function()
      sidecar:under_load("/web", function()
        publishes(function() mesh({ ports.blue, weight = 0 }, { ports.green, weight = 1 }) end)
        world_of.eventually(function() return share_of_green() == 40 end, 5, "all is green")
      end)
      publishes(function() mesh({ ports.blue }, { ports.green }) end)
    end)

    it("loses no request when an endpoint comes and goes", function()
      local more, backends = world:backends("red")
      sidecar:under_load("/web", function()
        publishes(function() mesh({ ports.blue, more.red }, { ports.green }) end)
        world_of.eventually(function()
          return world:split(sidecar:url("/web"), 40).red
        end, 5, "the new endpoint serves")
        publishes(function() mesh({ ports.blue }, { ports.green }) end)
        world_of.eventually(function()
          return not world:split(sidecar:url("/web"), 40).red
        end, 5, "the old endpoint serves no more")
        world:stop(backends)
      end)
    end)

    it("loses no request when the agent is stopped and started again", function()
      sidecar:under_load("/web", function()
        assert.are.equal(0, world:stop(sidecar.agent))
        assert.are.equal(200, (world:get(sidecar:url("/web"))))
        mesh({ ports.blue, weight = 0 }, { ports.green, weight = 1 })
        start()
        world_of.eventually(function() return share_of_green() == 40 end, 5, "all is green")
      end)
      publishes(function() mesh({ ports.blue }, { ports.green }) end)
    end)

    it("loses no request when the agent is killed and started again", function()
      sidecar:under_load("/web", function()
        -- In the midst of a publication, more likely than not.
        mesh({ ports.blue, weight = 0 }, { ports.green, weight = 1 })
        os.execute("sleep 0.6")
        world:signal(sidecar.agent, "KILL")
        world:ended(sidecar.agent, 5)
        start()
        world_of.eventually(function() return share_of_green() == 40 end, 5, "all is green")
      end)
      publishes(function() mesh({ ports.blue }, { ports.green }) end)
    end)

    it("is never without its Envoy, and no Envoy but that one", function()
      assert.is_nil(world:status(envoy))
      assert.is_nil(world:log(sidecar.agent):find("envoy_started", 1, true))
      assert.is_nil(sidecar:envoy())
    end)

    it("has a bootstrap in the example that agrees with the template's", function()
      assert.is_nil(world:log(sidecar.agent):find("bootstrap_", 1, true))
    end)

    it("has health checks in the example that work", function()
      local agent = task.container("nightjar", sidecar.variables, sidecar.volume)
      local environment = { DISCOVERY = "file", MESH_FILE = sidecar.mesh_file }
      for _, variable in ipairs(agent.environment) do
        environment[variable.name] = tostring(variable.value)
      end
      assert.are.same({ "CMD", "nightjar", "ready" }, agent.healthCheck.command)
      local result = cli.run { "ready", environment = environment }
      assert.are.equal(0, result.status, result.stdout)
      if variant.change then
        return
      end
      local function envoy_status()
        local words = { table.unpack(container.healthCheck.command, 2) }
        return world:ended(world:start("health-check", words), 5)
      end
      assert.are.equal(0, envoy_status())
      os.execute(("curl -s -o /dev/null -X POST http://127.0.0.1:%d/healthcheck/fail")
        :format(sidecar.admin_port))
      assert.are.equal(1, envoy_status())
    end)
  end)
end

describe("a shared volume whose Envoy has another bootstrap", function()
  local sidecar, world, templates, container, shipped

  local function bootstrap(text)
    assert(file.write(templates .. "/envoy-config.yaml.mustache", text))
  end

  local function told(from)
    return world:log(sidecar.agent):match("event=bootstrap_differs[^\n]*", from)
  end

  setup(function()
    sidecar = sidecar_of.new("blue")
    world = sidecar.world
    templates = sidecar:own_templates()
    shipped = assert(file.read(templates .. "/envoy-config.yaml.mustache"))
    local volume = world.directory .. "/volume"
    container = task.container("envoy", { SERVICE_MEMBER = "-gateway-",
      SERVICE_CONTAINER_NAME = "web", ENVOY_ADMIN_PORT = sidecar.admin_port,
      APPLICATION_IMAGE = "application" }, volume)
    sidecar:mesh { service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }) }
    sidecar:start { ENVOY_BIN = "", TMP_DIR = volume, SERVICE_CONTAINER_NAME = "shop",
      ENVOY_TEMPLATE_DIR = templates }
    sidecar:logged("event=published", 15)
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("says once which fields differ, and passes go on", function()
    local stock = world:start("stock", task.envoy(container, function(own)
      own.overload_manager = nil
      own.stats_config.stats_tags[1].regex = "x(y)"
      return own
    end))
    sidecar:logged("event=bootstrap_differs", 15)
    local line = told()
    assert.is_truthy(line:find('fields="node.cluster overload_manager '
      .. 'stats_config.stats_tags[1].regex"', 1, true), line)
    assert.is_truthy(line:find([[node.cluster: expected \"shop\", got \"web\"; ]]
      .. "overload_manager: expected a mapping, got nothing; ", 1, true), line)
    sidecar:publishes(function()
      sidecar:mesh { service("web-blue", { ["/web"] = 1, ["/more"] = 1 }, { sidecar.ports.blue }) }
    end)
    sidecar:answers("/more", 200)
    local _, count = world:log(sidecar.agent):gsub("event=bootstrap_differs", "")
    assert.are.equal(1, count)
    world:stop(stock)
  end)

  it("says what differs for another Envoy, and another template", function()
    local from = sidecar:mark()
    world:start("stock-2", task.envoy(container, function(own)
      own.node.cluster = "shop"
      return own
    end))
    sidecar:answers("/more", 200) -- what is on disk, without a word of the agent's
    sidecar:logged("event=resolved", 15, from)
    assert.is_nil(told(from))
    finally(function() bootstrap(shipped) end)
    bootstrap(shipped .. "\nstats_server_version_override: 7\n")
    sidecar:logged("event=bootstrap_differs", 15, from)
    assert.is_truthy(told(from):find("stats_server_version_override: expected 7, got nothing", 1,
      true), told(from))
    from = sidecar:mark()
    bootstrap(shipped)
    sidecar:logged("event=resolved", 15, from)
  end)
end)
