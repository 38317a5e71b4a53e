-- What there is to complete, read from the commands' own tables and the settings' schema: the
-- three shells are written from this, so that none of them can know other flags than the program.

local catalogue = {}

-- What a flag's value is, by the placeholder that help shows for it.
local BY_PLACEHOLDER = { FILE = "file", FOLDER = "folder" }

local function kind_of(flag)
  if not flag.value then return nil end
  if flag.words then return "word" end
  if flag.is_path then return flag.name:match("%-dir$") and "folder" or "file" end
  return BY_PLACEHOLDER[flag.value] or "text"
end

local function entry(flag)
  return { name = "--" .. flag.name, about = flag.about or "", value = flag.value,
    kind = kind_of(flag), words = flag.words }
end

-- Flags that help does not show are not offered either, but for the name by which everybody knows
-- the file of settings.
local function shown(flags, list)
  for _, flag in ipairs(flags or {}) do
    if not flag.hidden or flag.name == "config" then list[#list + 1] = entry(flag) end
  end
  return list
end

---@class nightjar.completion.Flag
---@field name string with its dashes
---@field about string one line
---@field value string? the placeholder of its value; nil for a switch
---@field kind string? of the value: "file", "folder", "word" (one of `words`) or "text"
---@field words string[]?

---@class nightjar.completion.Command
---@field name string
---@field about string
---@field flags nightjar.completion.Flag[] its own
---@field has_settings boolean whether it takes the settings' flags as well
---@field takes string? what its words are: "command", "file" or "folder"
---@field words string[]? what they are instead of that, one of these

---All that can be completed.
---@return nightjar.completion.Command[] commands in the order of help
---@return nightjar.completion.Flag[] settings
function catalogue.read()
  -- Not at the top: main requires the commands, of which this serves one.
  local main = require "nightjar.cli.main"
  local commands = {}
  for i, name in ipairs(main.commands) do
    local command = main.command(name)
    local takes = command.takes
    local flags = shown(command.flags, {})
    flags[#flags + 1] = { name = "--help", about = "explain this command" }
    commands[i] = { name = name, about = command.about, flags = flags,
      has_settings = not command.bare and not command.raw,
      takes = type(takes) == "string" and takes or nil,
      words = type(takes) == "table" and takes or nil }
  end
  return commands, shown(require("nightjar.settings").flags(), {})
end

---Words in lines of at most `width` columns.
---@param words string[]
---@param indent string in front of each line but the first
---@param width integer
---@return string
function catalogue.fill(words, indent, width)
  local lines = { "" }
  for _, word in ipairs(words) do
    local line = lines[#lines]
    if line ~= "" and #indent + #line + 1 + #word > width then
      lines[#lines + 1] = word
    else
      lines[#lines] = line == "" and word or line .. " " .. word
    end
  end
  return table.concat(lines, "\n" .. indent)
end

---The names of flags or commands.
---@param list { name: string }[]
---@return string[]
function catalogue.names(list)
  local names = {}
  for i, one in ipairs(list) do names[i] = one.name end
  return names
end

return catalogue
