-- `nightjar completion SHELL`: the script with which a shell completes commands and flags.

local SHELLS = { "bash", "zsh", "fish" }

local function is_shell(name)
  for _, known in ipairs(SHELLS) do
    if known == name then return true end
  end
  return false
end

local function run(_, args)
  local name = args[1]
  if not is_shell(name) then
    return 2, ("%s: expected one of %s"):format(name, table.concat(SHELLS, ", "))
  end
  local commands, settings = require("nightjar.cli.completion.table").read()
  require("nightjar.cli.output").write(
    require("nightjar.cli.completion." .. name).write(commands, settings))
  return 0
end

return {
  about = "print what makes a shell complete commands, flags and their values",
  usage = "nightjar completion bash|zsh|fish",
  words = { 1, 1 },
  takes = SHELLS,
  bare = true,
  details = [[
`make install` puts all three where the shells look for them. Elsewhere:

  source <(nightjar completion bash)
  nightjar completion zsh > "${fpath[1]}/_nightjar"
  nightjar completion fish > ~/.config/fish/completions/nightjar.fish]],
  run = run,
}
