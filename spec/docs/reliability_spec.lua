-- docs/reliability.md: its tables are made from rows, and name every fault that there is.

local faults = require("spec.torture.faults")
local file = require("host.file")
local json = require("host.json")
local script = require("spec.support.script")

local PAGE = assert(file.read("docs/reliability.md"))

-- The page with the rows of a folder.
local function page_with(folder)
  return assert(loadfile("docs/reliability.lua"))(folder)
end

local function part_of(text, suite)
  return text:match("<!%-%- rows of " .. suite .. " %-%->\n(.-)<!%-%- end of rows %-%->")
end

describe("the page on reliability", function()
  local folder

  before_each(function() folder = script.folder() end)

  after_each(function() script.discard(folder) end)

  local function rows(suite, list)
    local lines = {}
    for i, row in ipairs(list) do lines[i] = assert(json.encode(row)) .. "\n" end
    assert(file.write(folder .. "/" .. suite .. ".jsonl", table.concat(lines)))
  end

  it("gets the rows of a suite, whatever their texts are", function()
    rows("torture", { { suite = "torture", fault = 'AWS: "x" \\', injected = "`a|b`",
      outcome = "ü\n→", figures = "1 request" } })
    local text = part_of(page_with(folder), "torture")
    assert.matches('| AWS: "x" \\ | `a\\|b` | ü → | 1 request |\n', text, 1, true)
    assert.matches("^Run of %d%d%d%d%-%d%d%-%d%d, on %d+ processors?, Linux %d", text)
  end)

  it("keeps the table of a suite that has no rows there", function()
    assert.equal(PAGE, page_with(folder))
  end)

  it("has every fault of the matrix in its table, and no other", function()
    local text, count = part_of(PAGE, "torture"), 0
    for _, fault in ipairs(faults) do
      assert.matches(("\n| %s: %s | "):format(fault.row, fault.name), text, 1, true)
    end
    for _ in text:gmatch("\n| %u?%l?[%w ]+: ") do count = count + 1 end
    assert.equal(#faults, count)
  end)
end)

describe("the fault matrix", function()
  it("has faults that say where they belong, what they do, and what tells of them", function()
    local names, brief = {}, 0
    for _, fault in ipairs(faults) do
      local name = fault.row .. ": " .. fault.name
      assert.is_nil(names[name], name .. " is there twice")
      names[name], brief = true, brief + (fault.brief and 1 or 0)
      for _, field in ipairs { "injected", "event", "begin", "finish" } do
        assert.is_truthy(fault[field], name .. " has no " .. field)
      end
    end
    assert.equal(6, brief)
  end)
end)
