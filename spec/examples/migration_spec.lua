-- docs/migration.md against the program: no setting and no field of the older template input is
-- missing on the page, the old fields render, and what the page says of a field that is gone is so.

local cli = require("spec.support.cli")
local file = require("host.file")
local schema = require("nightjar.settings.schema")
local world = require("spec.support.world")

-- The template input of the older nightjar, by the list that holds each field.
local OLD_TEMPLATE = [[
network={{network_name}} member={{service_member}}
{{#has_admin_port}}admin={{admin_port}}{{/has_admin_port}}
{{#listeners}}
{{#has_mesh_port}}listener {{mesh_port}}{{/has_mesh_port}}
{{#routes}}
{{route_path}} of {{total_cluster_weight}}
{{#has_one_cluster}}one{{/has_one_cluster}}{{#has_many_clusters}}many{{/has_many_clusters}}
{{#clusters}}
{{cluster_name}}={{route_weight}}
{{/clusters}}
{{/routes}}
{{/listeners}}
{{#has_clusters}}
{{#clusters}}
{{name}}{{#uses_http2}} http2{{/uses_http2}}{{#endpoints}} {{ipv4}}:{{port}}{{/endpoints}}
{{/clusters}}
{{/has_clusters}}
]]

-- A folder as the older one was, in v3: no names of listeners, routes inside of them, its own names
-- of files.
local OLD_FOLDER = {
  ["envoy-config.yaml.mustache"] = [[
node: {id: {{service_member}}, cluster: {{network_name}}}
dynamic_resources:
  cds_config: {path_config_source: {path: FOLDER/active-envoy-config/cds.yaml}}
  lds_config: {path_config_source: {path: FOLDER/active-envoy-config/lds.yaml}}
]],
  ["cds.yaml.mustache"] = [[
resources:
{{#clusters}}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: {{name}}
  load_assignment:
    cluster_name: {{name}}
    endpoints:
    - lb_endpoints:
      {{#endpoints}}
      - endpoint: {address: {socket_address: {address: {{ipv4}}, port_value: {{port}}}}}
      {{/endpoints}}
{{/clusters}}
]],
  ["lds.yaml.mustache"] = [[
resources:
{{#listeners}}
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  address: {socket_address: {address: 0.0.0.0, port_value: {{mesh_port}}}}
  filter_chains:
  - filters:
    - name: http
      typed_config:
        "@type": HTTP.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: ingress
        route_config:
          virtual_hosts:
          - name: service
            domains: ["*"]
            routes:
            {{#routes}}
            - match: {prefix: "{{route_path}}"}
              route:
                {{#has_one_cluster}}
                cluster: {{#clusters}}{{cluster_name}}{{/clusters}}
                {{/has_one_cluster}}
                {{#has_many_clusters}}
                weighted_clusters:
                  clusters:
                  {{#clusters}}
                  - {name: {{cluster_name}}, weight: {{route_weight}}}
                  {{/clusters}}
                {{/has_many_clusters}}
            {{/routes}}
        http_filters:
        - {name: router, typed_config: {"@type": HTTP.http.router.v3.Router}}
{{/listeners}}
]],
}

local MESH = [[
member: me
namespaces:
  - name: example.local
    own: true
    services:
      - name: me
        attributes: {"/me": 1}
        instances: [{id: w, ipv4: 10.0.0.1, port: 8080}]
      - name: shop-blue
        attributes: {SERVICE: shop, COLOR: blue, "*": 3, "?/in": 1, HTTP2: "yes"}
        instances: [{id: b, ipv4: 10.0.0.2, port: 49153}]
      - name: shop-green
        attributes: {SERVICE: shop, COLOR: green, "*": 1, "/none": 0}
        instances: [{id: g, ipv4: 10.0.0.3, port: 49154}]
]]

local function rendered(template)
  local folder = cli.folder()
  finally(function() cli.remove(folder) end)
  assert(os.execute(("cp -R templates %s/templates"):format(folder)))
  cli.write(folder .. "/templates/old.txt.mustache", template)
  cli.write(folder .. "/mesh.yaml", MESH)
  local found = cli.run { "discover", "--mesh-file", folder .. "/mesh.yaml", "--tmp-dir", folder }
  assert.are.equal(0, found.status, found.stderr)
  local result = cli.run { "render", "--envoy-template-dir", folder .. "/templates", "--output",
    folder .. "/out", input = found.stdout }
  return result, file.read(folder .. "/out/old.txt")
end

describe("docs/migration.md", function()
  local page

  setup(function() page = assert(file.read("docs/migration.md")) end)

  local function row_names(name)
    for row in page:gmatch("\n(|[^\n]*)") do
      if row:match("^|([^|]*)|"):find("%f[%w_]" .. name .. "%[?%]?`") then return true end
    end
    return false
  end

  it("has a row for every setting", function()
    for _, entry in ipairs(schema.entries) do
      local name = entry.alias == "CONFIG" and "NIGHTJAR_CONFIG" or entry.name
      if not entry.aws or name == "AWS_REGION" or name == "AWS_PROFILE" then
        assert.is_true(row_names(name), name)
        assert.is_true(not entry.alias or entry.alias == "CONFIG" or row_names(entry.alias),
          entry.alias)
      end
    end
    assert.is_true(row_names("NAMESPACE_0") and row_names("NAMESPACE_x_PORT"))
  end)

  it("has every field of the older template input", function()
    local count = 0
    for field in OLD_TEMPLATE:gmatch("{{#?([%w_]+)}}") do
      count = count + 1
      assert.is_true(row_names(field), field)
    end
    assert.is_true(count >= 20)
  end)
end)

describe("a template for the older nightjar's input", function()
  it("renders, with what the migration page says of its fields", function()
    local result, text = rendered(OLD_TEMPLATE)
    assert.are.equal(0, result.status, result.stderr)
    assert.are.equal([[
network=example.local member=me
admin=9901
listener 8080
/in of 1
one
shop-blue@example.local=1
/ of 4
many
shop-blue@example.local=3
shop-green@example.local=1
shop-blue@example.local http2 10.0.0.2:49153
shop-green@example.local 10.0.0.3:49154
]], (text:gsub("\n%s*\n", "\n")))
  end)

  it("is taken by Envoy in a folder of the older form, once that is v3", function()
    local missing = world.missing()
    if missing then return pending(missing) end
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    for name, text in pairs(OLD_FOLDER) do
      cli.write(folder .. "/templates/" .. name, (text:gsub("FOLDER", folder)
        :gsub("HTTP%.", "type.googleapis.com/envoy.extensions.filters.")))
    end
    cli.write(folder .. "/mesh.yaml", MESH)
    local result = cli.run { "check", "--mesh-file", folder .. "/mesh.yaml", "--tmp-dir", folder,
      "--envoy-template-dir", folder .. "/templates" }
    assert.are.equal(0, result.status, result.stderr)
    assert.is_truthy(result.stdout:find("envoy: ok", 1, true), result.stdout)
  end)

  it("says which line holds a field that is gone", function()
    local result = rendered("ping: {{healthcheck_path}}\n")
    assert.are.equal(1, result.status)
    assert.is_truthy(result.stderr:find("old.txt.mustache:1: {{healthcheck_path}}: there is no "
      .. "such field", 1, true), result.stderr)
    assert.are.equal(0, rendered("ping: {{ping_path}}\n").status)
  end)

  it("finds a path of no weight unpublished, with a warning", function()
    local result = rendered("nothing\n")
    assert.is_truthy(result.stderr:find("route /none of shop is not published", 1, true),
      result.stderr)
  end)
end)
