-- `nightjar diff A B`: what two policy folders make of one snapshot.

local output = require "nightjar.cli.output"
local plan_difference = require "nightjar.cli.plan_difference"
local replay = require "nightjar.cli.replay"
local report = require "nightjar.cli.report"

local SAME, DIFFERENT, TROUBLE = 0, 1, 2

-- The input, but with the policies of another folder, and of it the list that is named.
local function with_policies(input, folder, list)
  local settings, copy = {}, {}
  for key, value in pairs(input.settings) do settings[key] = value end
  settings.policy_dir = folder
  for key, value in pairs(input) do copy[key] = value end
  copy.settings, copy.list = settings, list
  return copy
end

local function message_set(warnings)
  local set = {}
  for _, warning in ipairs(warnings) do set[warning.message] = true end
  return set
end

-- What both warn of is told once, the rest with its folder.
local function tell_warnings(folders, answers)
  local sets = { message_set(answers[1].warnings), message_set(answers[2].warnings) }
  for i = 1, 2 do
    for _, warning in ipairs(answers[i].warnings) do
      local message = warning.message
      if not sets[3 - i][message] then
        report.warnings { { message = folders[i] .. ": " .. message } }
      elseif i == 1 then
        report.warnings { warning }
      end
    end
  end
end

-- Within sched.run. Both are planned at once.
local function plan_both(settings, args, time)
  local sched = require "nightjar.agent.sched"
  local input, err = replay.find(settings, args, time)
  if not input then return nil, err end
  local sides = { { folder = args[1] }, { folder = args[2], list = args.list } }
  local answers = sched.all(sides, 2, function(side)
    local response, problem = replay.plan(with_policies(input, side.folder, side.list), true)
    if response then return response end
    local is_named = problem:find(side.folder .. "/", 1, true)
      or problem:find(": " .. side.folder .. ": ", 1, true)
    return { problem = is_named and problem or side.folder .. ": " .. problem }
  end)
  for i = 1, 2 do
    if answers[i].problem then return nil, answers[i].problem end
  end
  tell_warnings(args, answers)
  return answers, nil, input
end

local function run(settings, args)
  local time, wrong = replay.time(args)
  if not wrong then wrong = select(2, replay.list(args)) end
  if wrong then return TROUBLE, wrong end
  local answers, err, input = require("nightjar.agent.sched").run(plan_both, settings, args, time)
  if not answers then return TROUBLE, err end
  local facts = plan_difference.between(answers[1], answers[2])
  local status = plan_difference.is_empty(facts) and SAME or DIFFERENT
  if not args.json then
    output.write(plan_difference.text(facts))
    return status
  end
  facts.a, facts.b, facts.snapshot, facts.at = args[1], args[2], input.origin, input.at
  facts.equal = status == SAME
  local text, problem = require("host.json").encode(facts, { indent = 2 })
  if not text then return TROUBLE, problem end
  output.write(text, "\n")
  return status
end

local flags = replay.flags("compare on this snapshot or record (- is standard input) instead of "
  .. "the agent's")
flags[#flags + 1] = { name = "list", value = "NAME", words = { "main", "shadow" },
  about = "of B, plan the second list of policies (shadow) instead of the first" }
flags[#flags + 1] = { name = "json", about = "print JSON instead of text" }

return {
  about = "show what differs between the plans of two policy folders",
  usage = "nightjar diff A B [--list NAME] [--snapshot FILE] [--at TIME] [--json] [settings]",
  words = { 2, 2 },
  takes = "folder",
  flags = flags,
  details = [[
A and B are folders of policies. Both plan the same snapshot at the same time; what
differs is printed, one line for each weight, followed by the reasons that only A or
only B has:

  private-8080  /shop  green  10 → 50
      B: canary_ramp: 10 → 50 (step 2 of 4)

A dash stands for what is not there. Fields of routes, clusters with their endpoints,
and what was taken out follow in the same way. When the plans are alike and the files
made of them are not, the files are named.

With --list shadow, A's policies are compared with the second list that B's init.lua or
the configuration names: `nightjar diff policies policies --list shadow` shows what would
change if the second list took the place of the first.

The snapshot is that of the agent with the same TMP_DIR, together with what it has in
force; without one the mesh is discovered now. Settings of policies are those of this
configuration, or of the record, for both folders.

--json prints {a, b, snapshot, at, equal, listeners, routes, removed, clusters, files}.
An item of `routes` has listener, path, match?, change (added, removed, changed),
clusters: [{cluster, service, color, before?, after?, fields, why: {a, b}}], fields:
[{field, before?, after?}] and why; match and values of fields have the form of the mesh
in docs/policies.md. An item of `clusters` has cluster, change, fields, endpoints_added
and endpoints_removed.

Exit status, as of diff(1): 0 when nothing differs, 1 when something does, 2 for wrong
use or a folder that cannot be planned.]],
  run = run,
}
