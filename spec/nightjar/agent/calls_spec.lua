-- What the agent writes down of its calls: when, and what is counted on.

local calls = require("nightjar.agent.calls")
local file = require("host.file")
local json = require("host.json")
local moved = require("spec.support.moved")
local script = require("spec.support.script")

describe("the record of calls", function()
  local folder, asked, meshes

  before_each(function()
    folder = script.folder()
    asked = { operations = { servicediscovery = { ListServices = 1 } }, retries = 0 }
    meshes = json.array { { id = "ns-1", name = "shop.local", refs = json.array { "own" },
      services = 4, resting = 1, attributed = 0, attributed_resting = 0 } }
    moved.install()
  end)

  after_each(function()
    moved.remove()
    script.discard(folder)
  end)

  local function open()
    return calls.open(folder, function() return asked, meshes end)
  end

  local function ask(operation, count)
    local counts = asked.operations.servicediscovery
    counts[operation] = (counts[operation] or 0) + count
  end

  local function written() return (assert(calls.read(folder))) end

  it("is there after the first pass, and says what that one asked", function()
    local one = open()
    assert.is_nil(calls.read(folder))
    one:passed()
    local record = written()
    assert.equal(1, record.passes)
    assert.same({ servicediscovery = { ListServices = 1 } }, record.operations)
    assert.same(record.operations, record.first)
    assert.same(meshes, record.meshes)
    assert.is_true(record.since <= record.at)
  end)

  it("is written anew as soon as a mesh is known, where AWS was away at first", function()
    local known
    known, meshes = meshes, nil
    local one = open()
    one:passed()
    assert.same({}, written().meshes)
    meshes = known
    one:passed()
    assert.same(known, written().meshes)
    one:passed()
    assert.equal(2, written().passes)
  end)

  it("is written anew at most every five minutes", function()
    local one = open()
    one:passed()
    local inode = file.stat(folder .. "/calls.json").inode
    for _ = 1, 9 do
      moved.by(30)
      ask("DiscoverInstances", 3)
      one:passed()
    end
    assert.equal(inode, file.stat(folder .. "/calls.json").inode)
    moved.by(30)
    one:passed()
    local record = written()
    assert.equal(11, record.passes)
    assert.same({ DiscoverInstances = 27, ListServices = 1 }, record.operations.servicediscovery)
    assert.same({ ListServices = 1 }, record.first.servicediscovery)
  end)

  it("goes on after a restart in place, which is the same process", function()
    local one = open()
    one:passed()
    ask("DiscoverInstances", 5)
    asked.retries = 2
    one:save()
    local since = written().since
    moved.by(100)
    asked = { operations = { servicediscovery = { DiscoverInstances = 7 }, s3 = { GetObject = 1 } },
      retries = 1 }
    one = open()
    one:passed()
    assert.same({ servicediscovery = { DiscoverInstances = 12, ListServices = 1 },
      s3 = { GetObject = 1 } }, written().operations)
    assert.same({ 2, 3, since }, { written().passes, written().retries, written().since })
    assert.same({ servicediscovery = { ListServices = 1 } }, written().first)
    local totals, known = one:totals()
    assert.same({ written().operations, 2, 3, since },
      { totals.operations, totals.passes, totals.retries, totals.since })
    assert.equal(meshes, known)
  end)

  it("begins anew in another process", function()
    open():passed()
    local record = written()
    record.process = "1 2"
    assert(file.write(folder .. "/calls.json", assert(json.encode(record))))
    open():passed()
    assert.equal(1, written().passes)
    assert.equal(1, written().operations.servicediscovery.ListServices)
  end)

  it("is not written where nothing is asked of AWS, nor before the first pass", function()
    open():save()
    assert.is_nil(file.stat(folder .. "/calls.json"))
    asked = nil
    open():passed()
    assert.is_nil(file.stat(folder .. "/calls.json"))
  end)

  it("that cannot be written costs nothing but a warning", function()
    os.execute("rm -rf " .. folder)
    local one = open()
    one:passed()
    assert.equal(1, one.passes)
  end)

  it("names what is wrong with a damaged file, and counting begins anew", function()
    local good = { format = 1, since = 1, at = 2, passes = 3, retries = 0, operations = {},
      first = {}, meshes = json.array {} }
    local function damaged(name, value, message)
      local record = {}
      for key, item in pairs(good) do record[key] = item end
      record[name] = value
      assert(file.write(folder .. "/calls.json", assert(json.encode(record))))
      local found, err = calls.read(folder)
      assert.is_nil(found)
      assert.equal(folder .. "/calls.json: " .. message, err)
      assert.equal(0, open().passes)
    end
    damaged("format", 2, "expected format 1")
    damaged("passes", "3", "passes: expected an integer that is not negative")
    damaged("passes", -3, "passes: expected an integer that is not negative")
    damaged("operations", { a = { b = "c" } },
      "operations: expected numbers by service and operation")
    damaged("operations", { a = { b = -1 } },
      "operations: expected numbers by service and operation")
    damaged("first", 1, "first: expected numbers by service and operation")
    local wrong = "meshes: expected a list of names and numbers of services"
    damaged("meshes", { a = 1 }, wrong)
    for name, value in pairs { services = -1, resting = "1", attributed = 0.5,
      attributed_resting = false, name = 5, refs = "own" } do
      local mesh = { refs = { "own" }, name = "shop.local", services = 1, resting = 0,
        attributed = 0, attributed_resting = 0 }
      mesh[name] = value
      damaged("meshes", json.array { mesh }, wrong)
    end
    damaged("meshes", json.array { { refs = { "own" }, services = 0, resting = 0, attributed = 0,
      attributed_resting = 0, unread = 1 } }, wrong)
    damaged("meshes", json.array { { services = 1, resting = 0, attributed = 0,
      attributed_resting = 0, refs = json.array { {} } } }, wrong)
  end)

  it("knows each namespace once, and what is read seldom of it", function()
    local function service(name, own) return { name = name, service_level = own } end
    local shop = { service("own"), service("blue", true), service("batch", true) }
    assert.same({
      { id = "ns-1", name = "shop.local", refs = { "own", "NAMESPACE_1" }, services = 3,
        resting = 2, attributed = 2, attributed_resting = 1 },
      { ref = nil, id = "ns-2", name = "other.local", refs = { "NAMESPACE_0" }, services = 1,
        resting = 0, attributed = 0, attributed_resting = 0 },
    }, calls.meshes({ meshes = {
      { ref = "own", id = "ns-1", name = "shop.local", services = shop },
      { ref = "NAMESPACE_0", id = "ns-2", name = "other.local", services = { service("x") } },
      { ref = "NAMESPACE_1", id = "ns-1", name = "shop.local", services = shop },
    } }, { ["shop.local"] = { own = true, batch = true } }))
  end)

  it("tells a namespace that was never read from one without services", function()
    local empty, unread = table.unpack(calls.meshes({ meshes = {
      { ref = "own", id = "ns-1", name = "empty.local", read_at = 1793000000, services = {} },
      { ref = "NAMESPACE_0", id = "ns-2", name = "other.local", read_at = 0, services = {} } } }))
    assert.same({ nil, true }, { empty.unread, unread.unread })
  end)
end)
