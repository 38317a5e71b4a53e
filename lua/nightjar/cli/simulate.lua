-- `nightjar simulate`: the shares of a snapshot's routes as time goes on.

local explanation = require "nightjar.cli.explanation"
local listeners = require "nightjar.cli.listeners"
local moment = require "nightjar.cli.moment"
local output = require "nightjar.cli.output"
local replay = require "nightjar.cli.replay"
local report = require "nightjar.cli.report"
local simulation = require "nightjar.cli.simulation"

local MOST = 1000 -- steps
local AT_ONCE = 2 -- runs of nightjar-plan
local FAILURE, USAGE = 1, 2

-- --from, --to and --step as they are written; nil and a message for wrong use.
local function read_times(args)
  local times = {}
  for _, name in ipairs { "from", "to" } do
    if args[name] then
      local value, err = moment.parse(args[name], "--" .. name)
      if not value then return nil, err end
      times[name] = value
    end
  end
  if not times.to then return nil, "--to is missing; expected a time such as +2h" end
  if not args.step then return nil, "--step is missing; expected a span such as 5m" end
  local step, wrong = moment.span(args.step)
  if step == 0 then wrong = "expected a span of at least 1s" end
  if wrong then return nil, ('--step: %s, got "%s"'):format(wrong, report.plain(args.step)) end
  times.step = step
  return times
end

-- Unix seconds of --from or --to; the first moment is the snapshot's own if nobody says another.
local function resolve(time, flag, input)
  if not time then return input.at end
  local at, err = moment.resolve(time, input.snapshot.taken_at)
  return at, err and flag .. ": " .. err
end

-- The moments to plan.
local function moments(times, input)
  local from, wrong = resolve(times.from, "--from", input)
  if not from then return nil, wrong end
  local to, err = resolve(times.to, "--to", input)
  if not to then return nil, err end
  if to < from then
    return nil, ("--to: expected a time from %s on, got %s"):format(moment.utc(from),
      moment.utc(to))
  end
  local count = (to - from) // times.step + 1
  if count > MOST then
    return nil, ("--step: %d steps from %s to %s; expected at most %d (--step %ds)"):format(count,
      moment.utc(from), moment.utc(to), MOST, -(-(to - from) // (MOST - 1)))
  end
  local list = {}
  for i = 1, count do list[i] = from + (i - 1) * times.step end
  return list
end

-- One plan for each moment. After the first failure no more are begun; of those that fail the
-- earliest is told, whichever ended first.
local function plan_all(input, list)
  local failed
  local steps = require("nightjar.agent.sched").all(list, AT_ONCE, function(at)
    if failed then return false end
    local one = { snapshot = input.snapshot, previous = input.previous, at = at,
      settings = input.settings, list = input.list, plan_only = true }
    local response, err = replay.plan(one, true)
    if response then return { at = at, plan = response.plan, warnings = response.warnings } end
    if not failed or at < failed.at then failed = { at = at, err = err } end
    return false
  end)
  if failed then return nil, ("at %s: %s"):format(moment.utc(failed.at), failed.err) end
  return steps
end

-- Within sched.run.
local function simulate(settings, args, times)
  local input, err = replay.find(settings, args)
  if not input then return nil, err, FAILURE end
  local list, wrong = moments(times, input)
  if not list then return nil, wrong, USAGE end
  local steps, problem = plan_all(input, list)
  if not steps then return nil, problem, FAILURE end
  local unknown = listeners.fault(steps[1].plan, args.listener)
  if unknown then return nil, unknown, USAGE end
  return steps, nil, input
end

-- What many steps warn of is told once.
local function tell_warnings(steps)
  local told = {}
  for _, step in ipairs(steps) do
    for _, warning in ipairs(step.warnings) do
      if not told[warning.message] then
        told[warning.message] = true
        report.warnings { warning }
      end
    end
  end
end

local function show(list, facts, args, only)
  if not args.json then
    output.write(simulation.text(list, only))
    return true
  end
  local text, err = require("host.json").encode(facts, { indent = 2 })
  if not text then return nil, err end
  output.write(text, "\n")
  return true
end

local function draw(list, path, origin)
  local note = (#list == 0 and "no share changes, " or "share of requests, ")
    .. report.plain(origin)
  return output.file(path, require("nightjar.cli.plot").svg(list, note))
end

local function run(settings, args)
  local times, wrong = read_times(args)
  if not times then return USAGE, wrong end
  local path, bad = explanation.path(args[1])
  if not bad then bad = select(2, replay.list(args)) end
  if bad then return USAGE, bad end
  local steps, err, input = require("nightjar.agent.sched").run(simulate, settings, args, times)
  if not steps then return input, err end
  local only = { path = path, listener = args.listener }
  local list = simulation.gather(steps, only)
  tell_warnings(steps)
  local ok, problem = show(list, { snapshot = input.origin, from = steps[1].at,
    to = steps[#steps].at, step = times.step, path = path, routes = list }, args, only)
  if ok and args.plot then ok, problem = draw(list, args.plot, input.origin) end
  if not ok then return nil, problem end
  return 0
end

return {
  about = "show the weights of a ramp, or of any policy, over time",
  usage = "nightjar simulate --to TIME --step SPAN [--from TIME] [PATH] [--listener NAME] "
    .. "[--list NAME] [--snapshot FILE] [--plot FILE.svg] [--json] [settings]",
  words = { 0, 1 },
  flags = {
    { name = "from", value = "TIME",
      about = "the first moment, as for `explain --at`; by default that of the snapshot" },
    { name = "to", value = "TIME", about = "the last moment: 2026-11-26T10:00:00Z, +2h" },
    { name = "step", value = "SPAN", about = "from one moment to the next: 30s, 5m, 1h30m" },
    replay.list_flag(),
    { name = "listener", value = "NAME", about = "show this listener alone" },
    { name = "snapshot", value = "FILE",
      about = "simulate with this snapshot or record (- is standard input), not the agent's" },
    { name = "plot", value = "FILE", about = "write an SVG of the shares there too" },
    { name = "json", about = "print JSON instead of a table" },
  },
  details = [[
Plans one snapshot again and again, each time with a later clock, and prints the
share of each color: a table for each route whose shares change, or with PATH for
the routes that answer it.

  nightjar simulate /shop --from 2026-11-26T10:00:00Z --to 2026-11-26T12:00:00Z --step 5m

Only the clock moves: endpoints, attributes and health are those of the snapshot in
each step, and what policies see as in force is what the agent, or the record, has in
force now, not the plan of the step before. At most 1000 steps; relative times (+2h,
-30m) count from the snapshot.

--json prints {snapshot, from, to, step, path?, routes: [{listener, path, match?,
columns: [{cluster, service, color, name}], rows: [{at, weights, shares}]}]}, with
weights and shares (in percent) in the order of the columns, null where there is none.]],
  run = run,
}
