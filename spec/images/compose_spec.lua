-- The compose example: what `docker compose up` runs, run by podman from the same file.

local compose = require("spec.support.compose")
local file = require("host.file")
local podman = require("spec.support.podman")
local share = require("spec.support.share")
local world_of = require("spec.support.world")

local FILE = "examples/compose/compose.yaml"
local RUNNING = { "cloud", "gateway", "prices-blue", "prices-green", "shop-blue", "shop-green",
  "shop-blue-sidecar", "shop-green-sidecar" }

local missing = podman.missing()
if missing then
  pending("the compose example: " .. missing)
  return
end

-- Parts of all answers, where shop and prices are drawn apart: {["shop-blue prices-green\n"] = …}.
local function shares(shop, prices)
  local wanted = {}
  for shop_color, first in pairs(shop) do
    for prices_color, second in pairs(prices) do
      wanted[("shop-%s prices-%s\n"):format(shop_color, prices_color)] = first * second
    end
  end
  return wanted
end

describe("the compose file", function()
  it("is valid by the Compose specification's schema", function()
    local command = os.getenv("NIGHTJAR_IMAGES") .. "/venv/bin/check-jsonschema "
      .. "--builtin-schema vendor.compose-spec " .. FILE
    local pipe = assert(io.popen(command .. " 2>&1"))
    local words = pipe:read("a")
    assert.truthy(pipe:close(), words)
  end)

  -- Engines build in parallel, and of two builds of one name the second fails.
  it("builds each image that these specs run, and none of them twice", function()
    local version = require("host.program").version
    assert.same({
      ["nightjar-sidecar:" .. version] = { { context = "../..",
        dockerfile = "docker/sidecar/Dockerfile" } },
      ["nightjar-example-app"] = { { context = ".", target = "app" } },
      ["nightjar-example-cloud"] = { { context = ".", target = "cloud" } },
    }, compose.read(FILE):images())
  end)

  it("has no key that its runner here does not know", function()
    local text = assert(file.read(FILE))
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    assert(file.write(path, (text:gsub("\n  shop%-blue:\n", "%0    privileged: true\n"))))
    assert.has_error(function() compose.read(path) end,
      "services.shop-blue.privileged: no such key is known to spec/support/compose.lua")
  end)
end)

describe("the compose example", function()
  local world, example, url

  setup(function()
    world = world_of.new()
    local gateway, cloud = world:ports(2)
    url = ("http://127.0.0.1:%d"):format(gateway)
    example = compose.read(FILE, { GATEWAY_PORT = gateway, CLOUD_PORT = cloud })
    example:up(120)
  end)

  teardown(function()
    example:down()
    assert.same({}, world:close())
  end)

  local function exec(service, ...)
    local output, status = example.containers[service]:exec(...)
    assert.equal(0, status, output)
    return output
  end

  local function splits(count, shop, prices)
    assert.is_nil(share.fault(shares(shop, prices), world:split(url .. "/shop", count), count))
  end

  -- The status of a path at a sidecar's listener, asked by the application beside it.
  local function status_beside(application, path)
    return exec(application, "python3", "-c", ([[
import http.client
connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
connection.request("GET", "%s")
print(connection.getresponse().status)]]):format(path)):match("%d+")
  end

  it("runs all but the seed as user 1337, with no capability and nothing writable", function()
    for _, name in ipairs(RUNNING) do
      local process = exec(name, "cat", "/proc/1/status")
      assert.equal("1337", process:match("\nUid:%s+(%d+)"), name)
      assert.equal("0000000000000000", process:match("\nCapBnd:%s+(%x+)"), name)
      assert.equal("1", process:match("\nNoNewPrivs:%s+(%d)"), name)
      local output, status = example.containers[name]:exec("touch", "/file")
      assert.equal(1, status, name)
      assert.truthy(output:find("Read-only file system", 1, true), output)
    end
  end)

  it("splits shop 90 to 10 at the gateway, and prices 70 to 30 behind it", function()
    splits(2000, { blue = 0.9, green = 0.1 }, { blue = 0.7, green = 0.3 })
  end)

  it("hides a private path at the gateway, and the own service from a sidecar", function()
    assert.equal(404, (world:get(url .. "/prices")))
    assert.equal("200", status_beside("shop-blue", "/prices"))
    assert.equal("404", status_beside("shop-blue", "/shop"))
  end)

  it("follows public and private weights of Cloud Map, and fails no request", function()
    local load = world:load(url .. "/shop", 4, 100)
    exec("cloud", "weight", "shop-green", "/shop=90")
    exec("cloud", "weight", "prices-blue", "?/prices=0")
    world_of.eventually(function()
      local seen = world:split(url .. "/shop", 100)
      local blue = (seen["shop-blue prices-blue\n"] or 0) + (seen["shop-green prices-blue\n"] or 0)
      return blue == 0 and exec("gateway", "nightjar", "history"):find("10→90", 1, true)
    end, 30, "the weights are in force")
    splits(1000, { blue = 0.5, green = 0.5 }, { green = 1 })
    local seen = world:finish_load(load)
    assert.equal(0, seen.failed, table.concat(seen.errors, "; "))
    assert.equal(0, seen.closed)
    assert.is_true(seen.requests > 50, seen.requests .. " requests")
  end)

  it("knows every command of its README, the last of which restore the weights", function()
    local readme, count = assert(file.read("examples/compose/README.md")), 0
    for service, words in readme:gmatch("\n    docker compose exec ([%w-]+) ([^\n#]*)") do
      local argv = {}
      for word in words:gmatch("%S+") do
        argv[#argv + 1] = (word:gsub("'", ""))
      end
      exec(service, table.unpack(argv))
      count = count + 1
    end
    assert.is_true(count > 5, count .. " commands found")
    local wanted = shares({ blue = 0.9, green = 0.1 }, { blue = 0.7, green = 0.3 })
    world_of.eventually(function()
      return not share.fault(wanted, world:split(url .. "/shop", 500), 500)
    end, 30, "the weights are what they were")
  end)

  it("ends each container within its grace period, and none of them by force", function()
    for _, name in ipairs { "gateway", "shop-blue-sidecar", "shop-green-sidecar", "shop-blue",
      "shop-green", "prices-blue", "prices-green", "cloud" } do
      assert.equal(0, example:stop(name), name)
    end
  end)
end)
