-- Makes plans for the commands that look at one: of which snapshot, at what time, and with what
-- in force. A record gives all three; --at, --snapshot and the settings given here win over it.

local memory = require "nightjar.agent.memory"
local messages = require "nightjar.text"
local moment = require "nightjar.cli.moment"
local past = require "nightjar.cli.past"
local record_file = require "nightjar.cli.record_file"
local report = require "nightjar.cli.report"
local snapshot = require "nightjar.cli.snapshot"

local replay = {}

---@class cli.Input what a plan is made of
---@field snapshot table
---@field previous table? what is in force
---@field origin string where the snapshot is from, for a person
---@field at integer unix seconds that policies see
---@field settings table
---@field list? "main"|"shadow" which of the lists of init.lua; the first by default
---@field plan_only? boolean make no files
---@field accepted? table what the agent noted of the generation in force; where the snapshot is its
---@field recorded? { policies: string } hashes of what a record was made with

-- The lists that init.lua may name (docs/policies.md, "Composing").
local LISTS = { main = true, shadow = true }

---The flag with which a command plans the second list.
---@return table
function replay.list_flag()
  return { name = "list", value = "NAME", words = { "main", "shadow" },
    about = "plan the second list of policies (shadow), instead of the first" }
end

---The list asked for.
---@param args table `list`
---@return string? list nil when none is named
---@return string? err
function replay.list(args)
  if not args.list or LISTS[args.list] then return args.list end
  return nil, ("--list: expected main or shadow, got %s"):format(messages.quote(args.list))
end

---The flags of the commands that replay.
---@param about string what --snapshot does
---@return table[]
function replay.flags(about)
  return {
    { name = "snapshot", value = "FILE", about = about },
    { name = "at", value = "TIME",
      about = "the time that policies see: 2026-11-26T10:00:00Z, unix seconds, or relative to the "
        .. "snapshot (+2h, -30m)" },
    { name = "now", value = "TIME", hidden = true },
  }
end

---The time asked for. --now is the older name of --at.
---@param args table
---@return cli.Moment? time nil when none is given
---@return string? err
function replay.time(args)
  if args.at and args.now then
    return nil, "--now is an older name of --at; expected one of them"
  end
  local flag = args.now and "--now" or "--at"
  local text = args.at or args.now
  if not text then return nil end
  return moment.parse(text, flag)
end

-- From a file that somebody names, which may be a record.
local function given(settings, path)
  local taken, err, kept = snapshot.read(path)
  if not taken then return nil, err end
  local origin = path == "-" and "standard input" or path
  if not kept then
    return { snapshot = taken, origin = origin, at = taken.taken_at, settings = settings }
  end
  return { snapshot = taken, origin = origin .. ", a record", at = kept.at,
    previous = kept.previous, settings = record_file.settings(kept, settings),
    recorded = kept.inputs }
end

---The agent's last snapshot with what it has in force, else the world as it is now.
---Called within sched.run.
---@param settings table
---@param only? "agent"|"world" ask nobody else
---@return cli.Input? input
---@return string? err
function replay.current(settings, only)
  local now = math.floor(require("host.clock").now())
  local accepted, problem = past.accepted(settings)
  if problem then return nil, problem end
  local input = { previous = memory.previous(accepted), at = now, settings = settings }
  local err
  if only ~= "world" then
    input.snapshot, err = snapshot.of_agent(settings)
    input.origin = "the agent, " .. settings.state_dir .. "/snapshot.json"
    input.accepted = input.snapshot and accepted
    if input.snapshot or err or only == "agent" then return input.snapshot and input, err end
  end
  input.snapshot, err = snapshot.discover(settings)
  input.origin = "discovered now"
  return input.snapshot and input, err
end

---What to plan: the file named by --snapshot, else what `current` finds, at the time asked for.
---Called within sched.run.
---@param settings table
---@param args table `snapshot`, `list`
---@param time cli.Moment?
---@return cli.Input? input
---@return string? err
function replay.find(settings, args, time)
  local input, err
  if args.snapshot then
    input, err = given(settings, args.snapshot)
  else
    input, err = replay.current(settings)
  end
  if not input then return nil, err end
  input.list = args.list
  if not time then return input end
  -- Relative to what was seen, not to what the clock says now.
  input.at, err = moment.resolve(time, input.snapshot.taken_at)
  return input.at and input, err
end

---Whether a record was made with other policies than it is replayed with: the plan may differ for
---that alone.
---@param input cli.Input
---@param response table of nightjar-plan
---@return boolean
function replay.has_other_policies(input, response)
  local recorded = type(input.recorded) == "table" and input.recorded.policies
  return recorded and recorded ~= response.inputs.policies or false
end

---Has nightjar-plan make the plan. Its warnings are printed, whether it succeeds or not, unless
---they are to be told otherwise. Called within sched.run.
---@param input cli.Input
---@param quiet? boolean print no warnings
---@return table? response of nightjar-plan (see agent/planner.lua)
---@return string? err
function replay.plan(input, quiet)
  local planner = require "nightjar.agent.planner"
  local response, err, refusing = planner.run({ snapshot = input.snapshot,
    previous = input.previous, now = input.at, list = input.list,
    plan_only = input.plan_only }, input.settings)
  if not quiet then report.warnings((response or refusing or {}).warnings) end
  return response, err
end

return replay
