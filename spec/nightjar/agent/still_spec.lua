-- Whether Envoy still runs what it had accepted: only a plain yes is one.

local script = require("spec.support.script")
local still = require("nightjar.agent.still")

local FILES = {
  { path = "cds.json", step = "clusters", kind = "Cluster", version = "c1" },
  { path = "rds/a.json", step = "routes", kind = "RouteConfiguration", version = "r1",
    resources = { "a" } },
  { path = "own.yaml", step = "clusters", kind = "Cluster", counted = true },
  { path = "lds.json", step = "listeners", kind = "Listener", version = "l1" },
  { path = "envoy.yaml", step = "bootstrap" },
}

local function subscription(version)
  return { version = version, taken = 0, refused = 0 }
end

local function running_all()
  return { clusters = subscription("c1"), listeners = subscription("l1"),
    routes = { a = subscription("r1") }, assignments = {}, warming = 0 }
end

describe("still.holds of an Envoy of our own", function()
  local folder, supervisor, running, asked

  before_each(function()
    folder, running, asked = script.folder(), running_all(), 0
    supervisor = { state = "live", confirmed = true, settings = { state_dir = folder },
      supervises = function() return true end, processes = { unsaved = false },
      admin = { versions = function()
        asked = asked + 1
        return running
      end } }
  end)

  after_each(function() script.discard(folder) end)

  it("while it runs each version, by one question", function()
    assert.is_true(still.holds(supervisor, FILES))
    assert.equal(1, asked)
  end)

  it("not when any version is another, empty, or not subscribed to", function()
    for _, name in ipairs { "clusters", "listeners" } do
      for _, other in ipairs { subscription("x"), subscription(""), false } do
        running = running_all()
        running[name] = other or nil
        assert.is_false(still.holds(supervisor, FILES), name)
      end
    end
    running = running_all()
    running.routes.a = subscription("x")
    assert.is_false(still.holds(supervisor, FILES))
  end)

  it("not while what the next agent needs to find it could not be saved", function()
    supervisor.processes.unsaved = true
    assert.is_false(still.holds(supervisor, FILES))
  end)

  it("not when it does not answer", function()
    running = nil
    assert.is_false(still.holds(supervisor, FILES))
  end)

  it("without a question not in any state but live, nor before it has confirmed", function()
    for _, state in ipairs { "absent", "starting", "mute", "fallen_back", "suspect", "busy",
      "waiting", "replacing", "restarting", "handing_over" } do
      supervisor.state = state
      assert.is_false(still.holds(supervisor, FILES), state)
    end
    supervisor.state, supervisor.confirmed = "live", false
    assert.is_false(still.holds(supervisor, FILES))
    assert.equal(0, asked)
  end)
end)

describe("still.holds of an Envoy that the task has started", function()
  local supervisor, running, kind, requests

  before_each(function()
    running, kind, requests = running_all(), nil, 5
    supervisor = { supervises = function() return false end, admin = { requests = 4 } }
    function supervisor.admin:subscriptions()
      if not running then return nil, "nobody", kind end
      self.requests = requests
      return running
    end
  end)

  it("while it runs each version and has had more requests than before", function()
    assert.is_true(still.holds(supervisor, FILES))
    requests = 6
    assert.is_true(still.holds(supervisor, FILES))
  end)

  it("not when it has had no more requests than before: it is another one", function()
    requests = 4
    assert.is_false(still.holds(supervisor, FILES))
    requests = 1
    assert.is_false(still.holds(supervisor, FILES))
  end)

  it("not when it runs another version, or does not count requests", function()
    running.clusters = subscription("x")
    assert.is_false(still.holds(supervisor, FILES))
    running, requests = running_all(), nil
    assert.is_false(still.holds(supervisor, FILES))
  end)

  it("where nobody answered and nobody does; not where somebody begins or ceases to", function()
    supervisor.admin.requests, running, kind = nil, nil, "connect"
    assert.is_true(still.holds(supervisor, FILES))
    kind = "timeout"
    assert.is_false(still.holds(supervisor, FILES))
    running = running_all()
    assert.is_false(still.holds(supervisor, FILES))
    running, kind = nil, "connect"
    assert.is_false(still.holds(supervisor, FILES))
  end)
end)
