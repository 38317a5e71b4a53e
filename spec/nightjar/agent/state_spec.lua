-- What outlives an agent.

local child = require("host.child")
local file = require("host.file")
local log = require("nightjar.log")
local script = require("spec.support.script")
local state = require("nightjar.agent.state")
local stored = require("nightjar.agent.stored")

-- What is warned of meanwhile: { event, fields } each.
local function warnings_of(run)
  local told, warn = {}, log.warn
  log.warn = function(event, fields) told[#told + 1] = { event = event, fields = fields } end
  local ok, err = pcall(run)
  log.warn = warn
  assert(ok, err)
  return told
end

describe("state", function()
  local folder, last

  local function inode(name)
    return (file.stat(folder .. "/" .. name) or {}).inode
  end

  -- As the next agent finds it: the one before has ended, and has the folder no more.
  local function opened(where)
    if last then last:leave() end
    last = assert(state.open(where or folder))
    return last
  end

  before_each(function() folder, last = script.folder() .. "/state", nil end)
  after_each(function() script.discard((folder:gsub("/state$", ""))) end)

  it("is found again by the next agent", function()
    local one = opened()
    one:keep_snapshot { format = 1, taken_at = 100, meshes = {} }
    one:keep_accepted({ generation = "a", paths = { "cds.json" } }, { clusters = {} })
    local other = opened()
    assert.equal(100, other.snapshot.taken_at)
    assert.equal("a", other.accepted.generation)
    assert.same({ "cds.json" }, other.accepted.paths)
  end)

  it("writes nothing while only times change, but for once in a while", function()
    local one = opened()
    local function snapshot(at)
      return { format = 1, taken_at = at, meshes = { { name = "m", read_at = at } } }
    end
    one:keep_snapshot(snapshot(1000))
    local first = inode("snapshot.json")
    one:keep_snapshot(snapshot(1030))
    assert.equal(first, inode("snapshot.json"))
    one:keep_snapshot(snapshot(1400))
    assert.not_equal(first, inode("snapshot.json"))
    local second = inode("snapshot.json")
    one:keep_snapshot(snapshot(10)) -- the clock was set back
    assert.not_equal(second, inode("snapshot.json"))
  end)

  it("takes an attribute for what it is, though it is called like a time", function()
    local one = opened()
    local function keep(value)
      return one:keep_snapshot { format = 1, taken_at = 1000, meshes = { {
        name = "m", id = "m", ref = "own", read_at = 1000, services = { { id = "a", name = "a",
          read_at = 1000, since = {}, instances = {}, attributes = { read_at = value } } } } } }
    end
    local first = keep("1")
    local before = inode("snapshot.json")
    assert.equal(first, keep("1"))
    assert.not_equal(first, keep("2"))
    assert.not_equal(before, inode("snapshot.json"))
    assert.equal("2", opened().snapshot.meshes[1].services[1].attributes
      .read_at)
  end)

  it("reads what is in force from the disk once for all who have it at the time", function()
    local one = opened()
    one:keep_accepted({ generation = "a", paths = {} }, { listeners = {},
      clusters = { { name = "c", endpoints = {} } },
      plan_listeners = { { name = "l", routes = {} } } })
    local read, count = stored.read, 0
    finally(function() stored.read = read end)
    stored.read = function(...)
      count = count + 1
      return read(...)
    end
    local accepted = one.accepted
    collectgarbage("stop")
    local clusters, routes, listeners = accepted.clusters, accepted.routes, accepted.plan_listeners
    collectgarbage("restart")
    collectgarbage()
    assert.is_nil(routes)
    assert.equal(clusters, accepted.clusters)
    assert.equal(listeners, accepted.plan_listeners)
    assert.equal(1, count)
    clusters, listeners = nil, nil -- luacheck: ignore 311
    collectgarbage()
    assert.equal("c", accepted.clusters[1].name)
    assert.equal(2, count)
  end)

  it("counts generations that come into force and that are refused", function()
    local one = opened()
    local function accept(name)
      one:keep_accepted({ generation = name, paths = {} }, { clusters = {} })
    end
    accept("a")
    accept("a")
    accept("b")
    one:keep_refused { generation = "c", reason = "no", files = {} }
    one:keep_refused(nil)
    assert.same({ 2, 1 }, { one.came, one.refusals })
    local other = opened()
    other:keep_accepted({ generation = "b", paths = {} }, { clusters = {} })
    assert.equal(0, other.came)
  end)

  it("has the weights in force at hand for who wants them, and for nobody else", function()
    local function plan(weight)
      return { { name = "l", routes = { { path = "/", clusters = {
        { service = "s", color = "c", cluster = "s-c", weight = weight } } } } } }
    end
    local one = opened()
    one:keep_accepted({ generation = "a", paths = {} },
      { clusters = {}, plan_listeners = plan(1) })
    assert.is_nil(one.weights)
    one:keep_weights()
    assert.matches("1$", one.weights)
    one:keep_accepted({ generation = "b", paths = {} },
      { clusters = {}, plan_listeners = plan(7) })
    assert.matches("7$", one.weights)
    local empty = opened(folder .. "/none")
    empty:keep_weights()
    assert.equal("", empty.weights)
  end)

  it("tries again what could not be written", function()
    local one = opened()
    assert(file.mkdir(folder .. "/accepted.json/in-the-way"))
    one:keep_accepted({ generation = "a", paths = {} }, { clusters = {} })
    assert.equal("a", one.accepted.generation)
    script.discard(folder .. "/accepted.json")
    one:keep_accepted({ generation = "a", paths = {} }, { clusters = {} })
    assert.equal("file", file.stat(folder .. "/accepted.json").type)
  end)

  it("takes a damaged file as absent", function()
    assert(file.mkdir(folder))
    assert(file.write(folder .. "/accepted.json", '{"format":1,'))
    assert(file.write(folder .. "/snapshot.json", '{"format":99}'))
    local one = opened()
    assert.is_nil(one.accepted)
    assert.is_nil(one.snapshot)
  end)

  -- Each would end the agent, or a pass, where it is used.
  local NOT_OF_THE_FORM = {
    accepted = { '{"format":1}', '{"format":1,"generation":7,"paths":[]}',
      '{"format":1,"generation":"a","paths":"cds.json"}',
      '{"format":1,"generation":"a","paths":{"x":"cds.json"}}',
      '{"format":1,"generation":"a","paths":[1]}',
      '{"format":1,"generation":"a","paths":[],"listeners":5}',
      '{"format":1,"generation":"a","paths":[],"plan_listeners":[{}]}',
      '{"format":1,"generation":"a","paths":[],"plan_listeners":[{"name":"l","routes":[{}]}]}',
      '{"format":1,"generation":"a","paths":[],"clusters":["x"]}',
      '{"format":1,"generation":"a","paths":[],"routes":[{"path":"/"}]}',
      '{"format":1,"generation":"a","paths":[],"lingering":null}',
      '{"format":1,"generation":"a","paths":[],"inputs":"x"}',
      '{"format":1,"generation":"a","paths":[],"inputs":{"mesh":1}}' },
    refused = { '{"format":1}', '{"format":1,"generation":"a","reason":"no","files":[{}]}' },
    snapshot = { '{"format":1}', '{"format":1,"taken_at":1,"meshes":[{}]}',
      '{"format":1,"taken_at":1.5,"meshes":[]}', '{"format":1,"taken_at":1,"meshes":[{"ref":"own",'
      .. '"name":"m","id":"m","read_at":1,"services":[{"id":"a"}]}]}' },
  }
  for name, texts in pairs(NOT_OF_THE_FORM) do
    it("takes what is no " .. name .. " as absent, and names the file", function()
      assert(file.mkdir(folder))
      for _, text in ipairs(texts) do
        assert(file.write(("%s/%s.json"):format(folder, name), text))
        local told = warnings_of(function()
          assert.is_nil(opened()[name], text)
        end)
        assert.equal(1, #told, text)
        assert.equal("state_unreadable", told[1].event)
        assert.equal(("%s/%s.json"):format(folder, name), told[1].fields.path)
      end
    end)
  end

  it("sweeps what a killed agent had Envoy judge", function()
    assert(file.mkdir(folder))
    assert(file.write(folder .. "/candidate-envoy-config.yaml", "half"))
    opened()
    assert.is_nil(file.stat(folder .. "/candidate-envoy-config.yaml"))
  end)

  it("tells a folder that cannot be made", function()
    local ok, err = state.open("/dev/null/x")
    assert.is_nil(ok)
    assert.matches("/dev/null", err)
  end)

  it("does not belong to a process that has ended, though nobody has waited for it", function()
    assert(file.mkdir(folder))
    local pipe <close> = assert(io.popen("echo $$; exec sleep 0.05"))
    local pid = pipe:read("n")
    local text
    repeat
      text = assert(file.read(("/proc/%d/stat"):format(pid), 4096))
    until text:find(") Z ", 1, true)
    local start = text:match("^.*%) (.*)$"):match(("%S+ "):rep(19) .. "(%d+)")
    assert(file.write(folder .. "/agent.pid", pid .. " " .. start))
    assert.is_truthy(opened())
  end)

  it("belongs to one process at a time", function()
    assert(file.mkdir(folder))
    local other <close> = assert(child.spawn { argv = { "sleep", "60" }, death_signal = "KILL" })
    local text = assert(file.read(("/proc/%d/stat"):format(other:pid()), 4096))
    local start = text:match("^.*%) (.*)$"):match(("%S+ "):rep(19) .. "(%d+)")
    assert(file.write(folder .. "/agent.pid", other:pid() .. " " .. start))
    local one, err = state.open(folder)
    other:signal("KILL")
    assert.is_nil(one)
    assert.matches(("already, as process %d"):format(other:pid()), err)
    -- The same number at another time is another process.
    assert(file.write(folder .. "/agent.pid", "1 1"))
    assert.is_truthy(opened())
    local second, why = state.open(folder)
    assert.is_nil(second)
    assert.matches("nightjar runs with it already", why)
  end)
end)
