-- `nightjar check`: everything that can be known to be wrong before it is put
-- to work: settings, policies with their examples, templates, and what Envoy
-- thinks of the files they make.

local advice = require "nightjar.cli.advice"
local output = require "nightjar.cli.output"
local replay = require "nightjar.cli.replay"
local report = require "nightjar.cli.report"

-- Counts what was found; each finding is one line on standard error. What ends
-- both the examples and the plan is found once.
local function new_findings(settings)
  local findings, told = { count = 0, warned = {} }, {}
  function findings:add(message)
    if told[message] then return end
    told[message] = true
    self.count = self.count + 1
    io.stderr:write("nightjar: ", report.plain(advice.add(message, settings)), "\n")
  end
  return findings
end

-- `told` remembers: what both lists of policies warn of is told once.
local function tell_warnings(list, settings, told)
  for _, warning in ipairs(list or {}) do
    if not told[warning.message] then
      told[warning.message] = true
      report.warnings { { message = advice.add(warning.message, settings) } }
    end
  end
end

local function count_of(number, what)
  return ("%d %s%s"):format(number, what, number == 1 and "" or "s")
end

-- Written at once, so that findings stand below what they belong to.
local function say(what, result)
  output.write(what, ": ", report.plain(result), "\n")
  output.finish()
end

-- main has read and checked them, and has told its warnings.
local function check_settings(settings)
  local count = #settings.warnings
  say("settings", count == 0 and "ok"
    or ("ok, with %d warning%s"):format(count, count == 1 and "" or "s"))
end

local function example_label(one, settings)
  local planner = require "nightjar.agent.planner"
  local about = one.about and one.about ~= "" and (" (%s)"):format(one.about) or ""
  return ("%s: example %d%s"):format(
    planner.located(advice.example_place(settings, one.policy, one.about or ""), settings),
    one.index, about)
end

local function check_examples(settings, now, findings)
  local planner = require "nightjar.agent.planner"
  local snapshot = require "nightjar.cli.snapshot"
  local response, err = planner.run(
    { command = "examples", now = now, snapshot = snapshot.empty(settings, now) }, settings)
  if not response then
    say("policies", "failed")
    return findings:add(err)
  end
  local failed = 0
  for _, one in ipairs(response.examples or {}) do
    if not one.ok then
      failed = failed + 1
      findings:add(("policy: %s: %s"):format(example_label(one, settings),
        one.message or "failed"))
    end
  end
  say("policies", failed == 0 and ("ok, %d examples"):format(#(response.examples or {}))
    or ("%d of %d examples failed"):format(failed, #response.examples))
end

-- What to try policies and templates with: the file given, the mesh file, or an empty mesh.
local function find_input(settings, args, time, now)
  local snapshot = require "nightjar.cli.snapshot"
  if args.snapshot then return replay.find(settings, args, time) end
  local input = { at = time and time.at or now, settings = settings }
  local err
  if settings.discovery == "file" then
    input.snapshot, err = snapshot.discover(settings)
    input.origin = settings.mesh_file
  else
    input.snapshot = snapshot.empty(settings, now)
    input.origin = "an empty mesh; --snapshot names a real one"
  end
  if time and time.offset then input.at = math.max(0, now + time.offset) end
  return input.snapshot and input, err
end

local function plan_summary(plan)
  local routes = 0
  for _, listener in ipairs(plan.listeners) do routes = routes + #listener.routes end
  return ("ok, %s, %s, %s"):format(count_of(#plan.listeners, "listener"),
    count_of(routes, "route"), count_of(#plan.clusters, "cluster"))
end

-- Envoy's admin interface would take the port of a listener, or the other way round.
local function check_ports(plan, settings, findings)
  for _, listener in ipairs(plan.listeners) do
    if listener.port == settings.envoy_admin_port then
      findings:add(("settings: ENVOY_ADMIN_PORT: %d is the port of listener %s (mesh %s) too; "
        .. "expected another one"):format(listener.port, listener.name, listener.mesh))
    end
  end
end

-- The plan has failed: before any template, or in one.
local function tell_failure(problem, refusing, input, findings)
  local failure = refusing and refusing.error or {}
  if failure.stage == "view" or failure.stage == "render" then
    say("plan", "ok")
    say("templates", "failed")
  else
    say("plan", "failed")
  end
  if not refusing then tell_warnings(input.snapshot.warnings, input.settings, {}) end
  findings:add(problem)
end

local function check_plan(input, findings)
  local planner = require "nightjar.agent.planner"
  local response, problem, refusing = planner.run({ snapshot = input.snapshot, now = input.at,
    previous = input.previous }, input.settings)
  tell_warnings((response or refusing or {}).warnings, input.settings, findings.warned)
  if not response then
    tell_failure(problem, refusing, input, findings)
    return nil
  end
  check_ports(response.plan, input.settings, findings)
  say("plan", plan_summary(response.plan))
  say("templates", ("ok, %d files, %d copied"):format(#response.files, #response.copies))
  return response
end

-- The second list, where there is one: its trouble would show in the agent's log alone.
local function check_second_list(input, findings)
  local planner = require "nightjar.agent.planner"
  local response, problem = planner.run({ snapshot = input.snapshot, now = input.at,
    previous = input.previous, list = "shadow", plan_only = true }, input.settings)
  say("second list", response and plan_summary(response.plan) or "failed")
  if response then
    tell_warnings(response.warnings, input.settings, findings.warned)
  else
    findings:add(problem)
  end
end

local function rendered_and_copied(response)
  local files = {}
  for _, one in ipairs(response.files) do files[#files + 1] = one end
  for _, one in ipairs(response.copies) do files[#files + 1] = one end
  return files
end

-- `replayed` are the settings that the files were made with; the Envoy is the one here.
local function check_envoy(settings, replayed, response, findings)
  local envoy = require "nightjar.cli.envoy"
  local fold = require "nightjar.agent.fold"
  local bootstrap, err = fold.run(rendered_and_copied(response), replayed)
  if not bootstrap then
    say("envoy", "failed")
    return findings:add("envoy: " .. err)
  end
  local program, missing = envoy.find(settings)
  if not program then
    return say("envoy", "not validated: " .. missing)
  end
  local warnings, refusal = envoy.validate(program, bootstrap, settings)
  say("envoy", warnings and "ok" or "failed")
  if not warnings then
    findings:add(("envoy: %s: %s"):format(program, advice.add_files(refusal, response.files)))
  end
  for _, warning in ipairs(warnings or {}) do
    report.warnings({ { message = "envoy: " .. warning } })
  end
end

local function check(settings, args, time)
  local findings = new_findings(settings)
  local now = math.floor(require("host.clock").now())
  check_settings(settings)
  check_examples(settings, now, findings)
  local input, err = find_input(settings, args, time, now)
  if input then
    say("snapshot", input.origin)
    local response = check_plan(input, findings)
    if response and response.has_shadow then check_second_list(input, findings) end
    if response then check_envoy(settings, input.settings, response, findings) end
  else
    say("snapshot", "failed")
    findings:add(err)
  end
  say("result", findings.count == 0 and "ok" or count_of(findings.count, "problem"))
  return findings.count == 0 and 0 or 1
end

local function run(settings, args)
  local time, wrong = replay.time(args)
  if wrong then return 2, wrong end
  return require("nightjar.agent.sched").run(check, settings, args, time)
end

return {
  about = "check settings, policies and templates, and have Envoy validate the result",
  usage = "nightjar check [--snapshot FILE] [--at TIME] [settings]",
  flags = replay.flags("try policies and templates with this snapshot or record"),
  details = [[
Checks the settings, runs the examples of every policy, plans, renders the templates
and gives the files, folded into one bootstrap, to `envoy --mode validate`. Planning
checks the settings of policies against what each policy declares. Policies and
templates are tried with --snapshot, else with the mesh file (DISCOVERY=file), else
with an empty mesh: no AWS is asked.

Standard output says what was checked, standard error has one line for each finding:
where it is (file and line where they are known), what was expected, and often what to
do. Warnings do not fail. Exit status: 0 when nothing failed, 1 otherwise, 2 for wrong
use or settings.]],
  run = run,
}
