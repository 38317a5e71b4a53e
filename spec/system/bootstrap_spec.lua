-- A bootstrap as a person writes it against the same one as a real Envoy shows it: whatever Envoy
-- writes otherwise must not be taken for a difference.

local admin = require("nightjar.agent.admin")
local difference = require("nightjar.agent.bootstrap_difference")
local file = require("host.file")
local sched = require("nightjar.agent.sched")
local world_of = require("spec.support.world")
local yaml = require("host.yaml")

local missing = world_of.missing()
if missing then
  pending("bootstrap: " .. missing)
  return
end

-- Something of each kind that a field may have, in each way of writing it.
local BOOTSTRAP = [[
node: {id: a, cluster: b, locality: {zone: z}, metadata: {key: 1}}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}
statsConfig:
  useAllDefaultTags: false
  stats_tags: [{tag_name: a.b, regex: '^a(b)'}, {tag_name: envoy.worker_id}]
  stats_matcher: {reject_all: false}
stats_flush_interval: 7.5s
stats_sinks: []
header_prefix: ""
use_tcp_for_dns_lookups: false
enable_dispatcher_stats: true
watchdogs:
  main_thread_watchdog: {miss_timeout: 1s, megamiss_timeout: 0.25s, kill_timeout: 0s}
  worker_watchdog: {multikill_threshold: {value: 50}}
layered_runtime:
  layers:
    - name: static
      static_layer: {envoy.a: 1, b: 2.5, c: "text", d: true, e: {camelCase: x}}
    - {name: admin, admin_layer: {}}
overload_manager:
  refresh_interval: 1s
  resource_monitors:
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.\
          downstream_connections.v3.DownstreamConnectionsConfig"
        max_active_downstream_connections: 10000
    - name: envoy.resource_monitors.fixed_heap
      typed_config:
        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.\
          FixedHeapConfig"
        maxHeapSizeBytes: 4294967296
  actions:
    - name: envoy.overload_actions.shrink_heap
      triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.950}}]
cluster_manager: {outlier_detection: {}, local_cluster_name: ""}
static_resources:
  secrets: [{name: s, generic_secret: {secret: {inline_string: hush}}}]
  clusters:
    - name: one
      type: 0
      connect_timeout: 1.50s
      lb_policy: LEAST_REQUEST
      circuit_breakers: {thresholds: [{priority: DEFAULT, max_connections: 10}]}
      common_lb_config: {healthy_panic_threshold: {value: 50.0}}
      outlier_detection: {enforcing_success_rate: 0}
      load_assignment:
        cluster_name: one
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1,
          port_value: 1}}}}]}]
]]

describe("a bootstrap that a real Envoy shows", function()
  local world, running, text

  setup(function()
    world = world_of.new()
    local port = world:ports(1)
    text = BOOTSTRAP:format(port)
    local path = world.directory .. "/bootstrap.yaml"
    assert(file.write(path, text))
    local process = world:start("stock", { "envoy", "--config-path", path, "--disable-hot-restart",
      "--log-level", "warning" })
    local one = admin.new("127.0.0.1:" .. port)
    world_of.eventually(function()
      assert(not world:status(process), world:log(process))
      return sched.run(function() return one:ready() end)
    end, 15, "Envoy is live")
    running = assert(sched.run(function() return one:bootstrap() end))
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("does not differ from the one that it was given, however that is written", function()
    local list = {}
    for i, one in ipairs(difference.between(assert(yaml.decode(text)), running)) do
      list[i] = ("%s: expected %s, got %s"):format(one.field, one.expected, one.actual)
    end
    assert.same({}, list)
  end)

  it("differs in each value that is changed", function()
    for from, to in pairs {
      ["cluster: b"] = "cluster: c", ["7.5s"] = "7s", ["value: 0.950"] = "value: 0.9",
      ["10000"] = "10001", ["kill_timeout: 0s"] = "kill_timeout: 1s", ["d: true"] = "d: false",
      ["useAllDefaultTags: false"] = "useAllDefaultTags: true",
      ["regex: '^a(b)'"] = "regex: '^(b)'",
      ["camelCase: x"] = "camelCase: y", ["max_connections: 10"] = "max_connections: 11",
      ["stats_sinks: []"] = "stats_sinks: [{name: x}]", ["LEAST_REQUEST"] = "RING_HASH",
      ["4294967296"] = "4294967297", ['header_prefix: ""'] = "header_prefix: x",
    } do
      local at, till = text:find(from, 1, true)
      local changed = text:sub(1, at - 1) .. to .. text:sub(till + 1)
      assert.equal(1, #difference.between(assert(yaml.decode(changed)), running), from)
    end
  end)
end)
