-- What several commands print: warnings, and columns.

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
    lines[n] = (indent or "") .. (table.concat(cells, "  "):match("^.*%S") or "") .. "\n"
  end
  return table.concat(lines)
end

return report
