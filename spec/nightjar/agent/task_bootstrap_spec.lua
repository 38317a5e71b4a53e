-- When the task's bootstrap is compared with the template's, and what the log says of it.

local log = require("host.log")
local task_bootstrap = require("nightjar.agent.task_bootstrap")

describe("the bootstrap of a task", function()
  local one, envoy, lines, write

  local function file(content)
    return { { path = "cds.json", content = "{}" }, { path = "boot.yaml", content = content } }
  end

  -- A pass: it has asked Envoy some things before.
  local function look(files)
    envoy.requests = envoy.requests and envoy.requests + 4
    one:look(envoy, files)
  end

  -- Words of the lines that were logged since the last call.
  local function logged()
    local said = lines
    lines = {}
    return said
  end

  before_each(function()
    lines, write = {}, log.write
    log.write = function(_, event, fields)
      lines[#lines + 1] = event .. (fields.reason and " " .. fields.reason or "")
    end
    one = task_bootstrap.new { envoy_configuration_file = "boot.yaml" }
    envoy = { requests = 0, asked = 0, running = { flags_path = "/a" } }
    function envoy:bootstrap()
      self.asked = self.asked + 1
      return self.running, self.problem
    end
  end)

  after_each(function() log.write = write end)

  it("is told once to differ, and once not to any more", function()
    look(file("flags_path: /b"))
    assert.same({ 'bootstrap_differs flags_path: expected "/b", got "/a"' }, logged())
    look(file("flags_path: /b # the same"))
    assert.same({}, logged())
    look(file("flags_path: /c"))
    assert.same({ 'bootstrap_differs flags_path: expected "/c", got "/a"' }, logged())
    local over
    one.ended = function(event) over = event end
    look(file("flags_path: /a"))
    assert.same({ "resolved" }, logged())
    assert.equal("bootstrap_differs", over) -- so that the next one is told at once
    look(file("flags_path: /a # as before"))
    assert.same({}, logged())
  end)

  it("is not asked for again while bootstrap and Envoy are the same", function()
    for _ = 1, 5 do
      look(file("flags_path: /a"))
    end
    assert.equal(1, envoy.asked)
  end)

  it("is asked for again when the bootstrap is another", function()
    look(file("flags_path: /a"))
    look(file("flags_path: /b"))
    assert.equal(2, envoy.asked)
  end)

  it("is asked for again when Envoy has been restarted, or was away", function()
    look(file("flags_path: /a"))
    envoy.requests = 0
    look(file("flags_path: /a"))
    assert.equal(2, envoy.asked)
    one:look(nil, file("flags_path: /a"))
    look(file("flags_path: /a"))
    assert.equal(3, envoy.asked)
  end)

  it("is not asked for again where Envoy does not count requests", function()
    envoy.requests = nil
    for _ = 1, 3 do
      look(file("flags_path: /a"))
    end
    assert.equal(1, envoy.asked)
  end)

  it("that Envoy does not tell is asked for a few times, and told once", function()
    envoy.running, envoy.problem = nil, "envoy admin: no"
    for _ = 1, 6 do
      look(file("flags_path: /a"))
    end
    assert.equal(3, envoy.asked)
    assert.same({ "bootstrap_unknown envoy admin: no" }, logged())
  end)

  it("of which there is no template, or none that can be read, is not asked for", function()
    look({ { path = "cds.json", content = "{}" } })
    look(file("a: [1"))
    look(file("text"))
    assert.equal(0, envoy.asked)
    assert.same({}, logged())
  end)

  it("that differs in much is told in part, with the number of the rest", function()
    local wanted = {}
    for i = 1, 10 do
      wanted[i] = ("f%02d: 1"):format(i)
    end
    look(file(table.concat(wanted, "\n")))
    local line = logged()[1]
    assert.matches("f08: expected 1, got nothing; and 2 more$", line)
    assert.is_nil(line:find("f09", 1, true))
  end)
end)
