-- Rows of docs/reliability.md: each suite leaves its own as lines of JSON, SUITE.jsonl in the
-- folder that RELIABILITY_ROWS names; nothing is written without it.

local json = require("host.json")

local rows = {}
rows.__index = rows

---Begins the rows of a suite; those of its last run go.
---@param suite string
---@return table rows
function rows.of(suite)
  local folder = os.getenv("RELIABILITY_ROWS")
  local self = setmetatable({ suite = suite }, rows)
  if folder and folder ~= "" then
    assert(os.execute(("mkdir -p '%s'"):format(folder:gsub("'", "'\\''"))))
    self.path = ("%s/%s.jsonl"):format(folder, suite)
    assert(io.open(self.path, "w")):close()
  end
  return self
end

---@param row { fault: string, injected: string, outcome: string, figures: string }
function rows:add(row)
  if not self.path then return end
  local out = assert(io.open(self.path, "a"))
  assert(out:write(assert(json.encode { suite = self.suite, fault = row.fault,
    injected = row.injected, outcome = row.outcome, figures = row.figures }), "\n"))
  assert(out:close())
end

return rows
