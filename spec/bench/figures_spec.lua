-- What the bench makes of its figures: targets that are met or not, the plot, and moments.

local cli = require("spec.support.cli")

-- What some lines of Python print that use the bench's modules.
local function python(text)
  local folder = cli.folder()
  cli.write(folder .. "/one.py", "import sys\nsys.path.insert(0, 'bench')\n" .. text)
  local pipe = assert(io.popen("python3 -B " .. folder .. "/one.py 2>&1"))
  local said = pipe:read("a")
  pipe:close()
  cli.remove(folder)
  return said
end

describe("the bench", function()
  it("meets no target that is missed by a little, and none that was not measured", function()
    assert.equal("1.04 False\n1 True\n0 True\nNone None\n", python([[
import table
for value in 1.04, 1, 0, None:
    rows = table.targets(table.Result({"S": {"0 ms": {"wakeups": value}}}), ["S"])
    print(value, *(row[3] for row in rows if row[0].startswith("wake-ups")))
]]))
  end)

  it("shows by how little a ratio has missed its target", function()
    assert.equal("1/1.96 False\n1/2.04 True\n", python([[
import table
for value in 0.51, 0.49:
    one = {"cpu": value, "go_cpu": 1}
    rows = table.targets(table.Result({"S": {"0 ms": one}}), ["S"])
    print(*(" ".join(map(str, row[2:])) for row in rows if row[0].endswith("Go while it runs")))
]]))
  end)

  it("writes large numbers in its plot as its tables do", function()
    local svg = python([[
import plot
one = {"cpu": 0.002, "first_cpu": 1.851, "wall": 0.004, "first_wall": 21.556, "resident": 12.1}
print(plot.growth({"S": {"0 ms": one}, "L": {"0 ms": one}}, ["S", "L"]))
]])
    assert.matches("first pass: 1,851</title>", svg, 1, true)
    assert.matches("first pass: 21,556</title>", svg, 1, true)
    assert.is_nil(svg:find("%de%+"))
  end)

  it("takes when a pass ended from what the agent says, not from when it was read", function()
    assert.equal("1793000000.123\n", python([[
import agent
line = object.__new__(agent.Line)
line.text = "time=2026-10-26T07:33:20.123Z level=info event=published seconds=0.065\n"
print(line.date())
]]))
  end)
end)
