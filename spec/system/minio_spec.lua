-- Fleet reading on MinIO, another engine with conditional writes, where one is to be had: `minio`
-- on PATH (`go install github.com/minio/minio@latest`).

local cloudmap = require("nightjar.agent.aws.cloudmap")
local discover = require("nightjar.agent.discover")
local file = require("host.file")
local log = require("nightjar.log")
local moto = require("spec.support.moto")
local s3 = require("nightjar.agent.aws.s3")
local sched = require("nightjar.agent.sched")
local source = require("nightjar.agent.discover.cloudmap")
local world_of = require("spec.support.world")

local missing = moto.missing() or not os.execute("command -v minio >/dev/null 2>&1")
  and "no minio on PATH"
if missing then
  pending("a fleet on MinIO: " .. missing)
  return
end

describe("a fleet on MinIO", function()
  local cloud, world, namespace, ids, endpoint, key

  setup(function()
    cloud, world = moto.start(), world_of.new()
    namespace, ids = cloud:fill("shop.local", { { name = "web",
      settings = { SERVICE = "web", COLOR = "blue", ["/"] = "1" },
      instances = { one = { AWS_INSTANCE_IPV4 = "10.0.0.1", AWS_INSTANCE_PORT = "80" } } } })
    key = ("mesh/%s.json"):format(namespace.Id)
    local port, keys = world:ports(1), cloud.users.fleet
    endpoint = ("http://127.0.0.1:%d"):format(port)
    -- A bucket of MinIO's is a folder.
    assert(file.mkdir(world.directory .. "/data"))
    assert(file.mkdir(world.directory .. "/data/my-bucket"))
    world:start("minio", { "minio", "server", "--address", "127.0.0.1:" .. port,
      world.directory .. "/data" }, { MINIO_ROOT_USER = keys.id,
      MINIO_ROOT_PASSWORD = keys.secret, HOME = world.directory })
    world.eventually(function()
      return world:get(endpoint .. "/minio/health/live") == 200
    end, 60, "minio is up")
    log.configure({ level = "error" })
  end)

  teardown(function()
    log.configure({ level = "info" })
    world:close()
    cloud:stop()
  end)

  local function agent(refresh)
    local keys = cloud.users.fleet
    return { settings = { discovery = "cloudmap", service_member = ids.web, service_port = 8080,
      namespaces = {}, gateway = false, refresh_time = refresh, sources = {},
      snapshot_store = "s3://my-bucket/mesh", environment = { AWS_REGION = "eu-central-1",
        AWS_ENDPOINT_URL = cloud.endpoint, AWS_ENDPOINT_URL_S3 = endpoint, HOME = "/nonexistent",
        AWS_ACCESS_KEY_ID = keys.id, AWS_SECRET_ACCESS_KEY = keys.secret } } }
  end

  local function pass(self)
    self.snapshot = assert(sched.run(discover.run, self.snapshot, self.settings))
    return self.snapshot
  end

  local function asked(self) return source.fleet(self.settings).client:counts() end

  it("has one agent read, and the others told that nothing is new", function()
    local first, second = agent(30), agent(30)
    pass(first)
    assert.same({ GetObject = 1, PutObject = 2 }, asked(first))
    for _ = 1, 3 do
      assert.same({}, pass(second).warnings)
      pass(first)
    end
    assert.same({ { GetObject = 3 }, 2 }, { asked(second),
      source.fleet(second.settings):not_modified() })
    assert.is_nil(source.client(second.settings):counts().DiscoverInstances)
    assert.same(first.snapshot.meshes[1].services[1].since,
      second.snapshot.meshes[1].services[1].since)
  end)

  it("refuses a write that another one came before", function()
    local base = assert(cloudmap.connect(agent(30).settings))
    local client = assert(s3.connect(base.context, base.region, base.credentials, "my-bucket"))
    local answer = assert(sched.run(s3.get, client, key))
    local _, problem = sched.run(s3.put, client, key, "{}")
    assert.equal("PreconditionFailed", problem.code)
    _, problem = sched.run(s3.put, client, key, "{}", '"0"')
    assert.equal("PreconditionFailed", problem.code)
    _, problem = sched.run(s3.put, client, "mesh/none.json", "{}", '"0"')
    assert.equal("NoSuchKey", problem.code)
    -- What is spoiled is read around, and mended once it is old.
    assert(sched.run(s3.put, client, key, "{", answer.headers.etag))
    local third = agent(1)
    assert.equal("fleet_unread", pass(third).warnings[1].code)
    world.eventually(function() return #pass(third).warnings == 0 end, 30, "it is mended")
  end)
end)
