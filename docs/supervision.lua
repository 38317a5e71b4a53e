-- Writes the last part of docs/supervision.md from the state table; a spec holds the two together.
-- To write it anew:
--   lua5.4 -e 'local text = dofile("docs/supervision.lua")
--     assert(io.open("docs/supervision.md", "w")):write(text)'

package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local lifecycle = require "nightjar.agent.lifecycle"

local PAGE = "docs/supervision.md"
local MARK = "<!-- The rest of this page is written by docs/supervision.lua. -->\n"

local lines = {}

local function add(text, ...)
  lines[#lines + 1] = select("#", ...) > 0 and text:format(...) or text
end

local function list(head, entries)
  add("\n| %s | |\n|---|---|", head)
  for _, entry in ipairs(entries) do add("| `%s` | %s |", entry[1], entry[2]) end
end

list("state", lifecycle.states)
list("event", lifecycle.events)
list("action", lifecycle.actions)

add("\nIn each state, what each event leads to; an event that is not named changes nothing there.\n")
add("| state | event | next state | actions |\n|---|---|---|---|")
for _, state in ipairs(lifecycle.states) do
  for _, event in ipairs(lifecycle.events) do
    local cell = lifecycle.cells[state[1]][event[1]]
    if cell ~= "ignored" then
      add("| `%s` | `%s` | `%s` | %s |", state[1], event[1], cell.next,
        #cell.actions > 0 and "`" .. table.concat(cell.actions, "`, `") .. "`" or "")
    end
  end
end

local page = assert(io.open(PAGE, "rb"))
local text = page:read("a")
page:close()
local _, last = text:find(MARK, 1, true)
return text:sub(1, assert(last, PAGE .. ": the mark is missing")) .. table.concat(lines, "\n") .. "\n"
