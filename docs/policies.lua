-- Writes the last part of docs/policies.md from the policies' own records; a spec holds the two
-- together. To write it anew:
--   lua5.4 -e 'local text = dofile("docs/policies.lua")
--     assert(io.open("docs/policies.md", "w")):write(text)'

package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local policy_folder = require "nightjar.plan.policy_folder"

local PAGE = "docs/policies.md"
local MARK = "<!-- The rest of this page is written by docs/policies.lua. -->\n"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function read_folder(list, folder, prefix)
  local pipe = assert(io.popen("ls " .. folder .. "/*.lua"))
  for path in pipe:lines() do
    list[#list + 1] = { name = prefix .. path:match("[^/]+$"), text = read(path) }
  end
  pipe:close()
  return list
end

local files = read_folder(read_folder({}, "policies", ""), "policies/lib", "lib/")
local lines = {}

local function add(text, ...)
  lines[#lines + 1] = select("#", ...) > 0 and text:format(...) or text
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function default_of(setting)
  local value = setting.default
  if value == nil then return "none" end
  if type(value) == "table" then return #value == 0 and "none" or table.concat(value, ", ") end
  return value == "" and "none" or ("`%s`"):format(value)
end

local function cell(text)
  return (text:gsub("|", "\\|"))
end

add("\n## The shipped policies\n")
add("In their order, with the attributes that a service can carry and the settings in the")
add("configuration (default in parentheses).")
for _, policy in ipairs(assert(policy_folder.load(files))) do
  local record = policy.record
  add("\n### %s\n\n%s", policy.name, record.about)
  local attributes, settings = sorted_keys(record.attributes), sorted_keys(record.settings)
  if #attributes + #settings > 0 then add("\n| | |\n|---|---|") end
  for _, name in ipairs(attributes) do
    local one = record.attributes[name]
    add("| `%s`%s | %s |", name, one.path and (", `%s:/path`"):format(name) or "", cell(one.about))
  end
  for _, name in ipairs(settings) do
    local one = record.settings[name]
    add("| setting `%s` (%s) | %s |", name, default_of(one), cell(one.about))
  end
end

local text = read(PAGE)
local head = assert(text:sub(1, select(2, text:find(MARK, 1, true))))
return head .. table.concat(lines, "\n") .. "\n"
