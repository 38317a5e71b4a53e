-- Writes the completion for fish.

local catalogue = require "nightjar.cli.completion.table"

local TEMPLATE = [==[
# fish completion of nightjar, written by `nightjar completion fish`.

# The command is the first word that is one: flags of settings may stand before it.
function __nightjar_command
    for word in (commandline -opc)[2..]
        if contains -- $word @NAMES@
            echo $word
            return 0
        end
    end
    return 1
end

function __nightjar_in
    contains -- (__nightjar_command; or echo run) $argv
end

complete -c nightjar -f
@LINES@
]==]

local fish = {}

local function quote(text)
  return "'" .. text:gsub("[\\']", "\\%0") .. "'"
end

local ARGUMENTS = { file = "-r -F", folder = "-x -a '(__fish_complete_directories)'",
  text = "-x" }

local function argument_of(flag)
  if not flag.value then return "" end
  if flag.kind == "word" then return " -x -a " .. quote(table.concat(flag.words, " ")) end
  return " " .. ARGUMENTS[flag.kind]
end

local function flag_line(flag, condition)
  return ("complete -c nightjar -n %s -l %s%s -d %s"):format(quote(condition),
    flag.name:sub(3), argument_of(flag), quote(flag.about))
end

local function words_line(command, names)
  local condition = ("test (__nightjar_command) = %s"):format(command.name)
  local given = command.words and "-a " .. quote(table.concat(command.words, " "))
    or command.takes == "command" and "-a " .. quote(table.concat(names, " "))
    or command.takes == "folder" and "-a '(__fish_complete_directories)'" or "-F"
  return ("complete -c nightjar -n %s %s"):format(
    quote("__nightjar_command >/dev/null; and " .. condition), given)
end

---@param commands nightjar.completion.Command[]
---@param settings nightjar.completion.Flag[]
---@return string script
function fish.write(commands, settings)
  local lines, with_settings = {}, {}
  local names = catalogue.names(commands)
  for _, command in ipairs(commands) do
    lines[#lines + 1] = ("complete -c nightjar -n 'not __nightjar_command' -a %s -d %s")
      :format(command.name, quote(command.about))
    for _, flag in ipairs(command.flags) do
      lines[#lines + 1] = flag_line(flag, "__nightjar_in " .. command.name)
    end
    if command.takes or command.words then lines[#lines + 1] = words_line(command, names) end
    if command.has_settings then with_settings[#with_settings + 1] = command.name end
  end
  local condition = "__nightjar_in " .. table.concat(with_settings, " ")
  for _, flag in ipairs(settings) do lines[#lines + 1] = flag_line(flag, condition) end
  lines[#lines + 1] = flag_line({ name = "--version", about = "print the version" },
    "not __nightjar_command")
  local filled = { NAMES = table.concat(names, " "), LINES = table.concat(lines, "\n") }
  return (TEMPLATE:gsub("@(%u+)@", filled))
end

return fish
