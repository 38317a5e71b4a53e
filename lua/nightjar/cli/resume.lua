-- `nightjar resume`: ends what `nightjar rollback` pinned.

local output = require "nightjar.cli.output"
local past = require "nightjar.cli.past"
local pin = require "nightjar.agent.pin"

local OUTCOMES = {
  done = "the agent follows the mesh again",
  absent = "no agent runs with this TMP_DIR now",
}

local function run(settings)
  local was, err = pin.remove(settings.state_dir)
  if was == nil then return nil, err end
  if not was then
    output.write("nothing was pinned\n")
    return 0
  end
  output.write("the pin has ended\n")
  output.finish()
  local outcome = past.await(settings, function(accepted) return not accepted.pinned end)
  if not OUTCOMES[outcome] then
    return 1, "not followed after 20 seconds; the agent's log says why"
  end
  output.write(OUTCOMES[outcome], "\n")
  return 0
end

return {
  about = "end a rollback: follow the mesh again",
  usage = "nightjar resume [settings]",
  details = [[
Removes the pin of `nightjar rollback` and waits until the agent has published what
the mesh, the policies and the templates say now. Exit status: 0 when it has (or no
agent runs, or nothing was pinned), 1 otherwise.]],
  run = run,
}
