-- Holds a color back until enough of its endpoints are healthy. While the gate
-- is closed the color has at most the share `hold`; the others take the rest.
-- The gate looks at the present alone, so every container sees it alike.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local shares = require("lib.shares")
local walk = require("lib.walk")

-- What is said of those who get it.
local REST = "what held colors may not have"

local function read_gates(mesh, settings)
  local gates = attributes.collect(mesh, "HEALTH_GATE", parse.amount)
  local default = settings.healthy ~= "" and parse.amount.read(settings.healthy) or nil
  if settings.healthy ~= "" and not default then
    error("settings: healthy: expected " .. parse.amount.expected, 0)
  end
  local named = {}
  for _, color in ipairs(settings.colors) do named[color] = true end
  for _, cluster in ipairs(mesh.clusters) do
    if named[cluster.color] then
      gates[cluster.name] = gates[cluster.name] or default
    end
  end
  return gates
end

-- What a gate wants and a color lacks, or nil where it is open.
local function closed(gate, cluster)
  local usable, all = walk.usable(cluster)
  local wanted = gate.count or math.ceil(all * gate.part - 1e-9)
  -- A part of nothing is still something: no endpoint at all is not healthy.
  wanted = math.max(wanted, 1)
  if usable >= wanted then return nil end
  return ("%d of %d endpoints are healthy, %d are wanted"):format(usable, all, wanted)
end

-- Where a switch or the end of a ramp left nobody else a weight, the others take
-- the rest by the weights of their keys: a gate holds at 100 % too.
local function give_back(route, group, most, context)
  local wanted, held, sum = {}, 0, 0
  for _, entry in ipairs(group.entries) do
    local weight = not most[entry] and context.able(entry) and attributes.weight_of(
      context.clusters[entry.cluster], route.path, entry.audience) or 0
    wanted[entry], held, sum = weight, held + (most[entry] or 0), sum + weight
  end
  if sum == 0 or held >= 1 then return nil end
  local limited = {}
  for _, entry in ipairs(group.entries) do
    wanted[entry] = most[entry] or wanted[entry] / sum * (1 - held)
    limited[entry] = most[entry] ~= nil
    if not limited[entry] and wanted[entry] > 0 then table.insert(entry.why, REST) end
  end
  return shares.give(route, group, wanted, context.able) and limited or nil
end

local function hold(route, group, gates, context)
  local most, reasons = {}, {}
  for _, entry in ipairs(group.entries) do
    local gate = gates[entry.cluster]
    local reason = gate and entry.weight > 0 and closed(gate, context.clusters[entry.cluster])
    if reason then most[entry], reasons[#reasons + 1] = context.share, { entry, reason } end
  end
  if #reasons == 0 then return end
  local limited, problem = shares.limit(route, group, most, context.able, REST)
  if not limited and problem then limited = give_back(route, group, most, context) end
  for _, item in ipairs(reasons) do
    local entry, reason = item[1], item[2]
    if limited and limited[entry] then
      table.insert(entry.why, "held: " .. reason)
    elseif not limited then
      table.insert(entry.why, ("%s; not held: %s"):format(reason, problem or "it has no more"))
    end
  end
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  local gates = read_gates(mesh, settings)
  local context = { clusters = walk.clusters(mesh), able = walk.able(mesh),
    share = settings.hold / 100 }
  for _, route in walk.routes(mesh) do
    for _, group in ipairs(walk.services(route)) do
      hold(route, group, gates, context)
    end
  end
  return mesh
end

local function shop(gate, healthy, unhealthy)
  return example.shop(80, 20, { attributes = { HEALTH_GATE = gate },
    endpoints = example.endpoints(healthy, unhealthy) })
end

return {
  about = "A color gets no more than a held share until enough of its endpoints are healthy.",
  attributes = {
    HEALTH_GATE = { about = 'how many endpoints of this color must be healthy: "3" or "80%"' },
  },
  settings = {
    hold = { type = "number", default = 0, min = 0, max = 100,
      about = "percentage of the traffic that a color may have while its gate is closed" },
    colors = { type = "strings", default = {},
      about = "colors that have a gate without HEALTH_GATE" },
    healthy = { type = "string", default = "", about = "the gate of these colors" },
  },
  apply = apply,
  examples = {
    { about = "too few healthy endpoints hold the color", given = shop("3", 2, 2),
      expect = example.weights(100, 0) },
    { about = "enough of them let it go", given = shop("3", 3, 1),
      expect = example.weights(80, 20) },
    { about = "a part of those that are there", given = shop("80%", 3, 1),
      expect = example.weights(100, 0) },
    { about = "the part is rounded up", given = shop("75%", 3, 1),
      expect = example.weights(80, 20) },
    { about = "a color without endpoints is never enough", given = shop("50%", 0, 0),
      expect = example.weights(100, 0) },
    { about = "it may keep a share", settings = { hold = 5 }, given = shop("3", 2, 0),
      expect = example.weights(95, 5) },
    { about = "colors that the settings name have a gate too",
      settings = { colors = { "green" }, healthy = "100%" }, given = shop("", 3, 1),
      expect = example.weights(100, 0) },
  },
}
