-- What an operator's own file means to Envoy.

local resources = require("nightjar.agent.resources")

local function of(path, content)
  local one = resources.of(path, content)
  return one.step, one.kind, one.resources[1]
end

describe("resources.of", function()
  it("tells the step of a set by its type, in YAML and JSON", function()
    assert.same({ "clusters", "Cluster", "a" },
      { of("own.yaml", 'resources:\n- "@type": x/envoy.Cluster\n  name: a\n') })
    assert.same({ "clusters", "ClusterLoadAssignment", "a" },
      { of("own.yml", 'resources: [{"@type": x.ClusterLoadAssignment, cluster_name: a}]') })
    assert.same({ "routes", "RouteConfiguration", "r" },
      { of("r.json", '{"resources":[{"@type":"x.RouteConfiguration","name":"r"}]}') })
    assert.same({ "listeners", "Listener", "l" },
      { of("l.json", '{"resources":[{"@type":"x.Listener","name":"l"}]}') })
  end)

  it("takes everything else as it is", function()
    assert.same({ "other" }, { of("notes.txt", "resources: [{}]") })
    assert.same({ "other" }, { of("broken.yaml", "resources: [") })
    assert.same({ "other" }, { of("data.yaml", "resources: 7") })
    assert.same({ "other" }, { of("data.json", "\255resources") })
    assert.same({ "other", "Secret", "s" },
      { of("sds.yaml", 'resources: [{"@type": x.Secret, name: s}]') })
  end)

  it("does not trust a version that a person wrote", function()
    local one = resources.of("cds.yaml", 'version_info: "1"\nresources: []\n')
    assert.is_true(one.counted)
    assert.equal("1", one.version)
    assert.equal("clusters", one.step)
  end)
end)
