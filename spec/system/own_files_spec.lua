-- An operator's own plain files, which have no version of ours: a real Envoy takes or refuses them,
-- and its update counters tell.

local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("own files: " .. missing)
  return
end

describe("an operator's own plain file", function()
  local sidecar, world, templates

  local TYPE = '"@type": type.googleapis.com/envoy.config.'
  local FILTER = '"@type": type.googleapis.com/envoy.extensions.filters.'

  -- The texts of the four files: a listener of the operator's with its route, its cluster, and
  -- that cluster's endpoints; `one` makes a difference.
  local function texts(one)
    return {
      ["own-cds.yaml"] = ([[
resources:
- %scluster.v3.Cluster
  name: own
  type: EDS
  connect_timeout: %s
  eds_cluster_config:
    eds_config: {resource_api_version: V3, path_config_source: {path: %s/own-eds.yaml}}
]]):format(TYPE, one.timeout or "1s", sidecar.folder),
      ["own-eds.yaml"] = ([[
resources:
- %sendpoint.v3.ClusterLoadAssignment
  cluster_name: own
  endpoints:
  - lb_endpoints:
    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %s}}}
]]):format(TYPE, one.port or sidecar.ports.blue),
      ["own-rds.yaml"] = ([[
resources:
- %sroute.v3.RouteConfiguration
  name: own
  validate_clusters: true
  virtual_hosts:
  - {name: own, domains: ["*"], routes: [{match: {prefix: %s}, route: {cluster: %s}}]}
]]):format(TYPE, one.prefix or "/own", one.cluster or "own"),
      ["own-lds.yaml"] = ([[
resources:
- %slistener.v3.Listener
  name: own
  address: {socket_address: {address: 127.0.0.1, port_value: %s}}
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        %snetwork.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: own
        rds:
          route_config_name: own
          config_source: {resource_api_version: V3, path_config_source: {path: %s/own-rds.yaml}}
        http_filters:
        - name: envoy.filters.http.router
          typed_config:
            %shttp.router.v3.Router
]]):format(TYPE, one.listener or sidecar.port, FILTER, sidecar.folder, FILTER),
    }
  end

  local function put(one)
    for name, text in pairs(texts(one or {})) do
      if file.read(templates .. "/" .. name) ~= text then
        assert(file.write(templates .. "/" .. name, text))
      end
    end
  end

  local function only()
    local seen = world:split(sidecar:url("/own"), 20)
    local name, count = next(seen)
    return count == 20 and name or seen
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    world = sidecar.world
    templates = world.directory .. "/own"
    assert(file.mkdir(templates))
    assert(file.write(templates .. "/envoy-config.yaml.mustache", ([[
node: {id: own, cluster: own}
admin:
  address: {socket_address: {address: 127.0.0.1, port_value: {{admin_port}}}}
dynamic_resources:
  cds_config: {resource_api_version: V3, path_config_source: {path: "{{config_dir}}/own-cds.yaml"}}
  lds_config: {resource_api_version: V3, path_config_source: {path: "{{config_dir}}/own-lds.yaml"}}
]])))
    put()
    sidecar:mesh {}
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/own", 200)
    sidecar:logged("event=published")
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("is in force once it is published, without a word of its version", function()
    assert.are.equal("blue", only())
    sidecar:under_load("/own", function()
      sidecar:publishes(function() put { port = sidecar.ports.green } end)
      assert.are.equal("green", only())
      sidecar:publishes(function() put { port = sidecar.ports.green, timeout = "2s" } end)
      assert.are.equal("green", only())
      sidecar:publishes(function() put { port = sidecar.ports.green, prefix = "/" } end)
      assert.are.equal(200, (world:get(sidecar:url("/other"))))
    end)
    sidecar:publishes(function() put() end)
    assert.are.equal("blue", only())
    assert.is_nil(world:log(sidecar.agent):find("unacknowledged", 1, true))
  end)

  for name, case in pairs {
    ["own-cds.yaml"] = { { timeout = "0s" }, "value must be greater than 0s" },
    ["own-eds.yaml"] = { { port = 70000 }, "value must be less than or equal to 65535" },
    ["own-rds.yaml"] = { { cluster = "nowhere" }, "unknown cluster 'nowhere'" },
    ["own-lds.yaml"] = { { listener = 70000 }, "value must be less than or equal to 65535" },
  } do
    it("goes back when Envoy refuses it: " .. name, function()
      local before = assert(file.read(sidecar.folder .. "/" .. name))
      local from = sidecar:mark()
      sidecar:under_load("/own", function()
        put(case[1])
        sidecar:logged("event=refused", 10, from)
        sidecar:logged("refused it before", 10, from)
      end)
      local line = world:log(sidecar.agent):match("[^\n]*event=refused [^\n]*", from)
      assert.is_truthy(line:find("files=" .. name, 1, true), line)
      assert.is_truthy(line:find(case[2], 1, true), line)
      assert.are.equal(before, file.read(sidecar.folder .. "/" .. name))
      put()
      sidecar:logged("event=unchanged", 10, sidecar:mark())
      assert.are.equal("blue", only())
    end)
  end

  it("that Envoy is not told to read delays a publication once, and fails none", function()
    local from = sidecar:mark()
    sidecar:publishes(function()
      assert(file.write(templates .. "/unread.yaml", texts({ timeout = "9s" })["own-cds.yaml"]))
    end)
    assert.is_truthy(world:log(sidecar.agent):find("event=unacknowledged files=unread.yaml", from,
      true))
    assert.are.equal("blue", only())
  end)
end)
