-- The program's entry: finds the command, reads the settings, runs the command
-- and turns what it returns into an exit status.
--
-- A command is a module `nightjar.cli.NAME` that returns
--   about    one line for `nightjar help`
--   usage    "nightjar NAME [flags] …"
--   details? more text for `nightjar NAME --help`
--   flags?   its own flags besides the settings (see cli/args.lua)
--   words?   how many words it takes besides flags: { 0, 1 }; none by default
--   takes?   what these words are, for shells: "command", "file", "folder" or a list of words
--   raw?     true: it gets the words of the command line unparsed, no settings
--   bare?    true: it needs no settings; they are not read, so none can be wrong
--   run      function(settings, args) → exit status | nil, message
-- `args` holds the command's own flags by name (`args.snapshot`, `args.json`;
-- a dash becomes `_`; switches are true or false) and the words as a list.
-- Returning nil (or a status that is not 0) and "on what: why" prints
-- `nightjar: NAME: on what: why`; nil stands for 1.

local parser = require "nightjar.cli.args"
local nearest = require "nightjar.nearest"
local messages = require "nightjar.text"
local output = require "nightjar.cli.output"

local main = {}

---The commands in the order of `nightjar help`.
main.commands = {
  "run", "once", "ready", "cost", "history", "rollback", "resume", "debug", "discover", "record",
  "render", "check", "explain", "diff", "simulate", "test", "config", "completion", "version",
  "help",
}

local HELP = { name = "help", short = "h", about = "show this text" }
local VERSION = { name = "version", about = "print the version" }

-- Exit statuses: failure of what was asked for, and wrong use.
local FAILURE, USAGE = 1, 2

-- Longer than any of ours; a stage cuts what it takes over from others to less.
local LONGEST = 64 * 1024 -- bytes

-- Names of files and words of the command line are in it, which may hold anything.
local function complain(...)
  io.stderr:write("nightjar: ", messages.clean(table.concat({ ... }, ": "), LONGEST), "\n")
end

local function is_command(name)
  for _, known in ipairs(main.commands) do
    if known == name then return true end
  end
  return false
end

---The module of a command.
---@param name string one of main.commands
---@return table
function main.command(name)
  return require("nightjar.cli." .. name)
end

local function settings_flags()
  return require("nightjar.settings").flags()
end

-- Which flags take a value must be known before the command is: it may stand
-- behind them (`nightjar --service-port 80 check`).
local function find_command(argv)
  if argv[1] and is_command(argv[1]) then return argv[1], 1 end
  local flags = settings_flags()
  for _, name in ipairs(main.commands) do
    table.move(main.command(name).flags or {}, 1, #(main.command(name).flags or {}), #flags + 1,
      flags)
  end
  local at = parser.first_word(argv, flags)
  if not at then return "run", nil end
  -- A mistyped flag must be named as such, not the value behind it as a command.
  if not parser.parse(table.move(argv, 1, at - 1, 1, {}), flags) then return "run", nil end
  return argv[at], at
end

local function without(list, position)
  local rest = table.move(list, 1, #list, 1, {})
  if position then table.remove(rest, position) end
  return rest
end

local function switch(value)
  return value ~= nil and not ({ no = 1, ["false"] = 1, ["0"] = 1, [""] = 1 })[value:lower()]
end

-- Parts the parsed flags into those of the command and those that are settings.
local function part(command, values, words)
  local args = words
  for _, flag in ipairs(command.flags or {}) do
    local value = values[flag.name]
    local key = flag.name:gsub("-", "_")
    if flag.value then args[key] = value else args[key] = switch(value) end
    values[flag.name] = nil
  end
  values.help, values.version = nil, nil
  return args, values
end

local function flags_of(command)
  local flags = { HELP, VERSION }
  table.move(command.flags or {}, 1, #(command.flags or {}), #flags + 1, flags)
  if not command.bare then
    local settings = settings_flags()
    table.move(settings, 1, #settings, #flags + 1, flags)
  end
  return flags
end

local function check_words(name, command, words)
  local least, most = 0, 0
  if command.words then least, most = command.words[1], command.words[2] end
  if #words > most then
    return nil, ("%s: %s: unexpected word; usage: %s"):format(name, words[most + 1], command.usage)
  elseif #words < least then
    return nil, ("%s: a word is missing; usage: %s"):format(name, command.usage)
  end
  return true
end

local function print_warnings(name, settings)
  -- The agent's own output is its log; that of the other commands is for eyes.
  local logs = name == "run" or name == "once"
  for _, warning in ipairs(settings.warnings) do
    if logs then
      require("nightjar.log").warn("settings", { message = warning.message })
    else
      complain("settings", "warning", warning.message)
    end
  end
end

local function load_settings(name, flags)
  local settings, errors = require("nightjar.cli.environment").load(flags)
  if not settings then
    for _, message in ipairs(errors) do complain("settings", message) end
    return nil
  end
  require("host.log").configure({ level = settings.log_level, format = settings.log_format })
  print_warnings(name, settings)
  return settings
end

local function finish(status)
  local err = output.finish()
  if err and status == 0 then
    complain("standard output", err)
    return FAILURE
  end
  return status
end

-- The stages name themselves in their messages; the command adds nothing then.
local STAGES = { discover = true, discovery = true, plan = true, publish = true, supervise = true }

local function run(name, command, settings, args)
  local status, message = command.run(settings, args)
  if message and status ~= 0 then
    message = tostring(message)
    if STAGES[message:match("^(%l+): ")] then complain(message) else complain(name, message) end
  end
  return finish(status or FAILURE)
end

local function wants(words, ...)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    for _, wanted in ipairs({ ... }) do
      if word == wanted then return true end
    end
  end
  return false
end

local function prepare_and_run(name, command, words)
  if command.raw then return run(name, command, nil, words) end
  local values, rest = parser.parse(words, flags_of(command))
  if not values then
    complain(name, rest)
    return USAGE
  end
  local args, flags = part(command, values, rest)
  local ok, err = check_words(name, command, args)
  if not ok then
    complain(err)
    return USAGE
  end
  local settings
  if not command.bare then
    settings = load_settings(name, flags)
    if not settings then return USAGE end
  end
  return run(name, command, settings, args)
end

---Runs the program.
---@param argv string[] the words after the program's name
---@return integer status what the process exits with
function main.main(argv)
  local name, at = find_command(argv)
  if not is_command(name) then
    complain(("%s: unknown command%s; `nightjar help` lists them")
      :format(name, nearest.hint(name, main.commands, "%s")))
    return USAGE
  end
  local words = without(argv, at)
  if wants(words, "--help", "-h") then
    return run("help", main.command("help"), nil, { at and name or nil })
  elseif wants(words, "--version") and name ~= "test" then
    return run("version", main.command("version"), nil, {})
  end
  local shell = require("nightjar.cli.shell")
  if name == "run" and shell.wanted(require("host.program").environment()) then
    return run(name, shell, nil, nil)
  end
  return prepare_and_run(name, main.command(name), words)
end

return main
