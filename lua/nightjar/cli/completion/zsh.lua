-- Writes the completion for zsh: the file `_nightjar` of a folder of its fpath.

local TEMPLATE = [==[
#compdef nightjar
# zsh completion of nightjar, written by `nightjar completion zsh`.

_nightjar() {
  local -a commands settings specs
  commands=(
@COMMANDS@
  )
  settings=(
@SETTINGS@
  )

  # The command is the first word that is one: flags of settings may stand before it.
  local command= word
  for word in ${words[2,CURRENT-1]}; do
    if (( ${commands[(I)${(b)word}:*]} )); then
      command=$word
      break
    fi
  done

  case $command in
@CASES@
    *) specs=($settings '--help[list the commands]' '--version[print the version]'
      '1:command:{_describe -t commands command commands}') ;;
  esac
  _arguments $specs
}

if [[ $funcstack[1] == _nightjar ]]; then
  _nightjar "$@"
else
  compdef _nightjar nightjar
fi
]==]

local zsh = {}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Within brackets a bracket and, for what follows, a colon would end the text.
local function plain(text)
  return (text:gsub("[%[%]:\\]", "\\%0"))
end

local ACTIONS = { file = "_files", folder = "_files -/", text = " ",
  command = "{_describe -t commands command commands}" }

local function spec(flag)
  if not flag.value then return quote(("%s[%s]"):format(flag.name, plain(flag.about))) end
  local action = flag.kind == "word" and "(" .. table.concat(flag.words, " ") .. ")"
    or ACTIONS[flag.kind]
  return quote(("%s=[%s]:%s:%s"):format(flag.name, plain(flag.about), flag.value, action))
end

local function specs(flags, indent)
  local lines = {}
  for i, flag in ipairs(flags) do lines[i] = indent .. spec(flag) end
  return table.concat(lines, "\n")
end

local function case_of(command)
  local words = command.words and "(" .. table.concat(command.words, " ") .. ")"
    or ACTIONS[command.takes] or " "
  return ("    %s) specs=(%s\n%s\n      '1: : ' %s) ;;"):format(command.name,
    command.has_settings and "$settings" or "", specs(command.flags, "      "),
    quote(("*:%s:%s"):format(command.takes or " ", words)))
end

---@param commands nightjar.completion.Command[]
---@param settings nightjar.completion.Flag[]
---@return string script
function zsh.write(commands, settings)
  local names, cases = {}, {}
  for i, command in ipairs(commands) do
    names[i] = "    " .. quote(command.name .. ":" .. plain(command.about))
    cases[i] = case_of(command)
  end
  local filled = { COMMANDS = table.concat(names, "\n"), SETTINGS = specs(settings, "    "),
    CASES = table.concat(cases, "\n") }
  return (TEMPLATE:gsub("@(%u+)@", filled))
end

return zsh
