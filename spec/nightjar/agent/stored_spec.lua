-- Reading what the agent keeps.

local file = require("host.file")
local script = require("spec.support.script")
local stored = require("nightjar.agent.stored")

describe("stored", function()
  local path, folder

  before_each(function()
    folder = script.folder()
    path = folder .. "/kept.json"
  end)
  after_each(function() script.discard(folder) end)

  it("gives what a file holds", function()
    assert(file.write(path, '{"format": 1, "a": [2]}'))
    assert.same({ format = 1, a = { 2 } }, (stored.read(path)))
  end)

  it("is silent of a file that is not there", function()
    assert.same({ nil, nil, n = 2 }, table.pack(stored.read(path)))
  end)

  it("names a file that cannot be used, and what is wrong with it", function()
    for text, why in pairs { ['{"format": 1'] = "kept.json: ", ["[]"] = "expected format 1",
      ['{"format": 2}'] = "expected format 1", ["7"] = "expected format 1" } do
      assert(file.write(path, text))
      local value, err = stored.read(path)
      assert.is_nil(value)
      assert.is_truthy(err:find(why, 1, true), err)
      assert.is_truthy(err:find(path, 1, true), err)
    end
    local value, err = stored.read(folder)
    assert.is_nil(value)
    assert.is_truthy(err:find("expected a file, found a folder", 1, true), err)
  end)

  it("names a file that holds something else", function()
    assert(file.write(path, '{"format": 1}'))
    local value, err = stored.read(path, function() return false end)
    assert.is_nil(value)
    assert.equal(path .. ": expected what an agent keeps there", err)
  end)

  it("looks a second time when the first one fails", function()
    if not script.can_trace() then return pending(script.NO_TRACE) end
    assert(file.write(path, '{"format": 1}'))
    local text = ([[
      local value, err = require("nightjar.agent.stored").read(%q)
      say(value and "read" or err)
    ]]):format(path)
    local log = folder .. "/trace"
    assert.same({ "read" }, script.run(text, script.trace("-e trace=read -y", log)).said)
    -- The number of the call that reads the file, among all that read.
    local number = 0
    for line in assert(file.read(log)):gmatch("[^\n]+") do
      number = number + 1
      if line:find(path, 1, true) then break end
    end
    local function with(times)
      return script.run(text, script.trace(("-e trace=read -e inject=read:error=EIO:when=%s")
        :format(times))).said
    end
    assert.same({ "read" }, with(tostring(number)))
    assert.same({ "cannot read: " .. path .. ": Input/output error" },
      with(number .. ".." .. number + 1))
  end)
end)
