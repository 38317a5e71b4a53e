-- Changes of endpoints count after they have lasted: one that comes, goes or
-- changes its health within DAMPING is waited for. It is for tasks that flap; a
-- crashed one keeps getting requests for as long, and Envoy tries them elsewhere.
--
-- A container that starts takes everything as it is.

local attributes = require("lib.attributes")
local in_force = require("lib.in_force")
local parse = require("lib.parse")

local function is_usable(endpoint)
  return endpoint.health ~= "unhealthy"
end

-- What of an endpoint counts that is there now: itself, with its old health, or nothing yet.
local function settle(endpoint, before, duration, now)
  if not before then
    return now - endpoint.since >= duration and endpoint or nil
  end
  local changed = is_usable(endpoint) ~= is_usable(before) and not before.gone_since
  if changed and now - (endpoint.health_since or endpoint.since) < duration then
    endpoint.health = before.health
  end
  return endpoint
end

-- Those in force that are gone, but not for long.
local function add_gone(list, before, present, duration, now)
  for _, endpoint in ipairs(before) do
    if not present[in_force.place(endpoint)] then
      endpoint.gone_since = endpoint.gone_since or now
      if now - endpoint.gone_since < duration then list[#list + 1] = endpoint end
    end
  end
end

local function damp(cluster, before, duration, now)
  local old, present, list = in_force.by_place(before), {}, {}
  local usable = false
  for _, endpoint in ipairs(cluster.endpoints) do
    local place = in_force.place(endpoint)
    present[place] = true
    list[#list + 1] = settle(endpoint, old[place], duration, now)
  end
  add_gone(list, before, present, duration, now)
  for _, endpoint in ipairs(list) do usable = usable or is_usable(endpoint) end
  -- Waiting must not take away the last that could answer.
  if usable then cluster.endpoints = list end
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@param now integer seconds since 1970
---@param previous? nightjar.Previous what is in force
---@return nightjar.Mesh
local function apply(mesh, settings, now, previous)
  local durations = attributes.collect(mesh, "DAMPING", parse.duration)
  local default = parse.duration.read(settings.duration)
  if not default then error("settings: duration: expected " .. parse.duration.expected, 0) end
  local before = in_force.endpoints(previous, mesh)
  for _, cluster in ipairs(mesh.clusters) do
    local duration, old = durations[cluster.name] or default, before[cluster.name]
    if duration > 0 and old then damp(cluster, old, duration, now) end
  end
  return mesh
end

local function task(number, fields)
  local endpoint = { id = "t" .. number, address = "192.0.2." .. number }
  for name, value in pairs(fields or {}) do endpoint[name] = value end
  return endpoint
end

local function color(...)
  return { clusters = { { name = "blue", attributes = { DAMPING = "30s" }, endpoints = { ... } } } }
end

return {
  about = "Endpoints come, go and change their health after that has lasted for DAMPING.",
  attributes = {
    DAMPING = { about = "how long a change of this color's endpoints must last: 30s" },
  },
  settings = {
    duration = { type = "string", default = "0", about = "DAMPING of services that say nothing" },
  },
  apply = apply,
  examples = {
    { about = "a new endpoint waits", now = 129, previous = color(task(1)),
      given = color(task(1), task(2, { since = 100 })),
      expect = { clusters = { { endpoints = { { id = "t1" } } } } } },
    { about = "until it has lasted", now = 130, previous = color(task(1)),
      given = color(task(1), task(2, { since = 100 })),
      expect = { clusters = { { endpoints = { { id = "t1" }, { id = "t2" } } } } } },
    { about = "one that is gone stays a while", now = 100, previous = color(task(1), task(2)),
      given = color(task(1)),
      expect = { clusters = { { endpoints = { { id = "t1" },
        { id = "t2", gone_since = 100 } } } } } },
    { about = "and then goes", now = 130, previous = color(task(1), task(2, { gone_since = 100 })),
      given = color(task(1)), expect = { clusters = { { endpoints = { { id = "t1" } } } } } },
    { about = "a failed health check is waited for", now = 129, previous = color(task(1), task(2)),
      given = color(task(1), task(2, { health = "unhealthy", health_since = 100 })),
      expect = { clusters = { { endpoints = { {}, { health = "healthy" } } } } } },
    { about = "and counts when it lasts", now = 130, previous = color(task(1), task(2)),
      given = color(task(1), task(2, { health = "unhealthy", health_since = 100 })),
      expect = { clusters = { { endpoints = { {}, { health = "unhealthy" } } } } } },
    { about = "waiting never leaves a color empty", now = 100,
      previous = color(task(1, { gone_since = 0 })), given = color(task(2, { since = 100 })),
      expect = { clusters = { { endpoints = { { id = "t2" } } } } } },
    { about = "at the start everything counts", now = 100, given = color(task(1, { since = 100 })),
      expect = { clusters = { { endpoints = { { id = "t1" } } } } } },
  },
}
