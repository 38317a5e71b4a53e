-- Is the sidecar ready, and does the agent live? Verdicts on facts (agent/status/facts.lua).
-- docs/readiness.md says what they mean.

local timestamp = require("nightjar.agent.aws.timestamp")

local health = {}

local PATIENCE = 1.5 -- seconds for Envoy to answer: health checks often have two
-- A pass, or the main loop, hangs when it takes so many times as long as it may.
local FAR = 2
local LOOP_LONGEST = 60 -- seconds for what the main loop does itself; a restart in place is longest

-- What the supervisor's states mean for who wants to send requests. The command asks Envoy itself,
-- and in the moment of a hot restart meets the new one; here the one that serves counts.
local OF_STATE = {
  live = "Envoy is live",
  handing_over = "Envoy is live; a hot restart is under way",
  absent = { "Envoy was not started yet" },
  starting = { "Envoy starts" },
  mute = { "Envoy does not answer: no admin interface of it is found" },
  fallen_back = { "Envoy does not answer: a hot restart failed; the one before it serves" },
  suspect = { "Envoy does not answer: its admin interface is silent" },
  busy = { "Envoy does not answer: its admin interface is silent, its listeners answer" },
  waiting = { "Envoy has ended, and is started again soon" },
  replacing = { "Envoy is DRAINING, for a new one in its place" },
  restarting = { "Envoy is told to end, for a new one in its place" },
  draining = { "Envoy is DRAINING" },
  ending = { "Envoy is told to end" },
  killing = { "Envoy is killed" },
  ended = { "Envoy has ended" },
}

---@class EnvoyAnswer what Envoy says of itself, as admin:state returns it
---@field state string?
---@field err string?
---@field kind string?

---Ask an Envoy that this agent does not supervise. Waits, at most 1.5 seconds; within sched.run.
---@param agent table
---@return EnvoyAnswer? answer nil where the supervisor knows
function health.ask(agent)
  if agent.supervisor:supervises() then
    return nil
  end
  local state, err, kind = agent.supervisor.admin:state(PATIENCE)
  return { state = state, err = err, kind = kind }
end

-- Of the shared volume: whoever cannot be reached may wait for this very check.
local function of_answer(answer)
  if answer.state == "LIVE" then
    return "Envoy is live"
  elseif answer.state then
    return nil, "Envoy is " .. answer.state
  elseif answer.kind == "connect" then
    return "Envoy's admin interface cannot be reached and does not count (ENVOY_BIN is empty)"
  end
  return nil, "Envoy does not answer: " .. tostring(answer.err)
end

local function of_envoy(envoy, answer)
  if answer then
    return of_answer(answer)
  elseif not envoy.supervised then
    return nil, "nobody has asked Envoy"
  end
  local word = OF_STATE[envoy.state]
  if type(word) == "table" then
    return nil, envoy.problem and word[1] .. ": " .. envoy.problem or word[1]
  end
  return word, not word and "Envoy is " .. tostring(envoy.state) or nil
end

local function of_pin(pinned)
  return pinned and ("; PINNED since %s to generation %s until `nightjar resume`")
    :format(timestamp.format(pinned.at), pinned.generation) or ""
end

local function look(facts, answer)
  local in_force = facts.generation.in_force
  if facts.stopping then
    return nil, "the agent is stopping: " .. facts.stopping
  elseif not in_force then
    return nil, "no generation is in force yet"
  elseif facts.missing then
    return nil, facts.missing
  end
  local envoy, problem = of_envoy(facts.envoy, answer)
  return envoy and ("generation %s is in force; %s"):format(in_force.name, envoy), problem
end

---Is a generation in force, and Envoy live?
---@param facts table what facts.gather returned; `missing`: what facts.missing did
---@param answer EnvoyAnswer? what health.ask returned
---@return boolean ready
---@return string text one line that says why, as `nightjar ready` does
function health.ready(facts, answer)
  local good, problem = look(facts, answer)
  return good ~= nil, (good and "ready: " .. good or "not ready: " .. problem)
    .. of_pin(facts.generation.pinned)
end

local HELP = "; a restart of the agent helps: what is in force stays, and Envoy goes on where it "
  .. "outlives the agent"

-- What hangs, if anything does.
local function hangs(facts)
  local under_way, loop = facts.pass.under_way, facts.loop
  local most, loop_most = FAR * facts.pass.longest, FAR * LOOP_LONGEST
  local next_in = facts.pass.next_in
  if under_way and under_way.seconds > most then
    return ("a pass has been under way for %d s, where %d s are much, and is in its stage %s")
      :format(math.floor(under_way.seconds), math.floor(facts.pass.longest),
        under_way.stage or "discover")
  elseif loop.waiting > 0 and loop.idle > loop_most then
    return ("the main loop has looked at nothing for %d s, and %d events wait")
      :format(math.floor(loop.idle), loop.waiting)
  elseif not under_way and not facts.leaving and next_in and -next_in > loop_most then
    return ("a pass was due %d s ago and has not begun"):format(math.floor(-next_in))
  end
end

---Does the agent do its work? A pass that fails, a mesh that cannot be read and an Envoy that
---crashes are no reason to restart the agent; only a hang of its own is. While it stops it lives.
---@param facts table what facts.gather returned
---@return boolean live
---@return string text one line that says why
function health.live(facts)
  local reason = not facts.stopping and hangs(facts)
  if reason then
    return false, "not live: " .. reason .. HELP
  end
  local under_way = facts.pass.under_way
  return true, under_way and ("live: a pass is under way, for %.1f s"):format(under_way.seconds)
    or facts.stopping and "live: the agent is stopping: " .. facts.stopping
    or "live: no pass is under way"
end

return health
