-- A template with another name and another content, at once: no Envoy that runs can tell whether it
-- has taken what it is not told to read yet.

local file = require("host.file")
local sidecar = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("renamed templates: " .. missing)
  return
end

describe("templates that get another name and another content in one generation", function()
  local one, templates

  before_each(function()
    one = sidecar.of_one()
    templates = one:own_templates()
    one:start { ENVOY_TEMPLATE_DIR = templates }
    one:answers("/web", 200, 30)
    one:passed()
  end)

  after_each(function() assert.are.same({}, one.world:close()) end)

  local function edit(path, from, to)
    local text, count = assert(file.read(path)):gsub(from, to)
    assert.are_not.equal(0, count, path .. ": " .. from)
    assert(file.write(path, text))
  end

  -- Exchanges the folder of templates for a copy that `change` was made to.
  local function exchange(change)
    local copy = templates .. "-new"
    assert(os.execute(("cp -R %s %s"):format(templates, copy)))
    change(copy)
    assert(os.rename(templates, templates .. "-old"))
    assert(os.rename(copy, templates))
  end

  local function is_followed_by_the_next_one()
    one:publishes(function()
      one:mesh { sidecar.service("web-blue", { ["/other"] = 1 }, { one.ports.blue }) }
    end)
    one:answers("/other", 200)
  end

  it("are taken with the listeners that name them, where they hold routes", function()
    one:publishes(function()
      exchange(function(copy)
        assert(os.rename(copy .. "/rds", copy .. "/routes"))
        edit(copy .. "/lds.json.yaml.mustache", "/rds/{{name}}", "/routes/{{name}}")
        edit(copy .. "/routes/@listeners.json.yaml.mustache", "virtual_hosts:",
          "max_direct_response_body_size_bytes: 5000\n    virtual_hosts:")
      end)
    end)
    one:answers("/web", 200)
    is_followed_by_the_next_one()
    assert.is_nil(one.world:log(one.agent):find("does not take up", 1, true))
  end)

  it("are taken with the bootstrap that names them, where they hold clusters", function()
    one:publishes(function()
      exchange(function(copy)
        assert(os.rename(copy .. "/cds.json.yaml.mustache", copy .. "/clusters.json.yaml.mustache"))
        edit(copy .. "/envoy-config.yaml.mustache", "/cds%.json\"", "/clusters.json\"")
        edit(copy .. "/clusters.json.yaml.mustache", "connect_timeout: [^\n]*",
          "connect_timeout: 3s")
      end)
    end)
    one:answers("/web", 200)
    is_followed_by_the_next_one()
    assert.is_nil(one.world:log(one.agent):find("does not take up", 1, true))
  end)
end)
