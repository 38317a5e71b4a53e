-- Writes the tables of docs/reliability.md from the rows of the last runs of its suites (lines of
-- JSON in build/torture, or the folder that RELIABILITY_ROWS names). Suites without rows there keep
-- the table that they have. To write it anew:
--   lua5.4 -e 'local text = dofile("docs/reliability.lua")
--     assert(io.open("docs/reliability.md", "w")):write(text)'

local PAGE = "docs/reliability.md"
local FOLDER = ... or os.getenv("RELIABILITY_ROWS") or "build/torture"
local COLUMNS = { "fault", "injected", "outcome", "figures" }
local PLAIN = { n = " ", t = " ", r = " ", b = "", f = "", u = "" }

local function first_line(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read("l") or ""
  pipe:close()
  return line
end

-- A row is one flat object of texts.
local function decoded(line)
  local row = {}
  -- What is escaped is put out of the way, so that quotes are ends of texts.
  local bare = line:gsub("\\(.)", function(letter)
    return ("\0%02x"):format((PLAIN[letter] or letter):byte() or 32)
  end)
  for key, value in bare:gmatch('"(%w+)":"([^"]*)"') do
    row[key] = value:gsub("%z(%x%x)", function(code) return string.char(tonumber(code, 16)) end)
  end
  return row
end

local function cell(text)
  return (text or ""):gsub("|", "\\|"):gsub("%s+", " ")
end

local function table_of(path)
  local lines = { ("Run of %s, on %s processors, Linux %s:"):format(
    first_line("date -u -r '" .. path .. "' +%F"), first_line("nproc"), first_line("uname -r"):match("^%d+%.%d+")), "",
    "| " .. table.concat(COLUMNS, " | ") .. " |", ("|---"):rep(#COLUMNS) .. "|" }
  for line in io.lines(path) do
    local row, cells = decoded(line), {}
    for i, name in ipairs(COLUMNS) do cells[i] = cell(row[name]) end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  return table.concat(lines, "\n")
end

local page = assert(io.open(PAGE, "rb"))
local text = page:read("a")
page:close()
return (text:gsub("(<!%-%- rows of ([%w_-]+) %-%->\n)(.-)(<!%-%- end of rows %-%->)",
  function(first, suite, old, last)
    local path = FOLDER .. "/" .. suite .. ".jsonl"
    local rows = io.open(path)
    if not rows then return first .. old .. last end
    rows:close()
    return first .. table_of(path) .. "\n" .. last
  end))
