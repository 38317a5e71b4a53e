-- Specs of the plot of shares: its axes, lines and legend.
local json = require "host.json"
local plot = require "nightjar.cli.plot"

-- One series; `shares` has one list for each moment.
local function series(names, from, step, shares, more)
  local result = { listener = "private-8080", path = "/shop", columns = {}, rows = {} }
  for i, name in ipairs(names) do
    result.columns[i] = { cluster = name .. "@m", service = "s", color = name, name = name }
  end
  for i, row in ipairs(shares) do
    result.rows[i] = { at = from + (i - 1) * step, shares = row }
  end
  for key, value in pairs(more or {}) do result[key] = value end
  return result
end

local function count(text, part)
  local found, at = 0, 1
  while true do
    local first, last = text:find(part, at, true)
    if not first then return found end
    found, at = found + 1, last + 1
  end
end

describe("the plot", function()
  it("has one panel for each route and one line for each color, in its own color", function()
    local one = series({ "blue", "green" }, 0, 60, { { 100, 0 }, { 50, 50 } })
    local svg = plot.svg({ one, series({ "blue", "v2" }, 0, 60, { { 100, 0 }, { 0, 100 } },
      { path = "/b" }) }, "a note")
    assert.equal(1, count(svg, ">private-8080  /shop<"))
    assert.equal(1, count(svg, ">private-8080  /b<"))
    assert.equal(4, count(svg, '<path d="M60.0'))
    assert.equal(4, count(svg, 'stroke="#1f77b4"')) -- a line and its mark in the legend, twice
    assert.equal(2, count(svg, 'stroke="#2ca02c"'))
    assert.equal(2, count(svg, 'stroke="#ff7f0e"')) -- v2: the first of the palette that is free
  end)

  it("goes in steps, and breaks where a color is not there", function()
    local svg = plot.svg({ series({ "blue" }, 0, 60, { { 100 }, { 50 }, { json.null }, { 0 } }) },
      "")
    assert.matches('<path d="M60.0 70.0H260.0V165.0M660.0 260.0"', svg, 1, true)
  end)

  it("marks the time axis with round times, in words that fit the span", function()
    for _, case in ipairs {
      { 1, ">00:00:00<", ">00:00:05<" }, { 60, ">00:00<", ">00:05<" },
      { 3000, ">00:00<", ">03:00<" },
      { 7200, ">01-01 00:00<", ">01-01 12:00<" }, { 86400, ">1970-01-01<", ">1970-01-08<" },
    } do
      local rows = {}
      for i = 1, 25 do rows[i] = { i } end
      local svg = plot.svg({ series({ "blue" }, 0, case[1], rows) }, "")
      assert.is_truthy(svg:find(case[2], 1, true), case[2])
      assert.is_truthy(svg:find(case[3], 1, true), case[3])
      local marks = count(svg, 'text-anchor="middle"') - 1
      assert.is_true(marks >= 2 and marks <= 7, marks .. " marks")
    end
  end)

  it("can be one moment, and none", function()
    assert.matches("M60.0 165.0", plot.svg({ series({ "blue" }, 5, 1, { { 50 } }) }, ""), 1, true)
    assert.matches("^<svg .*>a note<.*</svg>\n$", plot.svg({}, "a note"))
  end)

  it("writes names as text, whatever they hold", function()
    local svg = plot.svg({ series({ '<b>"&\27' }, 0, 1, { { 1 } }) }, "")
    assert.is_truthy(svg:find("&lt;b&gt;&quot;&amp;\\x1b<", 1, true))
  end)
end)
