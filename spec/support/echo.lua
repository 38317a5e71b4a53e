-- Backends for the templates' spec: one Envoy that speaks HTTP/1 and HTTP/2 on every port and
-- answers with the port's name, telling in headers what has reached it.

local file = require("host.file")
local json = require("host.json")

local echo = {}

local TYPE = "type.googleapis.com/envoy.extensions.filters."

local function header(key, value)
  return { header = { key = key, value = value } }
end

local function listener(one)
  local route = {
    match = { prefix = "/" },
    direct_response = { status = 200, body = { inline_string = one.name } },
    response_headers_to_add = {
      header("x-path", "%REQ(:PATH)%"), header("x-protocol", "%PROTOCOL%"),
      header("x-from", "%REQ(X-FORWARDED-FOR)%"),
      header("x-scheme", "%REQ(X-FORWARDED-PROTO)%"),
    },
  }
  local manager = {
    ["@type"] = TYPE .. "network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix = one.name,
    route_config = { virtual_hosts = {
      { name = "all", domains = { "*" }, routes = { route } },
    } },
    http_filters = { {
      name = "envoy.filters.http.router",
      typed_config = { ["@type"] = TYPE .. "http.router.v3.Router" },
    } },
  }
  return {
    name = one.name,
    address = { socket_address = { address = one.address, port_value = one.port } },
    filter_chains = { { filters = { { name = "http", typed_config = manager } } } },
  }
end

---Start the backends in a world.
---@param world table see spec/support/world.lua
---@param list { name: string, address: string, port: integer }[]
function echo.start(world, list)
  local listeners = {}
  for i, one in ipairs(list) do
    listeners[i] = listener(one)
  end
  local path = world.directory .. "/echo.json"
  assert(file.write(path, assert(json.encode {
    static_resources = { listeners = listeners },
  })))
  world:start("echo", { "envoy", "-c", path, "--disable-hot-restart", "--concurrency", "1",
    "--log-level", "error" })
  for _, one in ipairs(list) do
    local host = one.address:find(":", 1, true) and "[" .. one.address .. "]" or one.address
    world.eventually(function()
      return world:get(("http://%s:%d/"):format(host, one.port)) == 200
    end, 10, one.name .. " answers")
  end
end

return echo
