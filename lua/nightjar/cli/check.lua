-- `nightjar check`: everything that can be known to be wrong before it is put
-- to work: settings, policies with their examples, templates, and what Envoy
-- thinks of the files they make.

local output = require "nightjar.cli.output"
local report = require "nightjar.cli.report"

-- Counts what was found; each finding is one line on standard error. What ends
-- both the examples and the plan is found once.
local function new_findings()
  local findings, told = { count = 0 }, {}
  function findings:add(message)
    if told[message] then return end
    told[message] = true
    self.count = self.count + 1
    io.stderr:write("nightjar: ", report.plain(message), "\n")
  end
  return findings
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

local function example_label(one)
  local about = one.about and one.about ~= "" and (" (%s)"):format(one.about) or ""
  return ("%s: example %s%s"):format(tostring(one.policy), tostring(one.index), about)
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
      findings:add(("policy: %s: %s"):format(example_label(one), one.message or "failed"))
    end
  end
  say("policies", failed == 0 and ("ok, %d examples"):format(#(response.examples or {}))
    or ("%d of %d examples failed"):format(failed, #response.examples))
end

-- The mesh to try templates with: the one given, the file's, or an empty one.
local function find_snapshot(settings, args, now)
  local snapshot = require "nightjar.cli.snapshot"
  if args.snapshot then
    local taken, err = snapshot.read(args.snapshot)
    return taken, err, args.snapshot
  elseif settings.discovery == "file" then
    local taken, err = snapshot.discover(settings)
    return taken, err, settings.mesh_file
  end
  return snapshot.empty(settings, now), nil, "an empty mesh; --snapshot names a real one"
end

local function check_templates(settings, args, now, findings)
  local planner = require "nightjar.agent.planner"
  local taken, err, origin = find_snapshot(settings, args, now)
  if not taken then
    say("snapshot", "failed")
    findings:add(err)
    return nil
  end
  say("snapshot", origin)
  report.warnings(taken.warnings)
  local response, problem, refusing = planner.run({ snapshot = taken, now = now }, settings)
  report.warnings((response or refusing or {}).warnings)
  if not response then
    say("templates", "failed")
    findings:add(problem)
    return nil
  end
  say("templates", ("ok, %d files, %d copied"):format(#response.files, #response.copies))
  return response
end

local function rendered_and_copied(response)
  local files = {}
  for _, one in ipairs(response.files) do files[#files + 1] = one end
  for _, one in ipairs(response.copies) do files[#files + 1] = one end
  return files
end

local function check_envoy(settings, response, findings)
  local envoy = require "nightjar.cli.envoy"
  local fold = require "nightjar.agent.fold"
  local bootstrap, err = fold.run(rendered_and_copied(response), settings)
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
  if not warnings then findings:add(("envoy: %s: %s"):format(program, refusal)) end
  for _, warning in ipairs(warnings or {}) do
    report.warnings({ { message = "envoy: " .. warning } })
  end
end

local function check(settings, args)
  local findings = new_findings()
  local now = math.floor(require("host.clock").now())
  check_settings(settings)
  check_examples(settings, now, findings)
  local response = check_templates(settings, args, now, findings)
  if response then check_envoy(settings, response, findings) end
  return findings.count == 0 and 0 or 1
end

local function run(settings, args)
  return require("nightjar.agent.sched").run(check, settings, args)
end

return {
  about = "check settings, policies and templates, and have Envoy validate the result",
  usage = "nightjar check [--snapshot FILE] [settings]",
  flags = {
    { name = "snapshot", value = "FILE", about = "try the templates with this snapshot" },
  },
  details = [[
Checks the settings, runs the examples of every policy, renders the templates and
gives the files, folded into one bootstrap, to `envoy --mode validate`. Templates
are tried with --snapshot, else with the mesh file (DISCOVERY=file), else with an
empty mesh: no AWS is asked.

Standard output says what was checked, standard error has one line for each
finding. Warnings do not fail. Exit status: 0 when nothing failed, 1 otherwise.]],
  run = run,
}
