-- The pin file.

local file = require("host.file")
local pin = require("nightjar.agent.pin")
local script = require("spec.support.script")

describe("pin", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  it("is there until it is removed", function()
    assert.is_nil(pin.read(folder))
    assert(pin.write(folder, "aaaa1111", 7))
    assert.same({ generation = "aaaa1111", at = 7 }, pin.read(folder))
    assert.is_true(pin.remove(folder))
    assert.is_nil(pin.read(folder))
    assert.is_false(pin.remove(folder))
  end)

  it("can be read by the agent if root has set it", function()
    assert(pin.write(folder, "aaaa1111", 7))
    assert.equal(tonumber("644", 8), assert(file.stat(pin.path(folder))).mode)
  end)

  for name, text in pairs { ["no JSON"] = "yes", ["another format"] = '{"format":9}',
    ["no generation"] = '{"format":1,"at":1}',
    ["no time"] = '{"format":1,"generation":"a","at":"now"}' } do
    it("is no silence with " .. name, function()
      assert(file.write(pin.path(folder), text))
      local pinned, err = pin.read(folder)
      assert.is_nil(pinned)
      assert.matches("pin.json: .*nightjar resume", err)
    end)
  end

  it("tells that it cannot be written or removed", function()
    local ok, err = pin.write(folder .. "/none", "a", 1)
    assert.is_nil(ok)
    assert.matches("pin.json", err)
    assert(file.mkdir(pin.path(folder) .. "/full"))
    ok, err = pin.remove(folder)
    assert.is_nil(ok)
    assert.matches("pin.json", err)
  end)
end)
