-- What a pass leaves settled, and all that ends it: over real folders, with a clock that is moved,
-- for a stamp counts only some seconds after the last change.

local clock = require("host.clock")
local file = require("host.file")
local history = require("nightjar.agent.history")
local script = require("spec.support.script")
local settled = require("nightjar.agent.settled")

describe("settled", function()
  local folder, one, state, supervisor, running
  local real_now = clock.now

  local function path(name) return folder .. "/" .. name end

  before_each(function()
    folder = script.folder()
    clock.now = function() return real_now() + 10 end -- seconds after all changes
    for _, name in ipairs { "policies/a.lua", "policies/lib/b.lua", "templates/t.mustache",
      "templates/rds/r.mustache", "out/cds.json", "out/rds/r.json", "out/envoy.yaml" } do
      assert(file.mkdir((path(name):match("^(.*)/"))))
      assert(file.write(path(name), "text of " .. name))
    end
    running = { clusters = { version = "1", taken = 0, refused = 0 }, routes = {},
      assignments = {}, warming = 0 }
    supervisor = { state = "live", confirmed = true, settings = { state_dir = folder },
      supervises = function() return true end, processes = { unsaved = false },
      admin = { versions = function() return running end } }
    state = { accepted = { generation = "g" }, history = history.open(folder .. "/state") }
    state.history.entries = { { generation = "g" } }
    one = settled.new { policy_dir = path("policies"), envoy_template_dir = path("templates"),
      config_dir = path("out") }
  end)

  after_each(function()
    clock.now = real_now
    script.discard(folder)
  end)

  -- A pass over a mesh. What is not settled is planned, with the result that `more` changes.
  local function run(given, more)
    local record = { inputs = { mesh = "m" }, stale = 0 }
    for name, value in pairs(given or {}) do record[name] = value end
    if not one:look(record, state, supervisor) then
      record.timeless, record.memory = true, { lingering = {} }
      record.done = { generation = "g", changed = {}, removed = {}, left = {}, files = {
        { path = "cds.json", step = "clusters", kind = "Cluster", version = "1", content = "text" },
        { path = "envoy.yaml", step = "bootstrap", content = "text" } } }
      if more then more(record) end
      one:note(record, state)
    end
    return record.settled == true, record
  end

  it("is what a whole pass found unchanged, from the next pass on", function()
    assert.is_false(run())
    for _ = 1, 3 do
      local is, record = run()
      assert.is_true(is)
      assert.same({ generation = "g", changed = {}, removed = {} }, record.done)
      assert.is_nil(record.doubt)
    end
  end)

  it("keeps no content of files in memory", function()
    run()
    for _, kept in ipairs(one.kept.files) do assert.is_nil(kept.content) end
    assert.equal("1", one.kept.files[1].version)
  end)

  -- Replaces a text by another one of the same length, and gives the file its times back.
  local function forge(name)
    script.sh("cp -p %s %s; sed -i s/text/TEXT/ %s; touch -r %s %s; rm %s", path(name),
      path("old"), path(name), path("old"), path(name), path("old"))
  end

  local CAUSES = {
    ["a policy that is edited"] = function() assert(file.write(path("policies/a.lua"), "more")) end,
    ["a policy of the same size and times"] = function() forge("policies/a.lua") end,
    ["a policy that is new"] = function() assert(file.write(path("policies/c.lua"), "")) end,
    ["a shared helper that is edited in its place"] = function()
      script.sh("printf TEXT | dd of=%s conv=notrunc status=none", path("policies/lib/b.lua"))
    end,
    ["a template that goes"] = function() assert(file.remove(path("templates/t.mustache"))) end,
    ["a template of the same size and times"] = function() forge("templates/rds/r.mustache") end,
    ["a template folder that cannot be read"] = function()
      script.sh("rm -r %s", path("templates"))
    end,
    ["a published file that is changed"] = function() forge("out/rds/r.json") end,
    ["a published file that is removed"] = function() assert(file.remove(path("out/cds.json"))) end,
    ["a bootstrap that somebody changed"] = function() forge("out/envoy.yaml") end,
    ["a published file that nobody may read any more"] = function()
      script.sh("chmod 0 %s", path("out/cds.json"))
    end,
    ["another generation in force"] = function() state.accepted = { generation = "g" } end,
    ["a refusal"] = function() state.refused = { generation = "h" } end,
    ["an Envoy that runs another version"] = function() running.clusters.version = "2" end,
    ["an Envoy that runs nothing"] = function() running.clusters = nil end,
    ["an Envoy that does not answer"] = function() running = nil end,
    ["an Envoy that is new"] = function() supervisor.confirmed = false end,
    ["an Envoy that is not live"] = function() supervisor.state = "starting" end,
  }
  for name, cause in pairs(CAUSES) do
    it("is ended by " .. name, function()
      run()
      assert.is_true(run())
      cause()
      assert.is_false(run())
    end)
  end

  it("is ended by another mesh, stale data, a pin, and an operator's wish", function()
    for _, given in ipairs { { inputs = { mesh = "n" } }, { stale = 1 },
      { held = { generation = "g" } }, { requested = true } } do
      run()
      assert.is_true(run())
      assert.is_false(run(given))
      run()
    end
  end)

  it("is in doubt when only Envoy says something else, not when a file has changed", function()
    run()
    running.clusters.version = "2"
    local _, record = run()
    assert.is_true(record.doubt)
    running.clusters.version = "1"
    run()
    assert.is_true(run())
    forge("policies/a.lua")
    _, record = run()
    assert.is_nil(record.doubt)
  end)

  it("asks Envoy nothing when it is known already that something has changed", function()
    run()
    local asked = 0
    supervisor.admin.versions = function()
      asked = asked + 1
      return running
    end
    forge("policies/a.lua")
    run()
    assert.equal(0, asked)
    run()
    assert.equal(1, asked)
  end)

  local RESTLESS = {
    ["depends on the time"] = function(record) record.timeless = false end,
    ["is one of a pin"] = function(record) record.held = { generation = "g" } end,
    ["has a second list"] = function(record) record.has_shadow = true end,
    ["is made of stale data"] = function(record) record.stale = 1 end,
    ["changed a file"] = function(record) record.done.changed = { "cds.json" } end,
    ["removed a file"] = function(record) record.done.removed = { "rds/x.json" } end,
    ["could not remove one"] = function(record) record.done.left = { "rds/x.json" } end,
    ["has a cluster that lingers"] = function(record) record.memory.lingering = { "a" } end,
    ["came into force with it"] = function() state.accepted = { generation = "h" } end,
    ["is not in the history"] = function() state.history.entries = {} end,
    ["is not the newest of the history"] = function()
      table.insert(state.history.entries, 1, { generation = "h" })
    end,
    ["was refused"] = function() state.refused = { generation = "h" } end,
    ["lost a published file meanwhile"] = function() assert(file.remove(path("out/cds.json"))) end,
    ["met another one who writes"] = function() assert(file.write(path("out/x.json"), "")) end,
  }
  for name, more in pairs(RESTLESS) do
    it("is nothing that " .. name, function()
      run(nil, more)
      assert.is_false(run())
    end)
  end

  it("is nothing whose files have changed just now: a file system's clock has ticks", function()
    clock.now = real_now
    run()
    assert.is_false(run())
    clock.now = function() return real_now() + 2.6 end
    assert.is_false(run())
    assert.is_true(run())
  end)

  it("is nothing any more when a policy was edited just now, until that is some seconds old",
    function()
      run()
      assert.is_true(run())
      clock.now = real_now
      forge("policies/a.lua")
      assert.is_false(run())
      assert.is_false(run())
      clock.now = function() return real_now() + 10 end
      assert.is_false(run())
      assert.is_true(run())
    end)
end)
