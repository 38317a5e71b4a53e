-- Which removed folders matter to Envoy; a real one is in spec/system/removed_folder_spec.lua.

local file = require("host.file")
local log = require("nightjar.log")
local lost_folder = require("nightjar.agent.lost_folder")
local script = require("spec.support.script")

local FILES = {
  { path = "envoy-config.yaml", step = "bootstrap" }, { path = "notes/a.txt", step = "other" },
  { path = "cds.json", step = "clusters" }, { path = "rds/r.json", step = "routes" },
  { path = "eds/new.json", step = "clusters" },
}
local PUBLISHED = { "envoy-config.yaml", "notes/a.txt", "cds.json", "rds/r.json" }

describe("a lost folder", function()
  local root

  before_each(function() root = script.folder() end)
  after_each(function() script.discard(root) end)

  local function look(path, published)
    return lost_folder.look(root, path, published or PUBLISHED, FILES)
  end

  it("is one that Envoy reads from, and that was there", function()
    assert.equal(root .. "/rds", look("rds/r.json"))
    assert(file.mkdir(root .. "/rds"))
    assert.is_nil(look("rds/r.json"))
    assert.is_nil(look("notes/a.txt"))        -- Envoy does not read there
    assert.is_nil(look("eds/new.json"))       -- it is new
    assert.is_nil(look("rds/r.json", {}))     -- nothing is in force
    assert.is_nil(lost_folder.look(root, "rds/r.json", nil, FILES))
  end)

  it("may be that of them all, whatever is written first", function()
    script.discard(root)
    for _, path in ipairs { "envoy-config.yaml", "cds.json", "notes/a.txt" } do
      assert.equal(root, look(path))
    end
  end)

  describe("that is made anew", function()
    local function tell(supervises, running)
      local outdated, told = 0, {}
      stub(log, "warn", function(_, fields) told[#told + 1] = fields.help end)
      finally(function() log.warn:revert() end)
      local one = { confirmed = true,
        processes = { outdate = function() outdated = outdated + 1 end },
        supervises = function() return supervises end, running = function() return running end }
      local deaf = lost_folder.tell(one, "/there")
      return { deaf, outdated, one.confirmed, told }
    end

    it("has Envoy restarted that runs, and nobody asks it before", function()
      assert.same({ true, 1, false, { "Envoy is restarted for it" } }, tell(true, true))
    end)

    it("is nothing to one that is still to start", function()
      assert.same({ false, 0, true, {} }, tell(true, false))
    end)

    it("is told where nobody else can restart it", function()
      assert.same({ false, 0, true, { "restart Envoy" } }, tell(false, false))
    end)
  end)
end)
