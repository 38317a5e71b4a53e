-- `nightjar explain`: why each weight is what it is. The agent's last snapshot,
-- or another, goes through the policies once more, and what each of them did to
-- a route is shown beneath it.

local explanation = require "nightjar.cli.explanation"
local listeners = require "nightjar.cli.listeners"
local output = require "nightjar.cli.output"
local replay = require "nightjar.cli.replay"
local report = require "nightjar.cli.report"

-- Within sched.run: discovery and nightjar-plan are waited for.
local function make_plan(settings, args, time)
  local input, err = replay.find(settings, args, time)
  if not input then return nil, err end
  input.plan_only = true
  local response, problem = replay.plan(input, true)
  if not response then return nil, problem end
  return { plan = response.plan, warnings = response.warnings, origin = input.origin,
    taken_at = input.snapshot.taken_at, now = input.at }
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
in force; without one the mesh is discovered now.

A second list of policies, which init.lua or the configuration may name beside the
first, is explained with --list shadow.

--json prints {snapshot, taken_at, now, path?, listeners: [{name, mesh, port, audience,
routes: [{path, match?, service, audience, why, clusters, removed}], removed}]}, with
hash, mirrors, timeout, idle_timeout and retries of a route that has them. An item of
`clusters` has cluster, service, color, weight, share (0..1), audience, endpoints
(that get traffic), unhealthy, http2, stale, age, why (lines) and chain: [{by, text,
key?, since?, from?, to?, reason?}]; `by` is "service NAME" or a policy's name.]],
  run = run,
}
