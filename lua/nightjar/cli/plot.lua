-- Draws the shares of routes over time as an SVG: one panel for each route, one line for each
-- color. Nothing outside the file is needed to show it, and equal input gives equal bytes. Pure.

local json = require "host.json"
local moment = require "nightjar.cli.moment"
local report = require "nightjar.cli.report"
local simulation = require "nightjar.cli.simulation"

local plot = {}

-- Pixels.
local WIDTH, PANEL, TOP = 860, 280, 30
local LEFT, RIGHT, ABOVE, BELOW = 60, 200, 40, 50

local NAMED = { blue = "#1f77b4", green = "#2ca02c", red = "#d62728", orange = "#ff7f0e",
  yellow = "#bcbd22", purple = "#9467bd", pink = "#e377c2", brown = "#8c564b", black = "#222222",
  gray = "#7f7f7f", grey = "#7f7f7f", cyan = "#17becf" }
local PALETTE = { "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2",
  "#7f7f7f", "#bcbd22", "#17becf" }

-- Seconds between two marks of the time axis.
local INTERVALS = { 1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
  172800, 604800, 2592000 }
local MARKS = 7

local XML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (report.plain(text):gsub('[&<>"]', XML))
end

local function interval_of(from, to)
  for _, seconds in ipairs(INTERVALS) do
    if (to - from) // seconds < MARKS then return seconds end
  end
  return math.max(1, (to - from) // (MARKS - 1))
end

local function mark_text(at, interval, span)
  local utc = moment.utc(at)
  if interval >= 86400 then return utc:sub(1, 10) end
  if interval < 60 then return utc:sub(12, 19) end
  return span >= 86400 and utc:sub(6, 10) .. " " .. utc:sub(12, 16) or utc:sub(12, 16)
end

-- A color by its own name, else the first of the palette that is free.
local function strokes(columns)
  local result, taken = {}, {}
  for i, column in ipairs(columns) do
    local color = NAMED[column.color]
    if color and not taken[color] then result[i], taken[color] = color, true end
  end
  for i in ipairs(columns) do
    for _, color in ipairs(result[i] and {} or PALETTE) do
      if not taken[color] then
        result[i], taken[color] = color, true
        break
      end
    end
    result[i] = result[i] or PALETTE[(i - 1) % #PALETTE + 1]
  end
  return result
end

local function scales(series, top)
  local from, to = series.rows[1].at, series.rows[#series.rows].at
  local width, height = WIDTH - LEFT - RIGHT, PANEL - ABOVE - BELOW
  return {
    from = from, to = to, left = LEFT, right = LEFT + width, bottom = top + ABOVE + height,
    x = function(at) return LEFT + (to > from and (at - from) * width / (to - from) or 0) end,
    y = function(share) return top + ABOVE + height - share * height / 100 end,
  }
end

local function line(out, x1, y1, x2, y2, stroke)
  out[#out + 1] = ('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>\n')
    :format(x1, y1, x2, y2, stroke)
end

local function text(out, x, y, anchor, value, more)
  out[#out + 1] = ('<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>\n')
    :format(x, y, anchor, more or "", escape(value))
end

local function axes(out, scale)
  for share = 0, 100, 25 do
    local y = scale.y(share)
    line(out, scale.left, y, scale.right, y, share == 0 and "#444444" or "#dddddd")
    text(out, scale.left - 8, y + 4, "end", share .. " %")
  end
  local span = scale.to - scale.from
  local interval = interval_of(scale.from, scale.to)
  local at = -(-scale.from // interval) * interval
  while at <= scale.to do
    line(out, scale.x(at), scale.bottom, scale.x(at), scale.bottom + 5, "#444444")
    text(out, scale.x(at), scale.bottom + 20, "middle", mark_text(at, interval, span))
    at = at + interval
  end
  text(out, (scale.left + scale.right) / 2, scale.bottom + 38, "middle",
    ("%s to %s (UTC)"):format(moment.utc(scale.from), moment.utc(scale.to)), ' fill="#666666"')
end

-- A share holds until the next moment, so the line goes in steps.
local function path_of(series, column, scale)
  local parts, last = {}, nil
  for _, row in ipairs(series.rows) do
    local share = row.shares[column]
    if share == json.null then
      last = nil
    else
      local x, y = scale.x(row.at), scale.y(share)
      if last then parts[#parts + 1] = ("H%.1f"):format(x) end
      if not last then parts[#parts + 1] = ("M%.1f %.1f"):format(x, y) end
      if last and last ~= share then parts[#parts + 1] = ("V%.1f"):format(y) end
      last = share
    end
  end
  return table.concat(parts)
end

local function legend(out, scale, top, i, name, style)
  local y = top + ABOVE + 8 + (i - 1) * 20
  out[#out + 1] = ('<path d="M%.1f %.1fh24" %s/>\n'):format(scale.right + 16, y, style)
  text(out, scale.right + 46, y + 4, "start", name)
end

local function panel(out, series, top)
  local scale, colors = scales(series, top), strokes(series.columns)
  text(out, LEFT, top + 24, "start", simulation.title(series), ' font-weight="bold"')
  axes(out, scale)
  for i, column in ipairs(series.columns) do
    -- Where two lines meet, the dashes of the upper one leave the lower one to be seen.
    local style = ('fill="none" stroke="%s" stroke-width="2.5"%s'):format(colors[i],
      i % 2 == 0 and ' stroke-dasharray="8 4"' or "")
    out[#out + 1] = ('<path d="%s" %s/>\n'):format(path_of(series, i, scale), style)
    legend(out, scale, top, i, column.name, style)
  end
end

---@param list cli.Series[]
---@param note string what stands above the panels
---@return string svg
function plot.svg(list, note)
  local height = TOP + #list * PANEL
  local out = { ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
    .. 'viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">\n')
    :format(WIDTH, height, WIDTH, height),
    ('<rect width="%d" height="%d" fill="#ffffff"/>\n'):format(WIDTH, height) }
  text(out, LEFT, 20, "start", note, ' fill="#666666"')
  for i, series in ipairs(list) do panel(out, series, TOP + (i - 1) * PANEL) end
  out[#out + 1] = "</svg>\n"
  return table.concat(out)
end

return plot
