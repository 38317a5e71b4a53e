-- What counts as a difference between the template's bootstrap and the one that Envoy shows, by
-- table. The running ones are as Envoy 1.40 shows them (`/config_dump`).

local difference = require("nightjar.agent.bootstrap_difference")
local json = require("host.json")
local task = require("spec.support.task")
local yaml = require("host.yaml")

local function between(wanted, running)
  local list = {}
  for i, one in ipairs(difference.between(assert(yaml.decode(wanted)),
    assert(json.decode(running)))) do
    list[i] = ("%s: expected %s, got %s"):format(one.field, one.expected, one.actual)
  end
  return list
end

local CASES = {
  { "equal ones",
    "{node: {id: a, cluster: b}, stats_flush_on_admin: true}",
    '{"node":{"id":"a","cluster":"b"},"stats_flush_on_admin":true}' },
  { "another node",
    "{node: {id: a, cluster: b, metadata: {x: 1}}}",
    '{"node":{"id":"c","user_agent_name":"envoy"}}',
    'node.cluster: expected "b", got nothing', 'node.id: expected "a", got "c"' },
  { "another admin port, and nothing else of admin",
    "{admin: {ignore_global_conn_limit: true, address: {socket_address: {address: 127.0.0.1, "
      .. "port_value: 9901}}}}",
    '{"admin":{"address":{"socket_address":{"address":"0.0.0.0","port_value":9902}}}}',
    "admin.port: expected 9901, got 9902" },
  { "other files of clusters and listeners",
    "{dynamic_resources: {cds_config: {path_config_source: {path: /a/cds.json}}, "
      .. "lds_config: {path_config_source: {path: /a/lds.json}}}}",
    '{"dynamic_resources":{"cds_config":{"path_config_source":{"path":"/b/cds.json",'
      .. '"watched_directory":{"path":"/b"}}}}}',
    'cds_config.path: expected "/a/cds.json", got "/b/cds.json"',
    'lds_config.path: expected "/a/lds.json", got nothing' },
  { "the older word for a file",
    "{dynamic_resources: {cds_config: {path: /a/cds.json}}}",
    '{"dynamic_resources":{"cds_config":{"path_config_source":{"path":"/a/cds.json"}}}}' },
  { "a field at the top that is missing, and one that only Envoy has",
    "{overload_manager: {resource_monitors: [{name: x}]}}",
    '{"layered_runtime":{"layers":[]}}',
    "overload_manager: expected a mapping, got nothing" },
  { "a value deep within",
    "{overload_manager: {resource_monitors: [{name: x, typed_config: {'@type': t, most: 10000}}]}}",
    '{"overload_manager":{"resource_monitors":[{"name":"x","typed_config":{"@type":"t","most":'
      .. '"5000"}}]}}',
    'overload_manager.resource_monitors[1].typed_config.most: expected 10000, got "5000"' },
  { "a list of another length",
    "{stats_config: {stats_tags: [{tag_name: a}, {tag_name: b}]}}",
    '{"stats_config":{"stats_tags":[{"tag_name":"a"}]}}',
    "stats_config.stats_tags: expected a list of 2, got a list of 1" },
  { "a list where there is none",
    "{stats_config: {stats_tags: []}, stats_sinks: [{name: a}]}", '{"stats_config":{}}',
    "stats_sinks: expected a list of 1, got nothing" },
  { "numbers that Envoy writes as text",
    "{a: {most: 10000, big: 18446744073709551615, share: 50.0}}",
    '{"a":{"most":"10000","big":"18446744073709551615","share":50}}' },
  { "durations that Envoy writes with other zeros",
    "{stats_flush_interval: 0.5s, watchdogs: {main_thread_watchdog: {kill_timeout: 0s}}}",
    '{"stats_flush_interval":"0.500s","watchdogs":{"main_thread_watchdog":'
      .. '{"kill_timeout":"0s"}}}' },
  { "another duration", "{stats_flush_interval: 5s}", '{"stats_flush_interval":"6s"}',
    'stats_flush_interval: expected "5s", got "6s"' },
  { "other spellings of a field",
    "{statsConfig: {useAllDefaultTags: false}, stats_flush_on_admin: true}",
    '{"stats_config":{"use_all_default_tags":false},"statsFlushOnAdmin":true}' },
  { "defaults, which Envoy leaves out",
    "{use_tcp_for_dns_lookups: false, header_prefix: '', stats_sinks: [], a: {b: 0, c: null}}",
    '{"a":{}}' },
  { "a switch that is on unless it is off",
    "{stats_config: {use_all_default_tags: false}, stats_config2: {useAllDefaultTags: false}}",
    '{"stats_config":{},"stats_config2":{"use_all_default_tags":false}}',
    "stats_config.use_all_default_tags: expected false, got nothing" },
  { "a duration of nothing, which Envoy shows",
    "{watchdogs: {kill_timeout: 0s}}", '{"watchdogs":{}}',
    'watchdogs.kill_timeout: expected "0s", got nothing' },
  { "words that may be a default, and numbers that may be such a word",
    "{a: {priority: DEFAULT, type: 0}}", '{"a":{"type":"STATIC"}}' },
  { "another word", "{a: {priority: HIGH}}", '{"a":{"priority":"LOW"}}',
    'a.priority: expected "HIGH", got "LOW"' },
  { "an empty mapping, which is something",
    "{cluster_manager: {outlier_detection: {}}}", '{"cluster_manager":{}}',
    "cluster_manager.outlier_detection: expected a mapping, got nothing" },
  { "a mapping where Envoy has a value", "{a: {b: {c: 1}}}", '{"a":{"b":"c"}}',
    'a.b: expected a mapping, got "c"' },
  { "a value where Envoy has a mapping", "{a: {b: c}}", '{"a":{"b":{"c":1}}}',
    'a.b: expected "c", got a mapping' },
  { "a switch", "{a: true, b: {c: true}}", '{"b":{"c":false}}',
    "a: expected true, got nothing", "b.c: expected true, got false" },
  { "what Envoy hides",
    "{static_resources: {secrets: [{name: s, token: hush}]}}",
    '{"static_resources":{"secrets":[{"name":"s","token":"[redacted]"}]}}' },
  { "a long value, cut",
    "{flags_path: " .. ("x"):rep(100) .. "}", '{"flags_path":"y"}',
    'flags_path: expected "' .. ("x"):rep(80) .. '…", got "y"' },
}

describe("the difference between bootstraps", function()
  for _, case in ipairs(CASES) do
    local name, wanted, running = table.unpack(case)
    local expected = { table.unpack(case, 4) }
    it((#expected == 0 and "is none for " or "is told for ") .. name, function()
      assert.same(expected, between(wanted, running))
    end)
  end

  it("is told for all that the document's bootstrap names where Envoy has nothing", function()
    local container = task.container("envoy", { SERVICE_MEMBER = "srv-1", ENVOY_ADMIN_PORT = 9901,
      SERVICE_CONTAINER_NAME = "web", APPLICATION_IMAGE = "application" }, "/volume")
    local fields = {}
    for i, one in ipairs(difference.between(assert(yaml.decode(container.command[3])), {})) do
      fields[i] = one.field
    end
    assert.same({ "admin.port", "cds_config.path", "lds_config.path", "node.cluster", "node.id",
      "overload_manager", "stats_config", "stats_flush_on_admin", "typed_dns_resolver_config" },
      fields)
  end)
end)
