-- Writes the last part of docs/status.md, the table of metrics, from the list that they are made
-- of; a spec holds the two together. To write it anew:
--   lua5.4 -e 'local text = dofile("docs/status.lua")
--     assert(io.open("docs/status.md", "w")):write(text)'

package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local families = require "nightjar.agent.status.families"

local PAGE = "docs/status.md"
local MARK = "<!-- The rest of this page is written by docs/status.lua. -->\n"

local lines = { "\n| metric | type | labels | meaning |", "|---|---|---|---|" }

for _, family in ipairs(families) do
  local labels = family.labels and "`" .. table.concat(family.labels, "`, `") .. "`" or ""
  lines[#lines + 1] = ("| `%s` | %s | %s | %s |"):format(family.name, family.type, labels,
    (family.help:gsub("|", "\\|")))
end

local page = assert(io.open(PAGE, "rb"))
local text = page:read("a")
page:close()
local _, last = text:find(MARK, 1, true)
assert(last, PAGE .. ": the mark is missing")
return text:sub(1, last) .. table.concat(lines, "\n") .. "\n"
