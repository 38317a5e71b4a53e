-- An Envoy of somebody else on our admin port: what it says must not pass for what ours does. Two
-- agents with real Envoys share one port of the host.

local file = require("host.file")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local missing = world_of.missing()
if missing then
  pending("strangers: " .. missing)
  return
end

describe("an Envoy of another agent on the admin port", function()
  local other, ours

  before_each(function()
    other, ours = sidecar_of.of_one(), sidecar_of.of_one()
    other:start()
    other:answers("/web", 200)
    other:passed()
  end)

  after_each(function()
    assert.are.same({}, ours.world:close())
    assert.are.same({}, other.world:close())
  end)

  local function start(settings)
    settings = settings or {}
    settings.ENVOY_ADMIN_PORT = other.admin_port
    settings.ENVOY_BASE_ID = ours.admin_port
    ours:start(settings)
  end

  local function never_says(text)
    assert.is_nil(ours.world:log(ours.agent):find(text, 1, true))
  end

  local function names_the_other(event)
    local from = ours:logged("event=" .. event, 20)
    local line = ours.world:log(ours.agent):match("[^\n]*", from)
    assert.is_truthy(line:find(("another Envoy answers at 127.0.0.1:%d: base id %d, bootstrap %s")
      :format(other.admin_port, other.admin_port, other.folder .. "/envoy-config.yaml"), 1, true),
      line)
  end

  it("keeps ours from starting, which is said, and is not taken for it", function()
    start()
    names_the_other("envoy_start_failed")
    never_says("to=live")
    never_says("event=envoy_died")
  end)

  it("is not taken for ours that has no admin interface, nor drained with it", function()
    local templates = ours:own_templates()
    local path = templates .. "/envoy-config.yaml.mustache"
    local text = assert(file.read(path)):gsub("{{#has_admin_port}}.-{{/has_admin_port}}", "", 1)
    assert(file.write(path, text))
    start { ENVOY_TEMPLATE_DIR = templates }
    ours:answers("/web", 200, 20)
    names_the_other("envoy_unasked")
    never_says("to=live")
    assert.are.equal(0, ours.world:stop(ours.agent))
    assert.are.equal(200, (other.world:get(other:url("/ping"))))
  end)
end)
