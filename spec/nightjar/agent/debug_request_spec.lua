-- The file by which `nightjar debug` asks.

local file = require("host.file")
local request = require("nightjar.agent.debug_request")
local script = require("spec.support.script")

describe("debug_request", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  it("is there until it is removed", function()
    assert.is_nil(request.read(folder))
    assert(request.write(folder, 300, 1000))
    assert.same({ seconds = 300, ends = 1300 }, request.read(folder))
    assert.is_true(request.remove(folder))
    assert.is_nil(request.read(folder))
    assert.is_false(request.remove(folder))
  end)

  it("can be read by the agent if root asks", function()
    assert(request.write(folder, 1, 1))
    assert.equal(tonumber("644", 8), assert(file.stat(request.path(folder))).mode)
  end)

  it("asks for a day at most", function()
    assert(request.write(folder, 1 << 40, 1))
    assert.equal(86400, request.read(folder).seconds)
  end)

  for name, text in pairs { ["no JSON"] = "yes", ["another format"] = '{"format":9}',
    ["no end"] = '{"format":1,"seconds":1}', ["half a second"] =
    '{"format":1,"seconds":0.5,"ends":1}' } do
    it("is no silence with " .. name, function()
      assert(file.write(request.path(folder), text))
      local asked, err = request.read(folder)
      assert.is_nil(asked)
      assert.matches("debug.json: .*nightjar debug off", err)
    end)
  end

  it("tells that it cannot be written or removed", function()
    local ok, err, code = request.write(folder .. "/none", 1, 1)
    assert.is_nil(ok)
    assert.matches("debug.json", err)
    assert.equal("ENOENT", code)
    assert(file.mkdir(request.path(folder) .. "/full"))
    ok, err = request.remove(folder)
    assert.is_nil(ok)
    assert.matches("debug.json", err)
  end)
end)
