-- The way back to the accepted generation, kept on disk.

local file = require("host.file")
local log = require("nightjar.log")
local script = require("spec.support.script")
local undo = require("nightjar.agent.undo")

-- What is warned of meanwhile: { event, fields } each.
local function warnings_of(run)
  local told, warn = {}, log.warn
  log.warn = function(event, fields) told[#told + 1] = { event = event, fields = fields } end
  local ok, err = pcall(run)
  log.warn = warn
  assert(ok, err)
  return told
end

describe("undo", function()
  local folder

  before_each(function() folder = script.folder() end)
  after_each(function() script.discard(folder) end)

  it("is found again after a kill", function()
    local one = undo.open(folder, { generation = "a" })
    assert.is_false(one:pending())
    assert.is_true(one:note("b", { { path = "cds.json", step = "clusters", content = "old" },
      { path = "rds/new.json", step = "routes" } }))
    local other = undo.open(folder, { generation = "a" })
    assert.is_true(other:pending())
    assert.equal("old", other:find("cds.json").content)
    assert.is_nil(other:find("rds/new.json").content)
  end)

  it("keeps what was noted first: that was the accepted one", function()
    local one = undo.open(folder)
    one:note("b", { { path = "cds.json", step = "clusters", content = "accepted" } })
    one:note("c", { { path = "cds.json", step = "clusters", content = "of b" } })
    assert.equal("accepted", one:find("cds.json").content)
  end)

  it("is over once its generation is the accepted one", function()
    undo.open(folder, { generation = "a" }):note("b",
      { { path = "cds.json", step = "clusters", content = "old" } })
    assert.is_false(undo.open(folder, { generation = "b" }):pending())
    assert.same({}, file.list(folder))
  end)

  it("is over once a later generation is the accepted one that noted no path anew", function()
    local one = undo.open(folder, { generation = "a" })
    local cds = { path = "cds.json", step = "clusters", content = "accepted" }
    one:note("b", { cds })
    one:note("c", { { path = "cds.json", step = "clusters", content = "of b" } })
    -- Killed here: `c` is accepted, and the way back is still there.
    assert.is_false(undo.open(folder, { generation = "c" }):pending())
    assert.is_nil(file.stat(one.path))
  end)

  it("is stored once for a generation that notes nothing new", function()
    local one = undo.open(folder, { generation = "a" })
    local cds = { path = "cds.json", step = "clusters", content = "accepted" }
    one:note("b", { cds })
    local inode = file.stat(one.path).inode
    one:note("b", { cds })
    one:note("b", { { path = "logo", step = "other", content = "x" } })
    assert.equal(inode, file.stat(one.path).inode)
    -- The next agent goes on with what this one left.
    local next_one = undo.open(folder, { generation = "a" })
    next_one:note("b", { cds })
    assert.equal(inode, file.stat(one.path).inode)
    next_one:note("c", { cds })
    assert.is_false(undo.open(folder, { generation = "c" }):pending())
  end)

  it("leaves no file behind when it is cleared", function()
    local one = undo.open(folder)
    one:note("b", { { path = "cds.json", step = "clusters", content = "old" } })
    one:clear()
    assert.same({}, file.list(folder))
    one:clear()
  end)

  it("is taken away by a later call when the first one could not", function()
    local one = undo.open(folder)
    one:note("b", { { path = "cds.json", step = "clusters", content = "old" } })
    -- A folder with something in it cannot be removed like a file.
    os.remove(one.path)
    assert(file.mkdir(one.path .. "/inside"))
    one:clear()
    assert.is_false(one:pending())
    assert(os.remove(one.path .. "/inside"))
    one:clear()
    assert.same({}, file.list(folder))
  end)

  it("remembers other files without storing them, whatever bytes they hold", function()
    local one = undo.open(folder)
    assert.is_true(one:note("b", { { path = "logo", step = "other", content = "\255\0" } }))
    assert.same({}, file.list(folder))
    assert.equal("\255\0", one:find("logo").content)
    assert.is_true(one:note("b", { { path = "x.json", step = "routes", content = "\255" } }))
    assert.is_nil(undo.open(folder, { generation = "a" }):find("x.json"))
  end)

  it("takes a damaged file as none", function()
    assert(file.write(folder .. "/undo.json", "{"))
    assert.is_false(undo.open(folder, { generation = "a" }):pending())
  end)

  it("says that it could not be stored, and remembers all the same", function()
    local one = undo.open(folder .. "/gone")
    assert.is_nil(one:note("b", { { path = "cds.json", step = "clusters", content = "old" } }))
    assert.is_true(one:pending())
  end)

  it("that holds anything else than entries puts nothing back", function()
    for _, entries in ipairs { '5', '[{}]', '["x"]', '[{"path":1,"step":"routes"}]',
      '[{"path":"cds.json"}]', '[{"path":"cds.json","step":"clusters","content":{}}]' } do
      assert(file.write(folder .. "/undo.json",
        ('{"format":1,"generation":"b","entries":%s}'):format(entries)))
      local told = warnings_of(function()
        assert.is_false(undo.open(folder, { generation = "a" }):pending(), entries)
      end)
      assert.equal("state_unreadable", (told[1] or {}).event, entries)
    end
  end)
end)
