-- Specs of folding a set of files into one static bootstrap.
local fold = require "nightjar.agent.fold"
local json = require "host.json"

local SETTINGS = { config_dir = "/out", envoy_configuration_file = "envoy-config.yaml" }

local BOOTSTRAP = [[
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
dynamic_resources:
  cds_config: {path_config_source: {path: /out/cds.json}}
  lds_config: {path_config_source: {path: /out/lds.yaml}}
static_resources:
  clusters: [{name: of_bootstrap}]
]]

local LDS = [[
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: one
  filter_chains:
  - filters:
    - typed_config:
        "@type": hcm
        rds:
          route_config_name: one
          config_source: {path_config_source: {path: /out/rds/one.json}}
]]

local function files(changes)
  local list, contents = {}, {
    ["envoy-config.yaml"] = BOOTSTRAP, ["lds.yaml"] = LDS,
    ["cds.json"] = '{"version_info":"1","resources":[{"@type":"c","name":"a"}]}',
    ["rds/one.json"] = '{"resources":[{"@type":"r","name":"one","virtual_hosts":[]}]}',
  }
  for path, content in pairs(changes or {}) do contents[path] = content end
  for path, content in pairs(contents) do
    if content then list[#list + 1] = { path = path, content = content } end
  end
  return list
end

describe("one static bootstrap", function()
  it("holds clusters, listeners and their routes, without what marks them dynamic", function()
    local bootstrap = assert(fold.run(files(), SETTINGS))
    assert.is_nil(bootstrap.dynamic_resources)
    assert.equal(9901, bootstrap.admin.address.socket_address.port_value)
    assert.equal('[{"name":"of_bootstrap"},{"name":"a"}]',
      json.encode(bootstrap.static_resources.clusters))
    assert.equal('[{"filter_chains":[{"filters":[{"typed_config":{"@type":"hcm","route_config":'
      .. '{"name":"one","virtual_hosts":[]}}}]}],"name":"one"}]',
      json.encode(bootstrap.static_resources.listeners))
  end)

  it("holds the endpoints of an EDS file", function()
    local cluster = { name = "a", type = "EDS",
      eds_cluster_config = { eds_config = { path = "/out/a.json" } } }
    local bootstrap = assert(fold.run(files {
      ["cds.json"] = json.encode { resources = { cluster } },
      ["a.json"] = '{"resources":[{"@type":"e","cluster_name":"a"}]}' }, SETTINGS))
    assert.equal('{"load_assignment":{"cluster_name":"a"},"name":"a","type":"STATIC"}',
      json.encode(bootstrap.static_resources.clusters[2]))
  end)

  it("leaves a bootstrap without dynamic resources as it is", function()
    local bootstrap = assert(fold.run(files { ["envoy-config.yaml"] = "node: {id: x}" }, SETTINGS))
    assert.equal("x", bootstrap.node.id)
    assert.equal("[]", json.encode(bootstrap.static_resources.clusters))
  end)

  it("names the file that is missing, broken or of the wrong shape", function()
    local cases = {
      { { ["envoy-config.yaml"] = false }, "ENVOY_CONFIGURATION_FILE: names envoy-config.yaml, "
        .. "which is not among the rendered files" },
      { { ["cds.json"] = false }, "envoy-config.yaml: names /out/cds.json, which is not among the "
        .. "rendered files" },
      { { ["rds/one.json"] = false }, "envoy-config.yaml: names /out/rds/one.json, which is not "
        .. "among the rendered files" },
      { { ["rds/one.json"] = '{"resources":[{"name":"a"},{"name":"b"}]}' },
        "rds/one.json: expected one resource, got 2" },
      { { ["rds/one.json"] = '{"resources":[{"name":"two"}]}' },
        "envoy-config.yaml: expects routes named one, got two" },
      { { ["envoy-config.yaml"] = BOOTSTRAP:gsub("cds%.json", "cds.txt"), ["cds.txt"] = "" },
        "cds.txt: expected a name that ends in .json, .yaml or .yml" },
      { { ["cds.json"] = '{"resources":[1]}' }, "cds.json: resources[1]: expected a mapping" },
    }
    for _, case in ipairs(cases) do
      local bootstrap, err = fold.run(files(case[1]), SETTINGS)
      assert.is_nil(bootstrap)
      assert.equal(case[2], err)
    end
    local _, err = fold.run(files { ["cds.json"] = "{" }, SETTINGS)
    assert.matches("^cds.json: ", err)
  end)
end)
