-- The main job, end to end: Cloud Map (an emulator that checks signatures and permissions, filled
-- with the real AWS SDK), the real agent, a real Envoy, real requests.

local file = require("host.file")
local moto = require("spec.support.moto")
local share = require("spec.support.share")
local world_of = require("spec.support.world")

local REQUESTS = 8000 -- five standard deviations are 2.8 points at most

local function near(wanted, seen, count)
  assert.is_nil(share.fault(wanted, seen, count))
end

local missing = world_of.missing() or moto.missing()
if missing then
  pending("the main job: " .. missing)
  return
end

describe("the main job", function()
  local world, aws, ports, own, ids, others, agent, private, public

  local function url(port, path)
    return ("http://127.0.0.1:%d%s"):format(port, path)
  end

  local function set_weight(service, path, weight)
    aws:cloudmap("update_service_attributes",
      { ServiceId = ids[service], Attributes = { [path] = tostring(weight) } })
  end

  local function status(port, path)
    return (world:get(url(port, path)))
  end

  -- What the agent finds of AWS: the user with the permissions that README.md names.
  local function in_aws(more)
    local environment = { AWS_ENDPOINT_URL = aws.endpoint, AWS_REGION = "eu-central-1",
      AWS_ACCESS_KEY_ID = aws.users.agent.id, AWS_SECRET_ACCESS_KEY = aws.users.agent.secret }
    for name, value in pairs(more) do
      environment[name] = value
    end
    return environment
  end

  local function start_agent(more)
    local environment = { SERVICE_MEMBER = ids["me-blue"], SERVICE_PORT = private,
      NAMESPACE_0 = "partners.local", NAMESPACE_0_PORT = public }
    for name, value in pairs(more or {}) do
      environment[name] = value
    end
    return world:agent(in_aws(environment))
  end

  local function answers(port, path, wanted)
    world.eventually(function() return status(port, path) == wanted end, 20,
      ("%s on %d answers %d"):format(path, port, wanted))
  end

  local function at(name)
    return { AWS_INSTANCE_IPV4 = "127.0.0.1", AWS_INSTANCE_PORT = tostring(ports[name]) }
  end

  setup(function()
    world = world_of.new()
    ports = world:backends("web-blue", "web-green", "shop", "api-blue", "api-green", "me")
    private, public = world:ports(2)
    aws = moto.start()
    own, ids = aws:fill("corp.local", {
      { name = "web-blue", instances = { a = at("web-blue") },
        -- What has attributes of its own is asked for them at each pass.
        attributes = { ["/web"] = "90" },
        settings = { SERVICE = "web", COLOR = "blue", ["/web"] = "90" } },
      { name = "web-green", instances = { a = at("web-green") },
        settings = { SERVICE = "web", COLOR = "green", ["/web"] = "10" } },
      { name = "shop-blue", instances = { a = at("shop") },
        settings = { SERVICE = "shop", COLOR = "blue", ["/shop"] = "90", ["?/internal"] = "1" } },
      { name = "me-blue", instances = { a = at("me") },
        settings = { SERVICE = "me", COLOR = "blue", ["/me"] = "1" } },
    })
    others = aws:fill("partners.local", {
      { name = "api-blue", instances = { a = at("api-blue") },
        settings = { SERVICE = "api", COLOR = "blue", ["/api"] = "50", ["[private]/x"] = "1" } },
      { name = "api-green", instances = { a = at("api-green") },
        settings = { SERVICE = "api", COLOR = "green", ["/api"] = "50", ["?/secret"] = "1" } },
    })
    agent = start_agent()
    answers(private, "/web", 200)
    answers(public, "/api", 200)
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("splits requests by weight, on the private and on the public listener", function()
    near({ ["web-blue"] = 0.9, ["web-green"] = 0.1 },
      world:split(url(private, "/web"), REQUESTS), REQUESTS)
    near({ ["api-blue"] = 0.5, ["api-green"] = 0.5 },
      world:split(url(public, "/api"), REQUESTS), REQUESTS)
  end)

  it("serves private paths inside the own mesh only", function()
    assert.are.equal(200, status(private, "/internal"))
    assert.are.equal(404, status(public, "/secret"))
    assert.are.equal(404, status(public, "/x"))
    assert.are.equal(404, status(public, "/internal"))
  end)

  it("does not route to the own service", function()
    assert.are.equal(404, status(private, "/me"))
  end)

  it("matches whole path segments, and answers /ping on each listener", function()
    assert.are.equal(200, status(private, "/web/deeper"))
    assert.are.equal(404, status(private, "/website"))
    assert.are.equal(200, status(private, "/ping"))
    assert.are.equal(200, status(public, "/ping"))
  end)

  it("gives a gateway the public paths alone", function()
    local port, other = world:ports(2)
    local gateway = world:agent(in_aws {
      SERVICE_MEMBER = "-gateway-", TMP_DIR = world.directory .. "/gateway",
      ENVOY_PID_FILE = world.directory .. "/gateway.pid",
      TRIGGER_STOP_FILE = world.directory .. "/gateway.stop",
      NAMESPACE_0 = own.Id, NAMESPACE_0_PORT = port,
      NAMESPACE_1 = "id:" .. others.Id, NAMESPACE_1_PORT = other,
    })
    answers(port, "/web", 200)
    assert.are.equal(200, status(port, "/me"))
    assert.are.equal(404, status(port, "/internal"))
    answers(other, "/api", 200)
    assert.are.equal(404, status(other, "/secret"))
    assert.are.equal(0, world:stop(gateway, 10))
  end)

  describe("under keep-alive load", function()
    local function under_load(path, change)
      local load = world:load(url(private, path), 20)
      os.execute("sleep 1")
      change()
      os.execute("sleep 1")
      local seen = world:finish_load(load)
      assert.are.same({}, seen.errors)
      assert.are.equal(0, seen.failed)
      assert.are.equal(0, seen.closed)
      assert.is_true(seen.requests > 500, "too few requests: " .. seen.requests)
      return seen
    end

    it("takes a changed weight within one pass, with no failed request", function()
      under_load("/web", function()
        set_weight("web-blue", "/web", 0)
        world.eventually(function()
          return not world:split(url(private, "/web"), 50)["web-blue"]
        end, 4, "blue gets nothing")
      end)
      set_weight("web-blue", "/web", 90)
      world.eventually(function()
        return world:split(url(private, "/web"), 50)["web-blue"]
      end, 4, "blue is back")
    end)

    it("takes a task added and a task removed, with no failed request", function()
      local more = world:backends("shop-2")
      under_load("/shop", function()
        ports["shop-2"] = more["shop-2"]
        aws:cloudmap("register_instance",
          { ServiceId = ids["shop-blue"], InstanceId = "b", Attributes = at("shop-2") })
        world.eventually(function()
          return world:split(url(private, "/shop"), 50)["shop-2"]
        end, 4, "the new task gets requests")
        aws:cloudmap("deregister_instance",
          { ServiceId = ids["shop-blue"], InstanceId = "a" })
        world.eventually(function()
          return not world:split(url(private, "/shop"), 50).shop
        end, 4, "the old task gets none")
      end)
    end)
  end)

  describe("with a policy folder of the operator's", function()
    local folder

    local function write_policy(text)
      assert(file.write(folder .. "/mine.lua", text))
    end

    setup(function()
      folder = world.directory .. "/policies"
      assert(os.execute(("cp -R policies %s"):format(folder)))
      local init = assert(file.read(folder .. "/init.lua"))
      assert(file.write(folder .. "/init.lua",
        (init:gsub('"weights"', '"weights", "mine"'))))
      write_policy('return { about = "changes nothing at all",\n'
        .. "apply = function(mesh) return mesh end }\n")
      assert.are.equal(0, world:stop(agent, 10))
      agent = start_agent { POLICY_DIR = folder, PLAN_MAX_INSTRUCTIONS = 20000000 }
      answers(private, "/web", 200)
    end)

    it("takes an edited policy at the next pass", function()
      write_policy([[
        return { about = "sends all of /web to green", apply = function(mesh)
          for _, listener in ipairs(mesh.listeners) do
            for _, route in ipairs(listener.routes) do
              for _, share in ipairs(route.clusters) do
                if route.path == "/web" then share.weight = share.color == "green" and 1 or 0 end
              end
            end
          end
          return mesh
        end }]])
      world.eventually(function()
        return not world:split(url(private, "/web"), 50)["web-blue"]
      end, 6, "green gets all of /web")
    end)

    it("leaves traffic alone while a policy loops for ever, and names its line", function()
      write_policy('return { about = "never ends, on its line 2",\n'
        .. "apply = function() while true do end end }\n")
      world.eventually(function()
        return world:log(agent):find("policies/mine.lua:2: used more than", 1, true)
      end, 10, "the loop is named")
      near({ ["web-green"] = 1 }, world:split(url(private, "/web"), 200), 200)
    end)

    it("leaves traffic alone while a policy fails, and names its line", function()
      write_policy('return { about = "fails on its line 2",\n'
        .. "apply = function(mesh) return mesh.nothing.at_all end }\n")
      world.eventually(function()
        return world:log(agent):find("policies/mine.lua:2:", 1, true)
          and world:log(agent):find("attempt to index", 1, true)
      end, 10, "the error is named")
      near({ ["web-green"] = 1 }, world:split(url(private, "/web"), 200), 200)
    end)
  end)

  describe("without AWS", function()
    it("goes on, says how old its data is, and serves it after a restart too", function()
      aws:stop()
      world.eventually(function()
        return world:log(agent):find("oldest_seconds=%d")
      end, 15, "the age is in the log")
      assert.are.equal(200, status(private, "/web"))
      assert.are.equal(0, world:stop(agent, 10))
      assert.is_nil(status(private, "/ping"))
      agent = start_agent()
      answers(private, "/web", 200)
      near({ ["api-blue"] = 0.5, ["api-green"] = 0.5 },
        world:split(url(public, "/api"), REQUESTS), REQUESTS)
    end)
  end)

  describe("on SIGTERM", function()
    it("fails health checks, finishes running requests, and leaves nothing behind", function()
      assert.is_true(#world:strays("envoy") > 0)
      local slow = world:start("slow", { "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
        url(private, "/web/slow") })
      os.execute("sleep 0.5")
      world:signal(agent, "TERM")
      world.eventually(function() return status(private, "/ping") == 503 end, 4, "/ping says 503")
      assert.are.equal(0, world:ended(slow, 10))
      assert.are.equal("200", file.read(slow.base .. ".out"))
      assert.are.equal(0, world:ended(agent, 10))
      assert.are.same({}, world:strays("envoy"))
      assert.is_nil(file.stat(world.directory .. "/envoy.pid"))
      local base_id = agent.environment.ENVOY_BASE_ID
      assert.is_nil(file.stat("/dev/shm/envoy_shared_memory_" .. base_id * 10))
    end)
  end)
end)
