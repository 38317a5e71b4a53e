-- `nightjar help [COMMAND]`: what there is, and how each command is used.

local nearest = require "nightjar.nearest"

local function main()
  -- Not at the top: main requires this module to run it.
  return require "nightjar.cli.main"
end

-- Rows of two columns; the left one is as wide as its widest entry.
local function columns(rows)
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, utf8.len(row[1]) or #row[1]) end
  local lines = {}
  for i, row in ipairs(rows) do
    local gap = (" "):rep(width - (utf8.len(row[1]) or #row[1]) + 2)
    lines[i] = "  " .. row[1] .. gap .. row[2]
  end
  return table.concat(lines, "\n")
end

local function flag_rows(flags)
  local rows = {}
  for _, flag in ipairs(flags) do
    if not flag.hidden then
      local left = flag.shown or "--" .. flag.name .. (flag.value and " " .. flag.value or "")
      rows[#rows + 1] = { left, flag.about or "" }
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
    "variables or keys of a YAML file (NIGHTJAR_CONFIG), in this order of strength:",
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
    parts[#parts + 1] = "Settings, also as environment variables or keys of a YAML file:"
    parts[#parts + 1] = columns(flag_rows(require("nightjar.settings").flags()))
  end
  return table.concat(parts, "\n")
end

local function run(_, args)
  local name = args[1]
  if name then
    for _, known in ipairs(main().commands) do
      if known == name then
        io.stdout:write(of_command(name), "\n")
        return 0
      end
    end
    io.stderr:write(("nightjar: help: %s: unknown command%s\n")
      :format(name, nearest.hint(name, main().commands, "%s")))
    return 2
  end
  io.stdout:write(overview(), "\n")
  return 0
end

return {
  about = "list the commands, or explain one",
  usage = "nightjar help [COMMAND]",
  words = { 0, 1 },
  bare = true,
  run = run,
}
