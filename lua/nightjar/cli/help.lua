-- `nightjar help [COMMAND]`: what there is, and how each command is used.

local nearest = require "nightjar.nearest"
local output = require "nightjar.cli.output"

local function main()
  -- Not at the top: main requires this module to run it.
  return require "nightjar.cli.main"
end

local WIDTH = 96 -- columns; the text of a flag goes on in the next line behind it

local function length(text)
  return utf8.len(text) or #text
end

local function wrap(text, width)
  local lines = { "" }
  for word in text:gmatch("%S+") do
    local line = lines[#lines]
    if line ~= "" and length(line) + 1 + length(word) > width then
      lines[#lines + 1] = word
    else
      lines[#lines] = line == "" and word or line .. " " .. word
    end
  end
  return lines
end

-- Rows of two columns; the left one is as wide as its widest entry.
local function columns(rows)
  local left = 0
  for _, row in ipairs(rows) do left = math.max(left, length(row[1])) end
  local lines = {}
  for _, row in ipairs(rows) do
    local gap = (" "):rep(left - length(row[1]) + 2)
    for i, part in ipairs(wrap(row[2], WIDTH - left - 4)) do
      lines[#lines + 1] = i == 1 and "  " .. row[1] .. gap .. part
        or (" "):rep(left + 4) .. part
    end
  end
  return table.concat(lines, "\n")
end

local function about_flag(flag)
  local text = flag.about or ""
  if flag.words then text = ("%s (%s)"):format(text, table.concat(flag.words, ", ")) end
  if flag.default then text = ("%s [%s]"):format(text, tostring(flag.default)) end
  return text
end

local function flag_rows(flags)
  local rows = {}
  for _, flag in ipairs(flags) do
    if not flag.hidden then
      local left = flag.shown or "--" .. flag.name .. (flag.value and " " .. flag.value or "")
      rows[#rows + 1] = { left, about_flag(flag) }
    end
  end
  return rows
end

local function overview()
  local rows = {}
  for i, name in ipairs(main().commands) do
    rows[i] = { name, main().command(name).about }
  end
  return table.concat({
    "nightjar turns a service mesh described in AWS Cloud Map, or in a file, into",
    "Envoy's configuration, and keeps Envoy running with it.",
    "",
    "Usage: nightjar [COMMAND] [flags] [words]",
    "",
    "Commands (`run` when none is given):",
    columns(rows),
    "",
    "`nightjar COMMAND --help` tells more of one. Settings are flags, environment",
    "variables (SERVICE_PORT for --service-port) or keys of a YAML file (service_port),",
    "in this order of strength; [ ] shows the default:",
    columns(flag_rows(require("nightjar.settings").flags())),
    "",
    "Exit status: 0 done, 1 failed, 2 wrong use.",
  }, "\n")
end

local function of_command(name)
  local command = main().command(name)
  local parts = { name .. ": " .. command.about, "", "Usage: " .. command.usage }
  if command.flags and #command.flags > 0 then
    parts[#parts + 1] = ""
    parts[#parts + 1] = "Flags:"
    parts[#parts + 1] = columns(flag_rows(command.flags))
  end
  if command.details then
    parts[#parts + 1] = ""
    parts[#parts + 1] = command.details
  end
  if not command.bare and not command.raw then
    parts[#parts + 1] = ""
    parts[#parts + 1] = "Settings, also environment variables or keys of a YAML file; "
      .. "[ ] shows the default:"
    parts[#parts + 1] = columns(flag_rows(require("nightjar.settings").flags()))
  end
  return table.concat(parts, "\n")
end

local function run(_, args)
  local name = args[1]
  if name then
    for _, known in ipairs(main().commands) do
      if known == name then
        output.write(of_command(name), "\n")
        return 0
      end
    end
    io.stderr:write(("nightjar: help: %s: unknown command%s\n")
      :format(name, nearest.hint(name, main().commands, "%s")))
    return 2
  end
  output.write(overview(), "\n")
  return 0
end

return {
  about = "list the commands, or explain one",
  usage = "nightjar help [COMMAND]",
  words = { 0, 1 },
  takes = "command",
  bare = true,
  run = run,
}
