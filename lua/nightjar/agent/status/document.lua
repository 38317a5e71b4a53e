-- What GET /status answers: facts (agent/status/facts.lua) in words and times that a person reads
-- and a program finds again. docs/status.md lists the fields.

local health = require("nightjar.agent.status.health")
local json = require("host.json")
local messages = require("nightjar.text")
local timestamp = require("nightjar.agent.aws.timestamp")

local document = {}

-- What comes from the environment, or names a path, may be no UTF-8; JSON must be.
local function plain(text)
  return text and messages.clean(text) or nil
end

local function utc(at)
  return at and timestamp.format(at) or nil
end

-- Whole milliseconds: what is finer is noise.
local function seconds(value)
  if not value then
    return nil
  end
  local rounded = math.floor(value * 1000 + 0.5) / 1000
  return math.tointeger(rounded) or rounded
end

-- The clock may have been set back.
local function age(facts, at)
  return seconds(math.max(0, facts.now - at))
end

local function each(list, make)
  local made = json.array {}
  for i, item in ipairs(list or {}) do
    made[i] = make(item, i)
  end
  return made
end

local function same(item)
  return item
end

local function agent_of(facts)
  return {
    version = facts.version, pid = facts.process.pid, started = utc(facts.started),
    uptime_seconds = age(facts, facts.started), discovery = facts.discovery,
    member = plain(facts.member), gateway = facts.gateway or nil,
    stopping = plain(facts.stopping),
    leaving_in_seconds = seconds(facts.leaving),
    cpu_seconds = seconds(facts.process.cpu_seconds),
    resident_bytes = facts.process.resident_bytes, heap_bytes = facts.process.heap_bytes,
    open_fds = facts.process.open_fds,
  }
end

local function pass_of(facts)
  local pass = facts.pass
  local now, last = pass.under_way, pass.last
  return {
    under_way = now and { began = utc(now.at), seconds = seconds(now.seconds), stage = now.stage },
    last = last and { began = utc(last.at), ended = utc(last.ended), outcome = last.outcome,
      seconds = seconds(last.seconds) },
    last_good = utc(pass.good), next_in_seconds = seconds(pass.next_in),
    published = pass.outcomes.published, unchanged = pass.outcomes.unchanged,
    failed = pass.outcomes.failed, given_up = pass.outcomes.given_up,
  }
end

-- The last failure of each stage that ever had one.
local function stages_of(facts)
  local list = json.array {}
  local function add(stage)
    local last = facts.pass.failures[stage]
    if last then
      list[#list + 1] = { stage = stage, failing = not last.over, reason = last.reason,
        since = utc(last.since), at = utc(last.at), over = utc(last.over), in_a_row = last.count,
        failures = facts.pass.failed[stage] }
    end
  end
  for _, stage in ipairs(facts.pass.stages) do
    add(stage)
  end
  add("internal")
  return list
end

local function generation_of(facts)
  local known = facts.generation
  local one, refused, pinned = known.in_force, known.refused, known.pinned
  return {
    in_force = one and { name = one.name, since = utc(one.at),
      age_seconds = one.at and age(facts, one.at), cause = one.cause,
      difference = each(one.difference, same), listeners = each(one.listeners, same),
      files = #(one.files or {}) },
    refused = refused and { name = refused.name, reason = refused.reason,
      files = each(refused.files, same), outside = refused.outside },
    pinned = pinned and { name = pinned.generation, since = utc(pinned.at),
      plan_problem = plain(pinned.problem) },
    accepted = known.accepted, refusals = known.refusals, kept = known.kept,
  }
end

local function service_of(facts, service)
  return { name = service.name, read_at = utc(service.read_at),
    age_seconds = age(facts, service.read_at), endpoints = #service.instances,
    stale = service.stale or false, reason = service.error }
end

local function mesh_of(facts, mesh)
  local was_read = mesh.read_at > 0
  return { ref = mesh.ref, name = mesh.name, id = mesh.id, port = mesh.port,
    audience = mesh.audience, read_at = was_read and utc(mesh.read_at) or nil,
    age_seconds = was_read and age(facts, mesh.read_at) or nil, stale = mesh.stale or false,
    reason = mesh.error,
    services = each(mesh.services, function(service) return service_of(facts, service) end) }
end

local function stale_of(facts)
  local stale = facts.stale
  return { services = stale and stale.services or 0, since = stale and utc(stale.began) or nil,
    seconds = stale and age(facts, stale.began) or nil }
end

local function warning_of(warning)
  return { code = warning.code, mesh = warning.mesh, service = warning.service,
    message = warning.message }
end

local function day_of(day)
  return day and { operations = day.operations, calls = day.calls, dollars = day.dollars }
end

local function aws_of(facts)
  local aws = facts.aws
  return aws and { region = aws.region, since = utc(aws.since), passes = aws.passes,
    operations = aws.operations, retries = aws.retries, throttles = aws.throttles,
    slowed_operations = aws.slowed, clock_ahead_seconds = seconds(aws.skew),
    day = day_of(aws.day) }
end

local function credentials_of(facts)
  local held = facts.aws and facts.aws.credentials
  return held and { source = plain(held.source), method = held.method, expires = utc(held.expires),
    expires_in_seconds = held.expires and seconds(held.expires - facts.now),
    renewal_failing = held.troubled }
end

local function envoy_of(facts)
  local envoy = facts.envoy
  if not envoy.supervised then
    return { supervised = false }
  end
  return { supervised = true, state = envoy.state, since = utc(envoy.since),
    seconds = age(facts, envoy.since), pid = envoy.pid, epoch = envoy.epoch,
    base_id = envoy.base_id, processes = envoy.processes, starts = envoy.starts,
    restarts = envoy.restarts, crashes_in_a_row = envoy.crashes, deaths = envoy.deaths,
    last_cause = envoy.last_cause, problem = plain(envoy.problem),
    no_hot_restart = plain(envoy.no_hot_restart) }
end

---The document for facts, of which `missing` and the answer of an Envoy are as health.ready wants
---them.
---@param facts table what facts.gather returned
---@param answer EnvoyAnswer? what health.ask returned
---@return table document for JSON; times are RFC 3339 in UTC, durations seconds
function document.of(facts, answer)
  local ready, ready_text = health.ready(facts, answer)
  local live, live_text = health.live(facts)
  return {
    format = 1, at = utc(facts.now),
    ready = ready, ready_text = plain(ready_text), live = live, live_text = plain(live_text),
    agent = agent_of(facts), pass = pass_of(facts), stages = stages_of(facts),
    generation = generation_of(facts), stale = stale_of(facts),
    meshes = each(facts.snapshot and facts.snapshot.meshes,
      function(mesh) return mesh_of(facts, mesh) end),
    warnings = { lines = facts.warnings.lines, current = each(facts.warnings.current, warning_of) },
    aws = aws_of(facts), credentials = credentials_of(facts), envoy = envoy_of(facts),
    shadow = facts.shadow and { failing = facts.shadow.failing, text = facts.shadow.text },
    sandbox = facts.sandbox and each(facts.sandbox, same), log = facts.events,
    settings = each(facts.settings, function(one)
      return { name = one.name, source = one.source }
    end),
  }
end

return document
