-- `nightjar discover`: prints the snapshot, which is all that the later stages
-- ever see of the world.

local output = require "nightjar.cli.output"

local function run(settings)
  local json = require "host.json"
  local sched = require "nightjar.agent.sched"
  local snapshot = require "nightjar.cli.snapshot"
  local taken, err = sched.run(snapshot.discover, settings)
  if not taken then return nil, err end
  local text, problem = json.encode(taken, { indent = 2 })
  if not text then return nil, "snapshot: " .. problem end
  output.write(text, "\n")
  return 0
end

return {
  about = "print the snapshot of the mesh as JSON",
  usage = "nightjar discover [settings]",
  details = [[
Reads Cloud Map, or the mesh file, once. What it prints is what `nightjar render`
and `nightjar explain --snapshot` read:

  nightjar discover | nightjar render --output /tmp/try]],
  run = run,
}
