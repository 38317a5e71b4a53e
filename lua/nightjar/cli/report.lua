-- What several commands print: warnings, columns, and the time they are given.

local messages = require "nightjar.text"

local report = {}

---Prints each warning of a snapshot or plan as one line on standard error.
---@param warnings {code: string, message: string}[]?
function report.warnings(warnings)
  for _, warning in ipairs(warnings or {}) do
    io.stderr:write("nightjar: warning: ", report.plain(warning.message), "\n")
  end
end

---Text from the mesh as it may stand on a terminal: one line without controls.
---@param text any
---@return string
function report.plain(text)
  return messages.clean(tostring(text))
end

---A point in time as given on the command line.
---@param text string?
---@return integer? seconds nil when none was given
---@return string? err
function report.time(text)
  if not text then return nil end
  local now = text:match("^%d+$") and #text <= 12 and math.tointeger(tonumber(text))
  if now then return now end
  return nil, ('--now: expected unix seconds, got "%s"'):format(report.plain(text))
end

local function width(text)
  return utf8.len(text) or #text
end

---Rows of text as aligned columns, two spaces apart; the last one is ragged.
---@param rows string[][]
---@param indent? string
---@return string lines, each with its newline
function report.columns(rows, indent)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, width(cell)) end
  end
  for n, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      cells[i] = i == #row and cell or cell .. (" "):rep(widths[i] - width(cell))
    end
    lines[n] = (indent or "") .. table.concat(cells, "  "):gsub("%s+$", "") .. "\n"
  end
  return table.concat(lines)
end

return report
