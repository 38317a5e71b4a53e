-- Publication to a folder, with an Envoy whose answers are given; a real one is in spec/system.

local file = require("host.file")
local publish = require("nightjar.agent.publish")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local undo = require("nightjar.agent.undo")

-- A set of resources as nightjar-plan renders it.
local function set(path, step, version)
  local name = path:match("([^/]+)%.json$")
  local kinds = { clusters = "Cluster", routes = "RouteConfiguration", listeners = "Listener" }
  local kind = kinds[step]
  return { path = path, step = step, kind = kind, version = version, resources = { name },
    content = ('{"resources":[{"@type":"envoy.%s","name":"%s"}],"version_info":"%s"}')
      :format(kind, name, version) }
end

local function generation(version, more)
  local files = {
    set("lds.json", "listeners", version), set("rds/r.json", "routes", version),
    set("cds.json", "clusters", version),
    { path = "envoy-config.yaml", step = "bootstrap", content = "bootstrap " .. version },
    { path = "input.json", step = "input", content = "{}" },
  }
  table.move(more or {}, 1, #(more or {}), #files + 1, files)
  return files
end

describe("publish.run", function()
  local folder, input, settings

  before_each(function()
    folder = script.folder()
    settings = { config_dir = folder .. "/out" }
    input = { copies = {}, undo = undo.open(folder) }
  end)

  after_each(function() script.discard(folder) end)

  local function run(files, more)
    input.files = files
    for key, value in pairs(more or {}) do input[key] = value end
    return sched.run(publish.run, input, settings)
  end

  local function accept(done)
    input.published = {}
    for i, one in ipairs(done.files) do input.published[i] = one.path end
    input.undo:clear()
  end

  local function content(path)
    return (file.read(settings.config_dir .. "/" .. path))
  end

  -- An Envoy that takes what is on disk at once, and notes what it then runs; `refuses` names a
  -- path and a version.
  local function envoy(refuses)
    local one = { seen = {}, refused = { clusters = 0, routes = 0, listeners = 0 }, taken = 0 }
    local last = {}
    local function look(path, step)
      local text = content(path) or ""
      local version = text:match('"version_info":"(.-)"') or ""
      if text ~= last[path] and version == refuses[path] then
        one.refused[step] = one.refused[step] + 1
      elseif version ~= "" and version ~= refuses[path] and version ~= one[path] then
        one[path] = version
        one.seen[#one.seen + 1] = path .. " " .. version
      end
      last[path] = text
      one.taken = one.taken + 1
      return { version = one[path] or "", taken = one.taken, refused = one.refused[step] }
    end
    function one.subscriptions()
      return { clusters = look("cds.json", "clusters"), listeners = look("lds.json", "listeners"),
        routes = { r = look("rds/r.json", "routes") }, warming = 0 }
    end
    return one
  end

  it("writes clusters, routes, listeners, and the bootstrap last", function()
    local done = assert(run(generation("1")))
    assert.same({ "input.json", "cds.json", "rds/r.json", "lds.json", "envoy-config.yaml" },
      done.changed)
    assert.equal("bootstrap 1", content("envoy-config.yaml"))
  end)

  it("goes on only when Envoy runs a step", function()
    accept(assert(run(generation("1"))))
    local one = envoy {}
    assert(run(generation("2"), { envoy = one }))
    assert.same({ "cds.json 1", "lds.json 1", "rds/r.json 1",
      "cds.json 2", "rds/r.json 2", "lds.json 2" }, one.seen)
  end)

  it("defect 10: touches no file that is equal", function()
    accept(assert(run(generation("1"))))
    local before = file.stat(settings.config_dir .. "/cds.json")
    local done = assert(run(generation("1")))
    assert.same({}, done.changed)
    assert.same(before, file.stat(settings.config_dir .. "/cds.json"))
    assert.is_false(input.undo:pending())
  end)

  it("takes what was removed of the generation in force for no way back",
    function()
    local done = assert(run(generation("1")))
    accept(done)
    os.remove(settings.config_dir .. "/cds.json")
    done = assert(run(generation("1"), { in_force = done.generation }))
    assert.same({ "cds.json" }, done.changed)
    assert.is_false(input.undo:pending())
  end)

  it("asks no Envoy that cannot hear of a folder: another will read what is there", function()
    accept(assert(run(generation("1"))))
    local gone, one = nil, envoy {}
    os.remove(settings.config_dir .. "/rds/r.json")
    os.remove(settings.config_dir .. "/rds")
    local deaf = { subscriptions = function()
      return { clusters = one.subscriptions().clusters, routes = { r = { version = "1", taken = 1,
        refused = 0 } }, warming = 0 }
    end }
    assert(run(generation("2"), { envoy = deaf, deafened = function(path)
      gone = path
      return true
    end }))
    assert.equal(settings.config_dir .. "/rds", gone)
    assert.matches('"version_info":"2"', content("rds/r.json"))
    assert(run(generation("3"), { envoy = deaf, deaf = true }))
  end)

  it("removes at the end what no longer belongs to the generation", function()
    accept(assert(run(generation("1", { set("rds/gone.json", "routes", "1") }))))
    local done = assert(run(generation("2")))
    assert.same({ "rds/gone.json" }, done.removed)
    assert.is_nil(content("rds/gone.json"))
  end)

  for path, step in pairs { ["cds.json"] = "clusters", ["rds/r.json"] = "routes",
    ["lds.json"] = "listeners" } do
    it("takes a generation back, whole, whose " .. step .. " Envoy refuses", function()
      accept(assert(run(generation("1"))))
      local one = envoy { [path] = "2" }
      one.subscriptions()
      local done, err, refused = run(generation("2", { set("rds/new.json", "routes", "2") }),
        { envoy = one })
      assert.is_nil(done)
      assert.matches("Envoy refused " .. path:gsub("%p", "%%%0"), err)
      assert.is_truthy(refused)
      for _, name in ipairs { "cds.json", "rds/r.json", "lds.json" } do
        assert.matches('"version_info":"1"', content(name))
      end
      assert.equal("bootstrap 1", content("envoy-config.yaml"))
      assert.is_nil(content("rds/new.json"))
      assert.is_false(input.undo:pending())
      -- It is not tried again.
      done, err = run(generation("2", { set("rds/new.json", "routes", "2") }),
        { envoy = one, refused = refused })
      assert.is_nil(done)
      assert.matches("not tried again until it changes", err)
      assert(run(generation("3"), { envoy = one, refused = refused }))
    end)
  end

  it("tells what it could not remove, so that the next one tries again", function()
    accept(assert(run(generation("1", { set("rds/old.json", "routes", "1") }))))
    local old = settings.config_dir .. "/rds/old.json"
    assert(os.remove(old))
    assert(file.mkdir(old .. "/in the way"))
    local done = assert(run(generation("2")))
    assert.same({ "rds/old.json" }, done.left)
    assert.same({}, done.removed)
    assert(os.remove(old .. "/in the way"))
    done = assert(run(generation("2")))
    assert.same({ {}, { "rds/old.json" } }, { done.left, done.removed })
  end)

  it("goes back first, if it could not before, when a refused generation comes again", function()
    accept(assert(run(generation("1"))))
    local accepted = content("cds.json")
    local one = envoy { ["rds/r.json"] = "2" }
    one.subscriptions()
    local _, _, refused = run(generation("2"), { envoy = one })
    -- What a full disk leaves: the refused generation's clusters, and a file of its own.
    assert(input.undo:note("2", { { path = "cds.json", step = "clusters", content = accepted },
      { path = "rds/new.json", step = "routes" } }))
    assert(file.write(settings.config_dir .. "/cds.json", "{}"))
    assert(file.mkdir(settings.config_dir .. "/rds/new.json/in the way"))
    local done, err = run(generation("2"), { refused = refused })
    assert.is_nil(done)
    assert.matches("not tried again until it changes: .*; publish: restore: cannot remove", err)
    assert.equal(accepted, content("cds.json"))
    assert.is_true(input.undo:pending())
    assert(os.remove(settings.config_dir .. "/rds/new.json/in the way"))
    assert.is_nil((run(generation("2"), { refused = refused })))
    assert.is_false(input.undo:pending())
    assert.is_nil(file.stat(settings.config_dir .. "/rds/new.json"))
  end)

  it("puts no bootstrap in place that is not accepted, nor what came with it", function()
    accept(assert(run(generation("1"))))
    local done, err, refused = run(generation("2"), { check = function(one)
      return nil, one.path .. ": Envoy refuses it: why", "refused"
    end })
    assert.is_nil(done)
    assert.matches("envoy%-config.yaml: Envoy refuses it: why", err)
    assert.is_truthy(refused)
    assert.equal("bootstrap 1", content("envoy-config.yaml"))
    assert.matches('"version_info":"1"', content("cds.json"))
  end)

  it("leaves a first generation in place that Envoy refuses: there is no other", function()
    run(generation("1", nil), { envoy = nil })
    local one = envoy { ["lds.json"] = "2" }
    one.subscriptions()
    local done = run(generation("2"), { envoy = one })
    assert.is_nil(done)
    assert.matches('"version_info":"2"', content("cds.json"))
  end)

  it("keeps a prefix when Envoy cannot be asked in the midst of it, and the way back", function()
    accept(assert(run(generation("1"))))
    local one, calls = envoy {}, 0
    local done, err, refused = run(generation("2"), { envoy = { subscriptions = function()
      calls = calls + 1
      if calls > 2 then return nil, "gone" end
      return one.subscriptions()
    end } })
    assert.is_nil(done)
    assert.matches("gone", err)
    assert.is_nil(refused)
    assert.matches('"version_info":"2"', content("cds.json"))
    assert.matches('"version_info":"1"', content("rds/r.json"))
    -- The next agent goes back before it starts Envoy.
    local later = undo.open(folder, { generation = "of version 1" })
    assert.is_true(later:pending())
    assert.is_true(sched.run(publish.restore, { undo = later }, settings))
    assert.matches('"version_info":"1"', content("cds.json"))
    assert.is_nil(file.stat(folder .. "/undo.json"))
  end)

  it("names the file that cannot be written", function()
    assert(file.write(folder .. "/out", "a file in the way"))
    local done, err, refused = run(generation("1"))
    assert.is_nil(done)
    assert.matches("/out", err)
    assert.is_nil(refused)
  end)

  it("gives an Envoy that cannot be asked time to settle, if there was a file before", function()
    local started = sched.now()
    accept(assert(run(generation("1"), { settle = true })))
    assert.is_true(sched.now() - started < 1)
    started = sched.now()
    assert(run(generation("2"), { settle = true }))
    assert.is_true(sched.now() - started >= 3)
  end)
end)
