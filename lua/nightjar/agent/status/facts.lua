-- All that is known of a running agent at this moment, as one plain table, for whoever shows it:
-- the status document, the metrics, the health checks. It asks nobody: what it tells is in memory.

local clock = require("host.clock")
local cycle = require("nightjar.cycle")
local discover = require("nightjar.agent.discover")
local estimate = require("nightjar.agent.estimate")
local file = require("host.file")
local lifecycle = require("nightjar.agent.lifecycle")
local log = require("nightjar.log")
local process = require("nightjar.agent.status.process")
local program = require("host.program")
local times = require("nightjar.agent.discover.times")

local facts = {}

-- Seconds that the parts of a pass take at most besides those that settings bound: the last call of
-- a discovery, with new credentials before it; and Envoy's answers to each step, its start and its
-- hot restart.
local LAST_CALL, ENVOY = 30, 180

-- Seconds that a pass takes at most; a second list of policies is planned as well. In a fleet a
-- first reading may come after a wait for another agent's.
local function longest_pass(settings)
  local reading = math.max(times.reading(settings), times.FIRST_READING)
  if settings.snapshot_store then reading = reading + times.FIRST_READING end
  return reading + LAST_CALL + 2 * settings.plan_deadline + ENVOY
end

local function pass_of(agent)
  local tally, now = agent.tally, clock.monotonic()
  local began = tally.began
  return {
    under_way = began and { at = began.at, seconds = now - began.clock, stage = agent.pass.stage },
    longest = longest_pass(agent.settings), last = tally.last, good = tally.good,
    outcomes = tally.outcomes, seconds = tally.seconds,
    next_in = not agent.passing and agent.due and agent.due - now or nil,
    failures = tally.failures, failed = tally.failed, stages = cycle.world,
  }
end

-- What the main loop has not looked at yet, and since when it has looked at nothing.
local function loop_of(agent)
  return { waiting = agent.events and #agent.events.entries or 0,
    idle = agent.turned and clock.monotonic() - agent.turned or 0 }
end

local function pin_of(agent)
  local pinned = agent.pass.hold.pinned
  return pinned and { generation = pinned.generation, at = pinned.at,
    problem = agent.pass.hold.problem }
end

local function generation_of(agent)
  local state = agent.state
  local accepted, refused = state.accepted, state.refused
  return {
    in_force = accepted and { name = accepted.generation, at = accepted.at,
      cause = accepted.cause, difference = accepted.difference,
      listeners = accepted.listeners, files = accepted.paths },
    refused = refused and { name = refused.generation, reason = refused.reason,
      files = refused.files, outside = refused.outside or false },
    pinned = pin_of(agent), accepted = state.came, refusals = state.refusals,
    kept = #state.history.entries,
  }
end

local function warnings_of(pass)
  local list = {}
  for _, warning in pairs(pass.warned.told) do
    list[#list + 1] = warning
  end
  table.sort(list, function(a, b)
    for _, field in ipairs { "code", "mesh", "service" } do
      local one, other = a[field] or "", b[field] or ""
      if one ~= other then
        return one < other
      end
    end
    return a.message < b.message
  end)
  return list
end

-- This agent's own part: a fleet's days add up to what the fleet costs.
local function cost_of(meshes, settings)
  local day = estimate.of_agent(meshes, settings, function(id)
    return discover.role(settings, id)
  end)
  return day and { operations = day.operations, calls = estimate.total(day.operations),
    dollars = estimate.dollars(day.operations) }
end

local function aws_of(agent)
  local totals, meshes = agent.calls:totals()
  local relation = totals and discover.relation(agent.settings)
  if not relation then
    return nil
  end
  relation.since, relation.retries = totals.since, totals.retries
  relation.operations, relation.passes = totals.operations, totals.passes
  relation.day = cost_of(meshes or {}, agent.settings)
  return relation
end

local function envoy_of(supervisor)
  local newest = supervisor.processes:newest()
  return {
    supervised = supervisor:supervises(), state = supervisor.state, since = supervisor.since,
    states = lifecycle.states, pid = newest and newest:pid(),
    epoch = newest and supervisor.processes.epoch, base_id = supervisor.processes.base_id,
    processes = supervisor.processes:count(), starts = supervisor.starts,
    restarts = supervisor.restarts, crashes = supervisor.crashes, deaths = supervisor.deaths,
    last_cause = supervisor.last_cause, problem = supervisor.problem,
    no_hot_restart = newest and supervisor.processes.cold or nil,
  }
end

-- What was last said of the second list of policies.
local function shadow_of(shadow)
  local level, text = (shadow.told or ""):match("^(%a+)\0(.*)$")
  return level and { failing = level == "warn", text = text }
end

-- Names alone: a value may be a secret, or what an operator takes for one.
local function changed_settings(settings)
  local names = {}
  for name, source in pairs(settings.sources or {}) do
    if source ~= "default" then
      names[#names + 1] = { name = name, source = source }
    end
  end
  table.sort(names, function(a, b) return a.name < b.name end)
  return names
end

local function words(text)
  local list = {}
  for word in (text or ""):gmatch("%S+") do
    list[#list + 1] = word
  end
  return list
end

---What is known of the agent now. The tables within are the agent's own: not to be changed, nor to
---be kept.
---@param agent table (agent/agent.lua)
---@return table facts times in unix seconds, durations in seconds
function facts.gather(agent)
  local pass, settings = agent.pass, agent.settings
  return {
    now = clock.now(), version = program.version, started = agent.tally.started,
    stopping = agent.stopping, leaving = agent.leaving and agent.leaving - clock.monotonic(),
    discovery = settings.discovery, member = settings.service_member, gateway = settings.gateway,
    settings = changed_settings(settings), process = process.look(), loop = loop_of(agent),
    pass = pass_of(agent), generation = generation_of(agent),
    snapshot = agent.state.snapshot, stale = pass.stale, weights = agent.state.weights,
    warnings = { lines = pass.counts.warnings, current = warnings_of(pass) },
    aws = aws_of(agent), envoy = envoy_of(agent.supervisor),
    shadow = shadow_of(pass.shadow),
    sandbox = pass.layers_told and words(pass.layers_told), events = log.counts(),
  }
end

---The first file of the generation in force that is not where Envoy reads it. It looks at the
---disk, so it is no part of `gather`; for `health.ready`.
---@param agent table
---@return string? why nil when all of them are there
function facts.missing(agent)
  local accepted = agent.state.accepted
  for _, path in ipairs(accepted and accepted.paths or {}) do
    local found, err = file.stat(agent.settings.config_dir .. "/" .. path)
    if not found then
      return err
    end
  end
end

return facts
