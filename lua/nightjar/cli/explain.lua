-- `nightjar explain`: why each weight is what it is. The agent's last snapshot,
-- or another, goes through the policies once more, and what each of them did to
-- a route is shown beneath it.

local difference = require "nightjar.agent.difference"
local explanation = require "nightjar.cli.explanation"
local listeners = require "nightjar.cli.listeners"
local memory = require "nightjar.agent.memory"
local output = require "nightjar.cli.output"
local replay = require "nightjar.cli.replay"
local report = require "nightjar.cli.report"

-- What the agent has in force, which may be something else: a generation is pinned, the last pass
-- has failed, or somebody has just saved a policy. Whoever asks for another time knows.
local function in_force(input, plan, args, time)
  if not input.accepted or time or args.list == "shadow" then return nil end
  local before = {}
  for name, value in pairs(input.accepted) do before[name] = value end
  before.lingering = nil -- these are of the past
  return { generation = before.generation, pinned = before.pinned ~= nil,
    difference = difference.between(before, memory.of(plan), {}) }
end

-- Within sched.run: discovery and nightjar-plan are waited for.
local function make_plan(settings, args, time)
  local input, err = replay.find(settings, args, time)
  if not input then return nil, err end
  input.plan_only = true
  local response, problem = replay.plan(input, true)
  if not response then return nil, problem end
  return { plan = response.plan, warnings = response.warnings, origin = input.origin,
    taken_at = input.snapshot.taken_at, now = input.at,
    in_force = in_force(input, response.plan, args, time),
    other_policies = replay.has_other_policies(input, response) }
end

local function show(facts, args)
  if not args.json then
    output.write(explanation.text(facts))
    return true
  end
  local text, problem = require("host.json").encode(facts, { indent = 2 })
  if not text then return nil, "plan: " .. problem end
  output.write(text, "\n")
  return true
end

local function run(settings, args)
  local time, wrong = replay.time(args)
  if wrong then return 2, wrong end
  local path, bad = explanation.path(args[1])
  if not bad then bad = select(2, replay.list(args)) end
  if bad then return 2, bad end
  local made, err = require("nightjar.agent.sched").run(make_plan, settings, args, time)
  if not made then return nil, err end
  local unknown = listeners.fault(made.plan, args.listener)
  if unknown then return 2, unknown end
  local ok, problem = show(explanation.gather(made, path, args.listener), args)
  if not ok then return nil, problem end
  report.warnings(made.warnings)
  return 0
end

local flags = replay.flags("explain this snapshot or record (- is standard input) instead of the "
  .. "agent's")
flags[#flags + 1] = { name = "listener", value = "NAME", about = "show this listener alone" }
flags[#flags + 1] = replay.list_flag()
flags[#flags + 1] = { name = "json", about = "print JSON instead of text" }

return {
  about = "tell why each weight is what it is",
  usage = "nightjar explain [PATH] [--listener NAME] [--list NAME] [--snapshot FILE] [--at TIME] "
    .. "[--json] [settings]",
  words = { 0, 1 },
  flags = flags,
  details = [[
Shows every listener with its routes, and for each cluster of a route its weight,
its share of the traffic, its endpoints, and the chain that led to the weight: the
service and key in Cloud Map that set it, and since when; then each policy that
changed it, and why. What a policy took out of a route stands below it, with the
reason. With PATH, only the routes that answer a request for that path are shown.

The snapshot is that of the agent with the same TMP_DIR, together with what it has
in force, and where that is not what the policies make now (a generation is pinned, a
policy has just been edited), a line says so; without one the mesh is discovered now.

A second list of policies, which init.lua or the configuration may name beside the
first, is explained with --list shadow.

--json prints {snapshot, taken_at, now, other_policies (than a record was made with),
in_force? ({generation, pinned, difference: lines from it to the plan}), path?,
listeners: [{name, mesh, port, audience, routes: [{path, match?, service, audience,
why, clusters, removed}], removed}]}, with hash, mirrors, timeout, idle_timeout and
retries of a route that has them. An item of `clusters` has cluster, service, color,
weight, share (0..1), audience, cookie?, endpoints (that get traffic), priorities?
([{priority, endpoints}]), unhealthy, http2, stale, age, why (lines) and chain: [{by,
text, key?, since?, from?, to?, reason?}]; `by` is "service NAME" or a policy's name.
match, hash, mirrors, retries and cookie have the form of the mesh in
docs/policies.md.]],
  run = run,
}
