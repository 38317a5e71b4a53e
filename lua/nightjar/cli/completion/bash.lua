-- Writes the completion for bash. It needs bash 4 and nothing of the package bash-completion.

local catalogue = require "nightjar.cli.completion.table"

-- What is the same for whatever there is to complete. COMMANDS, SETTINGS, VALUES (the flags that
-- take one), OWN (cases for the flags of each command), KINDS (cases for what a flag's value is)
-- and WORDS (cases for what the words of a command are) are filled in.
local TEMPLATE = [==[
# bash completion of nightjar, written by `nightjar completion bash`.

_nightjar_reply() { # file | folder | text | WORD…
  case $1 in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    text) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur") ;;
  esac
}

_nightjar() {
  local commands='@COMMANDS@'
  local settings='@SETTINGS@'
  local values=' @VALUES@ '
  local cur=${COMP_WORDS[COMP_CWORD]} command='' flag='' only_words='' i word
  COMPREPLY=()

  # Bash parts --flag=value at the equals sign.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -n $only_words || $word != -* ]]; then
      [[ -n $command ]] || command=$word
    elif [[ $word == -- ]]; then
      only_words=yes
    elif [[ ${COMP_WORDS[i + 1]} == '=' ]]; then
      ((i + 2 >= COMP_CWORD)) && flag=$word
      ((i += 2))
    elif [[ ${values//$'\n'/ } == *" $word "* ]]; then
      ((i + 1 == COMP_CWORD)) && flag=$word
      ((i += 1))
    fi
  done
  [[ -n $flag && $cur == '=' ]] && cur=''

  if [[ -n $flag ]]; then
    case "$command $flag" in
@KINDS@
    esac
  elif [[ $cur == -* && -z $only_words ]]; then
    case $command in
@OWN@
      '') _nightjar_reply $settings --help --version ;;
    esac
  else
    case $command in
      '') _nightjar_reply $commands ;;
@WORDS@
    esac
  fi
}

complete -F _nightjar nightjar
]==]

local bash = {}

local function case(pattern, reply)
  return ("      %s) _nightjar_reply %s ;;"):format(pattern, reply)
end

local function reply_for(flag)
  return flag.kind == "word" and table.concat(flag.words, " ") or flag.kind
end

local function kinds(commands, settings)
  local lines = {}
  for _, command in ipairs(commands) do
    for _, flag in ipairs(command.flags) do
      if flag.value and flag.kind ~= "text" then
        lines[#lines + 1] = case(("'%s %s'"):format(command.name, flag.name), reply_for(flag))
      end
    end
  end
  for _, flag in ipairs(settings) do
    if flag.value and flag.kind ~= "text" then
      lines[#lines + 1] = case(("*' %s'"):format(flag.name), reply_for(flag))
    end
  end
  return table.concat(lines, "\n")
end

-- Each flag that takes a value, once.
local function with_value(commands, settings)
  local names, seen = {}, {}
  local function add(flags)
    for _, flag in ipairs(flags) do
      if flag.value and not seen[flag.name] then
        seen[flag.name], names[#names + 1] = true, flag.name
      end
    end
  end
  add(settings)
  for _, command in ipairs(commands) do add(command.flags) end
  return names
end

local function own(commands)
  local lines = {}
  for _, command in ipairs(commands) do
    local names = table.concat(catalogue.names(command.flags), " ")
    lines[#lines + 1] = case(command.name,
      names .. (command.has_settings and " $settings" or ""))
  end
  return table.concat(lines, "\n")
end

local function words(commands)
  local lines = {}
  for _, command in ipairs(commands) do
    local reply = command.words and table.concat(command.words, " ")
      or command.takes == "command" and "$commands" or command.takes
    if reply then lines[#lines + 1] = case(command.name, reply) end
  end
  return table.concat(lines, "\n")
end

---@param commands nightjar.completion.Command[]
---@param settings nightjar.completion.Flag[]
---@return string script
function bash.write(commands, settings)
  local filled = {
    COMMANDS = catalogue.fill(catalogue.names(commands), "    ", 90),
    SETTINGS = catalogue.fill(catalogue.names(settings), "    ", 90),
    VALUES = catalogue.fill(with_value(commands, settings), "    ", 90),
    KINDS = kinds(commands, settings), OWN = own(commands), WORDS = words(commands),
  }
  return (TEMPLATE:gsub("@(%u+)@", filled))
end

return bash
