-- A template that Envoy refuses, of each kind of file, and Envoy killed at the very moment when the
-- refused file is on disk: what starts again serves the last accepted generation.

local file = require("host.file")
local sched = require("nightjar.agent.sched")
local sidecar_of = require("spec.support.sidecar")
local world_of = require("spec.support.world")

local service = sidecar_of.service

local missing = world_of.missing()
if missing then
  pending("refusal: " .. missing)
  return
end

local ROUTES = "rds/@listeners.json.yaml.mustache"
-- Template, published file, a text in it, what takes its place, and Envoy's word on that.
local CASES = {
  { kind = "clusters", template = "cds.json.yaml.mustache", path = "cds.json",
    good = "connect_timeout: 1s", bad = "connect_timeout: 0s", why = "must be greater than 0s" },
  { kind = "routes", template = ROUTES, path = "rds/public-%d.json",
    good = '- name: "{{cluster_name}}"', bad = "- name: nowhere",
    why = "unknown weighted cluster" },
  { kind = "listeners", template = "lds.json.yaml.mustache", path = "lds.json",
    good = "port_value: {{mesh_port}}", bad = "port_value: 70000",
    why = "less than or equal to 65535" },
}

describe("a refused generation", function()
  local sidecar, world, templates

  local function mesh()
    sidecar:mesh { service("web-blue", { ["/web"] = 90 }, { sidecar.ports.blue }),
      service("web-green", { ["/web"] = 10 }, { sidecar.ports.green }) }
  end

  -- All published files by name.
  local function published()
    local texts, handle = {}, assert(file.folder(sidecar.folder))
    for _, name in ipairs(handle:list()) do
      texts[name] = assert(file.read(sidecar.folder .. "/" .. name))
    end
    handle:close()
    return texts
  end

  local function swap(text, old, new)
    local from, to = text:find(old, 1, true)
    return text:sub(1, assert(from, old) - 1) .. new .. text:sub(to + 1)
  end

  setup(function()
    sidecar = sidecar_of.new("blue", "green")
    world = sidecar.world
    templates = sidecar:own_templates()
    mesh()
    sidecar:start { ENVOY_TEMPLATE_DIR = templates }
    sidecar:answers("/web", 200)
    sidecar:logged("event=unchanged", 10)
  end)

  teardown(function()
    assert.are.same({}, world:close())
  end)

  it("is not what starts after an Envoy that hung before it could refuse it", function()
    local case = CASES[1]
    local template, path = templates .. "/" .. case.template, sidecar.folder .. "/" .. case.path
    local shipped, before = assert(file.read(template)), published()
    local envoy, from = sidecar:envoy(), sidecar:mark()
    finally(function() assert(file.write(template, shipped)) end)
    sched.run(function()
      local old, deadline = assert(file.read(path)), sched.now() + 10
      -- Not what the specs below have refused: that would not be tried again.
      assert(file.write(template, swap(shipped, case.good, "connect_timeout: -1s")))
      while file.read(path) == old do
        assert(sched.now() < deadline, "the refused file is never on disk")
      end
      assert(os.execute("kill -STOP " .. envoy))
    end)
    sidecar:logged("event=envoy_hangs", 40, from)
    local hung = sidecar:mark()
    sidecar:logged("event=envoy_started", 5, from)
    assert.are.same(before, published())
    sidecar:answers("/web", 200, 5)
    assert.is_nil(world:log(sidecar.agent):sub(from, hung):find("event=published", 1, true))
    -- The new one refuses it, with the cause.
    sidecar:logged("event=refused", 15, from)
    sidecar:logged("refused it before", 10, from)
    assert.are.same(before, published())
  end)

  for _, case in ipairs(CASES) do
    it("of " .. case.kind .. " leaves the last one to an Envoy that is killed meanwhile", function()
      local template = templates .. "/" .. case.template
      local path = sidecar.folder .. "/" .. case.path:format(sidecar.port)
      local shipped, before = assert(file.read(template)), published()
      local envoy, from = sidecar:envoy(), sidecar:mark()
      finally(function() assert(file.write(template, shipped)) end)
      sched.run(function()
        local old, deadline = assert(file.read(path)), sched.now() + 10
        assert(file.write(template, swap(shipped, case.good, case.bad)))
        while file.read(path) == old do
          assert(sched.now() < deadline, "the refused file is never on disk")
        end
        assert(os.execute("kill -9 " .. envoy))
      end)
      sidecar:logged("event=envoy_restart", 5, from)
      sidecar:answers("/web", 200, 10)
      assert.are_not.equal(envoy, sidecar:envoy())
      -- Whether Envoy refused it before it died or after, it ends as refused, with the cause.
      sidecar:logged("event=refused", 15, from)
      sidecar:logged("refused it before", 10, from)
      local line = world:log(sidecar.agent):match("[^\n]*event=refused [^\n]*", from)
      assert.is_truthy(line:find(case.why, 1, true), line)
      assert.is_truthy(line:find("files=" .. case.path:format(sidecar.port), 1, true), line)
      assert.are.same(before, published())
      local seen = world:split(sidecar:url("/web"), 100)
      assert.are.equal(100, (seen.blue or 0) + (seen.green or 0))
    end)
  end

  it("of a bootstrap never stands on disk, and a killed Envoy starts from the accepted one",
    function()
      local template = templates .. "/envoy-config.yaml.mustache"
      local shipped, before = assert(file.read(template)), published()
      local from = sidecar:mark()
      finally(function() assert(file.write(template, shipped)) end)
      assert(file.write(template, shipped .. "\nno_such_field: 1\n"))
      sidecar:logged("event=refused", 10, from)
      assert(os.execute("kill -9 " .. sidecar:envoy()))
      sidecar:logged("event=envoy_restart", 5, from)
      sidecar:answers("/web", 200, 10)
      assert.are.same(before, published())
    end)

  it("is tried again as soon as it changes", function()
    sidecar:logged("event=unchanged", 10, sidecar:mark())
    sidecar:publishes(function()
      sidecar:mesh { service("web-blue", { ["/web"] = 1 }, { sidecar.ports.blue }) }
    end)
    assert.are.same({ blue = 20 }, world:split(sidecar:url("/web"), 20))
  end)

  it("that is the first of all is named, and gives way to a good one", function()
    assert.are.equal(0, world:stop(sidecar.agent))
    local template = templates .. "/cds.json.yaml.mustache"
    local shipped = assert(file.read(template))
    finally(function() assert(file.write(template, shipped)) end)
    assert(file.write(template, swap(shipped, "connect_timeout: 1s", "connect_timeout: 0s")))
    sidecar:start { ENVOY_TEMPLATE_DIR = templates, TMP_DIR = world.directory .. "/first" }
    local at = sidecar:logged("event=refused", 20)
    local line = world:log(sidecar.agent):match("[^\n]*event=refused [^\n]*", at - 100)
    assert.is_truthy(line:find("must be greater than 0s", 1, true), line)
    assert(file.write(template, shipped))
    sidecar:answers("/web", 200, 20)
  end)
end)
