-- What an agent leaves to the next about its Envoy, and who is taken for it.

local child = require("host.child")
local file = require("host.file")
local handed_down = require("nightjar.agent.handed_down")
local json = require("host.json")
local owner = require("nightjar.agent.owner")
local script = require("spec.support.script")

describe("what is handed down", function()
  local folder, path

  before_each(function()
    folder = script.folder()
    path = folder .. "/envoy.json"
  end)

  after_each(function() script.discard(folder) end)

  local VALUE = { base_id = 7, cold = "no shared memory", ports = { 8080, 9090 }, processes = {
    { pid = 1, start = "1 2", epoch = 0, bootstrap = "a" },
    { pid = 2, start = "2 3", epoch = 1, bootstrap = "b" } } }

  it("comes back, for the owner's eyes alone", function()
    handed_down.write(path, VALUE)
    assert.equal(384, file.stat(path).mode) -- 0600
    local value = assert(handed_down.read(path))
    assert.equal(7, value.base_id)
    assert.equal("no shared memory", value.cold)
    assert.equal(9090, value.ports[2])
    assert.equal("2 3", value.processes[2].start)
    assert.equal(1, value.processes[2].epoch)
  end)

  it("is nothing where there is no file", function()
    assert.is_nil(handed_down.read(path))
  end)

  it("is nothing after the machine's next start: process ids begin anew", function()
    handed_down.write(path, VALUE)
    local value = assert(json.decode(file.read(path)))
    value.boot = "another"
    assert(file.write(path, assert(json.encode(value))))
    assert.is_nil(handed_down.read(path))
  end)

  for name, text in pairs {
    ["no JSON"] = "{", ["another format"] = '{"format": 2}', ["a list"] = "[]",
    ["no processes"] = '{"format": 1, "base_id": 1, "ports": []}',
    ["a process without a pid"] = '{"format": 1, "base_id": 1, "ports": [], "processes": [{}]}',
    ["a pid that is none"] = '{"format": 1, "base_id": 1, "ports": [], "processes": [{"pid": 0, '
      .. '"start": "", "epoch": 0, "bootstrap": ""}]}',
  } do
    it("is nothing where the file holds " .. name, function()
      assert(file.write(path, text))
      assert.is_nil(handed_down.read(path))
    end)
  end

  it("is adopted by its identity, not by its process id", function()
    local process <close> = assert(child.spawn { argv = { "sleep", "60" }, death_signal = "KILL" })
    local one = { pid = process:pid(), start = owner.identity(process:pid()), epoch = 0,
      bootstrap = "" }
    local adopted = assert(handed_down.adopt(one))
    assert.equal(one.pid, adopted:pid())
    local none, _, code = handed_down.adopt { pid = one.pid, start = one.pid .. " 1", epoch = 0,
      bootstrap = "" }
    assert.is_nil(none)
    assert.equal("ESRCH", code)
    adopted:signal("KILL")
  end)
end)
