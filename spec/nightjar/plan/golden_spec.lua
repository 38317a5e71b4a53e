-- Golden cases: what whole plans and views look like. When a change is meant,
-- GOLDEN_ACCEPT=1 writes them anew; look at the difference before committing it.

local build = require("spec.support.mesh")
local json = require("host.json")

local FOLDER = "spec/nightjar/plan/golden/"

local service, instance, namespace = build.service, build.instance, build.namespace

local function colors(name, path, blue, green)
  return service(name .. "-blue", { SERVICE = name, COLOR = "blue", [path] = blue }, 2),
    service(name .. "-green", { SERVICE = name, COLOR = "green", [path] = green }, 1)
end

local function shop()
  local web_blue, web_green = colors("web", "*", "100", "0")
  local cart_blue, cart_green = colors("cart", "/cart", "90", "10")
  cart_blue.attributes["?/stock"] = "1"
  return { web_blue, web_green, cart_blue, cart_green,
    service("worker", { SERVICE = "worker" }) }
end

local cases = {
  sidecar = function()
    return build.snapshot({ namespace("own", "shop.local", 8080, shop()),
      namespace("NAMESPACE_0", "pay.local", 9000,
        { service("pay", { ["/pay"] = "1", ["?/ledger"] = "1", HTTP2 = "yes" }, 1) }) },
      "web-blue")
  end,
  gateway = function()
    return build.snapshot({ namespace("NAMESPACE_0", "shop.local", 9000, shop()),
      namespace("NAMESPACE_1", "empty.local", 9001, {}) })
  end,
  trouble = function()
    local services = shop()
    services[3].instances = { instance(1, { health = "UNHEALTHY" }) }
    services[2].attributes["*"] = "a lot"
    services[4].stale, services[4].read_at = true, build.NOW - 600
    services[4].attributes["/a*b"] = "1"
    services[5].attributes["/work"] = "0"
    return build.own(services, "worker"), { clusters = { {
      name = "old@shop.local", mesh = "shop.local", service = "old", color = "default",
      cloudmap_service = "old", http2 = false, attributes = {}, since = {}, age = 0,
      stale = false, endpoints = {} } } }
  end,
  addresses = function()
    return build.own({
      service("six", { ["/six"] = "1" }, { instance(1, { AWS_INSTANCE_IPV4 = "",
        AWS_INSTANCE_IPV6 = "2001:db8::1" }) }),
      service("host", { ["/host"] = "1" }, { instance(1, { AWS_INSTANCE_IPV4 = "",
        AWS_INSTANCE_CNAME = "db.example" }), instance(2) }),
      service("none", { ["/none"] = "1" }, 0),
    })
  end,
}

-- Marks the lists that would be written as `{}` when they are empty.
local function mark(value, key)
  if type(value) ~= "table" then return value end
  local lists = { listeners = true, routes = true, clusters = true, removed = true, why = true,
    endpoints = true, warnings = true }
  if lists[key] then json.array(value) end
  for name, item in pairs(value) do mark(item, name) end
  return value
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

local function accept(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local SETTINGS = { envoy_admin_port = 9901, ping_path = "/ping", config_dir = "/run/envoy",
  service_member = "srv-1", service_container_name = "NOT_SET", policies = {} }

describe("golden case", function()
  for name, case in pairs(cases) do
    it(name .. ": the plan, the view and the warnings are as they were", function()
      local snapshot, previous = case()
      local made = assert(build.run(snapshot, { settings = SETTINGS, previous = previous }))
      local text = assert(json.encode(mark({ plan = made.policy, view = made.view,
        warnings = made.warnings }), { indent = 2 })) .. "\n"
      local path = FOLDER .. name .. ".json"
      if os.getenv("GOLDEN_ACCEPT") == "1" then accept(path, text) end
      assert.equal(read(path), text)
    end)
  end
end)
