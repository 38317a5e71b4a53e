-- A new color takes over step by step, or evenly, from a published start time.
-- Its share depends on that time and the clock alone, so it is the same in every
-- container, however often one of them restarts.

local attributes = require("lib.attributes")
local calendar = require("lib.calendar")
local example = require("lib.example")
local parse = require("lib.parse")
local shares = require("lib.shares")
local walk = require("lib.walk")

-- How a color's ramp goes: the settings, and what its own attributes say.
local function read_ramps(mesh, settings)
  local start = attributes.collect(mesh, "RAMP_START", parse.time)
  local steps = attributes.collect(mesh, "RAMP_STEPS", parse.steps)
  local interval = attributes.collect(mesh, "RAMP_INTERVAL", parse.duration)
  local duration = attributes.collect(mesh, "RAMP_DURATION", parse.duration)
  local to = attributes.collect(mesh, "RAMP_TO", parse.percent)
  local ramps = {}
  for _, cluster in ipairs(mesh.clusters) do
    local name = cluster.name
    if start[name] then
      ramps[name] = { start = start[name], to = to[name] or settings.to / 100,
        -- A duration of its own asks for an even ramp, whatever the settings' steps are.
        steps = steps[name] or not duration[name] and parse.steps.read(settings.steps) or nil,
        interval = interval[name], duration = duration[name], settings = settings }
    end
  end
  return ramps
end

-- The share in whole multiples of the resolution: a change of a hundredth of a
-- percent at each pass would be a generation at each pass.
local function even_share(ramp, elapsed)
  local duration = ramp.duration or parse.duration.read(ramp.settings.duration)
  if elapsed >= duration then return ramp.to end
  local resolution = ramp.settings.resolution / 100
  return math.floor(ramp.to * elapsed / duration / resolution + 1e-9) * resolution
end

local function step_share(ramp, elapsed)
  local interval = ramp.interval
    or ramp.duration and ramp.duration / #ramp.steps
    or parse.duration.read(ramp.settings.interval)
  local step = interval > 0 and elapsed // interval + 1 or #ramp.steps
  local index = math.tointeger(math.min(step, #ramp.steps))
  return ramp.steps[index], ("step %d of %d"):format(index, #ramp.steps)
end

local function share_at(ramp, now)
  local elapsed = now - ramp.start
  if elapsed < 0 then return 0, "it starts at " .. calendar.write(ramp.start) end
  if ramp.steps then return step_share(ramp, elapsed) end
  return even_share(ramp, elapsed), "since " .. calendar.write(ramp.start)
end

-- Where several colors of a service ramp up, none may push another away.
local function fit(wanted, group)
  local sum = 0
  for _, entry in ipairs(group.entries) do sum = sum + (wanted[entry] or 0) end
  for _, entry in ipairs(group.entries) do
    if sum > 1 and wanted[entry] then wanted[entry] = wanted[entry] / sum end
  end
end

local function ramp_up(route, group, ramps, now, able)
  local wanted, reasons = {}, {}
  for _, entry in ipairs(group.entries) do
    local ramp = ramps[entry.cluster]
    if ramp then
      local share, reason = share_at(ramp, now)
      wanted[entry] = share
      reasons[#reasons + 1] = { entry, ("ramp at %.4g %%, %s"):format(share * 100, reason) }
    end
  end
  if #reasons == 0 or group.total == 0 then return end
  fit(wanted, group)
  local moved, problem = shares.give(route, group, wanted, able, "what the ramp leaves")
  for _, item in ipairs(reasons) do
    table.insert(item[1].why, item[2] .. (moved and "" or "; not in force: " .. problem))
  end
end

local function check(settings)
  for name, parser in pairs({ interval = parse.duration, duration = parse.duration }) do
    if not parser.read(settings[name]) then
      error(("settings: %s: expected %s"):format(name, parser.expected), 0)
    end
  end
  if settings.steps ~= "" and not parse.steps.read(settings.steps) then
    error("settings: steps: expected " .. parse.steps.expected, 0)
  end
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@param now integer seconds since 1970
---@return nightjar.Mesh
local function apply(mesh, settings, now)
  check(settings)
  local ramps, able = read_ramps(mesh, settings), walk.able(mesh)
  for _, route in walk.routes(mesh) do
    for _, group in ipairs(walk.services(route)) do ramp_up(route, group, ramps, now, able) end
  end
  return mesh
end

local function shop(ramp)
  ramp.RAMP_START = ramp.RAMP_START or "1970-01-01T01:00:00Z"
  return example.shop(90, 10, { attributes = ramp })
end

local STEPS = { RAMP_STEPS = "1, 25, 100", RAMP_INTERVAL = "10m" }

return {
  about = "A color's share grows with the time since RAMP_START, in steps or evenly.",
  attributes = {
    RAMP_START = { about = "when the ramp of this color starts: 2026-11-26T10:00:00Z" },
    RAMP_STEPS = { about = "its shares, one after the other: 1, 5, 25, 100 (percent)" },
    RAMP_INTERVAL = { about = "how long each step lasts: 10m" },
    RAMP_DURATION = { about = "how long the whole ramp lasts: 2h; even where there are no steps" },
    RAMP_TO = { about = "the share at the end of an even ramp: 50 (percent)" },
  },
  settings = {
    steps = { type = "string", default = "", about = "RAMP_STEPS of a color that names none" },
    interval = { type = "string", default = "10m", about = "RAMP_INTERVAL, likewise" },
    duration = { type = "string", default = "1h", about = "RAMP_DURATION, likewise" },
    to = { type = "number", default = 100, min = 0, max = 100, about = "RAMP_TO, likewise" },
    resolution = { type = "number", default = 1, min = 0.01, max = 100,
      about = "percentage points by which an even ramp moves" },
  },
  apply = apply,
  examples = {
    { about = "before its start a color gets nothing", now = 3599, given = shop({}),
      expect = example.weights(100, 0) },
    { about = "an even ramp is half way after half of its time", now = 3600 + 1800,
      given = shop({}), expect = example.weights(50, 50) },
    { about = "at its end the color has everything", now = 3600 + 9999, given = shop({}),
      expect = example.weights(0, 100) },
    { about = "or as much as RAMP_TO says", now = 3600 + 9999, given = shop({ RAMP_TO = "20%" }),
      expect = example.weights(80, 20) },
    { about = "the first step begins with the start", now = 3600, given = shop(STEPS),
      expect = example.weights(99, 1) },
    { about = "the next one after the interval", now = 3600 + 600, given = shop(STEPS),
      expect = example.weights(75, 25) },
    { about = "steps share the duration where no interval is given", now = 3600 + 41,
      given = shop({ RAMP_STEPS = "10,20,30", RAMP_DURATION = "2m" }),
      expect = example.weights(80, 20) },
    { about = "a start that is no time is warned of, and the weights count", now = 3600,
      given = shop({ RAMP_START = "tomorrow" }),
      expect = example.warned(example.weights(90, 10), "RAMP_START") },
  },
}
