-- `nightjar once`, as a user runs it.

local cli = require("spec.support.cli")

describe("nightjar once", function()
  local folder

  before_each(function()
    folder = cli.folder()
    cli.write(folder .. "/mesh.yaml", "namespaces: [{name: m.local, port: 9000, services: []}]\n")
  end)

  after_each(function() cli.remove(folder) end)

  local function once(more)
    local environment = { DISCOVERY = "file", MESH_FILE = folder .. "/mesh.yaml",
      TMP_DIR = folder, ENVOY_ADMIN_PORT = "1" }
    for name, value in pairs(more or {}) do environment[name] = value end
    return cli.run { "once", environment = environment }
  end

  it("puts a generation in place, starts no Envoy, and exits with 0", function()
    local result = once { ENVOY_BIN = "/nowhere/envoy" }
    assert.equal(0, result.status)
    assert.matches('"version_info"', cli.read(folder .. "/active-envoy-config/cds.json"))
    assert.matches("event=published", result.stderr)
    assert.is_nil(result.stderr:find("nowhere", 1, true))
  end)

  it("exits with 1 and the reason when there is none", function()
    local result = once { MESH_FILE = folder .. "/none.yaml" }
    assert.equal(1, result.status)
    assert.matches("nightjar: discovery: .*none.yaml: No such file", result.stderr)
  end)

  it("exits with 1 when the output folder cannot be made", function()
    local result = once { TMP_DIR = "/dev/null/x" }
    assert.equal(1, result.status)
    assert.matches("^nightjar: once: .*/dev/null", result.stderr)
  end)
end)
