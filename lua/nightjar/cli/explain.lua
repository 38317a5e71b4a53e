-- `nightjar explain`: why each weight is what it is. The agent's last snapshot,
-- or another, goes through the policies once more, and what each of them did to
-- a route is shown beneath it.

local explanation = require "nightjar.cli.explanation"
local output = require "nightjar.cli.output"

local function find_snapshot(settings, args)
  local clock = require "host.clock"
  local snapshot = require "nightjar.cli.snapshot"
  local now = math.floor(clock.now())
  if args.snapshot then
    local taken, err = snapshot.read(args.snapshot)
    return taken, err, args.snapshot, taken and taken.taken_at
  end
  local taken, err = snapshot.of_agent(settings)
  if taken or err then
    return taken, err, "the agent, " .. settings.state_dir .. "/snapshot.json", now
  end
  taken, err = snapshot.discover(settings)
  return taken, err, "discovered now", now
end

-- Within sched.run: discovery and nightjar-plan are waited for.
local function make_plan(settings, args, given_now)
  local planner = require "nightjar.agent.planner"
  local taken, err, origin, now = find_snapshot(settings, args)
  if not taken then return nil, err end
  local response, problem, refusing = planner.run(
    { snapshot = taken, now = given_now or now }, settings)
  if not response then return nil, problem, refusing and refusing.warnings end
  return { plan = response.plan, warnings = response.warnings, origin = origin,
    taken_at = taken.taken_at, now = given_now or now }
end

local function run(settings, args)
  local report = require "nightjar.cli.report"
  local sched = require "nightjar.agent.sched"
  local now, wrong = report.time(args.now)
  if wrong then return 2, wrong end
  local path, bad = explanation.path(args[1])
  if bad then return 2, bad end
  local made, err, warnings = sched.run(make_plan, settings, args, now)
  if not made then
    report.warnings(warnings)
    return nil, err
  end
  local facts = explanation.gather(made, path)
  if args.json then
    local text, problem = require("host.json").encode(facts, { indent = 2 })
    if not text then return nil, "plan: " .. problem end
    output.write(text, "\n")
  else
    output.write(explanation.text(facts))
  end
  report.warnings(made.warnings)
  return 0
end

return {
  about = "tell why each weight is what it is",
  usage = "nightjar explain [PATH] [--snapshot FILE] [--now SECONDS] [--json] [settings]",
  words = { 0, 1 },
  flags = {
    { name = "snapshot", value = "FILE",
      about = "explain this snapshot (- is standard input) instead of the agent's" },
    { name = "now", value = "SECONDS", about = "unix time that policies see" },
    { name = "json", about = "print JSON instead of text" },
  },
  details = [[
Shows every listener with its routes, and for each cluster of a route its weight,
its share of the traffic, its endpoints, and where the weight came from: the key
in Cloud Map first, then what each policy changed. What a policy took out of a
route stands below it, with the reason. With PATH, only the route that answers
a request for that path is shown.

The snapshot is that of the agent with the same TMP_DIR; without one the mesh is
discovered now.]],
  run = run,
}
