-- Whose Envoy answers, by what it says of its command line; real ones are in
-- spec/system/stranger_spec.lua.

local file = require("host.file")
local sched = require("nightjar.agent.sched")
local script = require("spec.support.script")
local whose = require("nightjar.agent.whose")

local PATH = "/tmp/ours/nightjar-state/envoy-admin-address"

local function answering(options)
  local asked = 0
  return { base = "http://127.0.0.1:9901", asked = function() return asked end, info = function()
    asked = asked + 1
    return options and { command_line_options = options }, not options and "refused" or nil
  end }
end

local OURS = { admin_address_path = PATH, base_id = "0", config_path = "/tmp/ours/b.yaml" }
local OTHER = { admin_address_path = "/tmp/other/a", base_id = "7", config_path = "/tmp/other/b" }

describe("an Envoy that answers", function()
  it("is another agent's when it writes its address elsewhere, or nowhere", function()
    assert.is_nil(whose.other(answering(OURS), PATH))
    assert.equal("another Envoy answers at 127.0.0.1:9901: base id 7, bootstrap /tmp/other/b",
      whose.other(answering(OTHER), PATH))
    assert.equal("another Envoy answers at 127.0.0.1:9901: base id 0, bootstrap not from a file",
      whose.other(answering {}, PATH))
  end)

  it("is the agent's by whatever path its folder is known", function()
    local folder = script.folder()
    finally(function() script.discard(folder) end)
    assert(file.write(folder .. "/envoy-admin-address", "127.0.0.1:9901"))
    script.sh("ln -s %s %s", folder, folder .. "/link")
    local options = { admin_address_path = folder .. "/link/envoy-admin-address" }
    assert.is_nil(whose.other(answering(options), folder .. "/envoy-admin-address"))
    assert.is_truthy(whose.other(answering(options), folder .. "/other"))
  end)

  it("is named in one line, whatever it says", function()
    local said = whose.there(answering { base_id = {}, config_path = ("x\n\27[31m"):rep(1000) })
    assert.is_nil(said:find("%c"))
    assert.is_true(#said < 5000) -- escaped it is longer
  end)

  it("is nobody else's when it does not say", function()
    assert.is_nil(whose.other(answering(nil), PATH))
    assert.is_nil(whose.there(answering(nil)))
  end)

  it("where none of ours can be is told of whatever it says", function()
    assert.matches("base id 0, bootstrap /tmp/ours/b.yaml$", whose.there(answering(OURS)))
  end)

  describe("to a supervisor", function()
    local folder, process, supervisor

    before_each(function()
      folder, process = script.folder(), {}
      supervisor = { settings = { state_dir = folder }, started = 0, admin = answering(OURS),
        processes = { address_path = PATH, newest = function() return process end } }
    end)

    after_each(function() script.discard(folder) end)

    local function is_ours() return sched.run(whose.is_ours, supervisor) end

    local function write_address()
      assert(file.write(folder .. "/envoy-admin-address", "127.0.0.1:9901"))
    end

    it("is its own from when it has written its address, and asked once", function()
      supervisor.started = sched.now()
      assert.is_false(is_ours())
      assert.is_nil(whose.admin(supervisor))
      write_address()
      assert.is_true(is_ours())
      assert.is_true(is_ours())
      assert.equal(1, supervisor.admin.asked())
      assert.equal(supervisor.admin, whose.admin(supervisor))
      process = {} -- the next one
      assert.is_nil(whose.admin(supervisor))
      assert.is_true(is_ours())
      assert.equal(2, supervisor.admin.asked())
    end)

    it("may be its own though it could not write its address", function()
      supervisor.started = sched.now() - 10
      assert.is_true(is_ours())
    end)

    it("is another's whatever was written", function()
      write_address()
      supervisor.admin = answering(OTHER)
      assert.is_false(is_ours())
      assert.matches("base id 7", supervisor.other)
      assert.is_nil(whose.admin(supervisor))
    end)

    it("is none of its own when it has no process", function()
      process = nil
      assert.is_false(is_ours())
      assert.is_nil(whose.admin(supervisor))
    end)
  end)
end)
