-- No color gets much more traffic than it has endpoints for: its share is never
-- above its share of the healthy endpoints times a factor. With 1 healthy
-- endpoint beside 9 of the other color, a factor of 1.5 allows 15 %.

local attributes = require("lib.attributes")
local example = require("lib.example")
local parse = require("lib.parse")
local shares = require("lib.shares")
local walk = require("lib.walk")

local function healthy(group, clusters)
  local counts, sum = {}, 0
  for _, entry in ipairs(group.entries) do
    counts[entry] = walk.usable(clusters[entry.cluster])
    sum = sum + counts[entry]
  end
  return counts, sum
end

local function cap(route, group, clusters, factors, default)
  local counts, sum = healthy(group, clusters)
  -- One color has nobody to give to; without any endpoint there is no capacity to compare.
  if #group.entries < 2 or sum == 0 then return end
  local most = {}
  for _, entry in ipairs(group.entries) do
    local factor = factors[entry.cluster] or default
    if factor then most[entry] = math.min(1, counts[entry] / sum * factor) end
  end
  local limited = shares.limit(route, group, most, nil, "what capped colors may not have")
  for _, entry in ipairs(group.entries) do
    if limited and limited[entry] then
      table.insert(entry.why, ("capped: %d of %d healthy endpoints × %.4g"):format(
        counts[entry], sum, factors[entry.cluster] or default))
    end
  end
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@return nightjar.Mesh
local function apply(mesh, settings)
  local factors = attributes.collect(mesh, "CAPACITY_FACTOR", parse.number(1, 1000))
  local clusters = walk.clusters(mesh)
  for _, route in walk.routes(mesh) do
    for _, group in ipairs(walk.services(route)) do
      cap(route, group, clusters, factors, settings.factor)
    end
  end
  return mesh
end

local function shop(blue, green, factor)
  return example.shop(50, 50, { attributes = { CAPACITY_FACTOR = factor },
    endpoints = example.endpoints(green) }, { endpoints = example.endpoints(blue) })
end

return {
  about = "A color's share is never above its share of the healthy endpoints times a factor.",
  attributes = {
    CAPACITY_FACTOR = { about = "how far this color's share may go above its healthy share: 1.5" },
  },
  settings = {
    factor = { type = "number", min = 1, max = 1000,
      about = "CAPACITY_FACTOR of every color that names none" },
  },
  apply = apply,
  examples = {
    { about = "one endpoint of ten and a factor of 2 carry a fifth", given = shop(9, 1, "2"),
      expect = example.weights(80, 20) },
    { about = "enough endpoints change nothing", given = shop(5, 5, "1"),
      expect = example.weights(50, 50) },
    { about = "no endpoint, no traffic", given = shop(4, 0, "2"),
      expect = example.weights(100, 0) },
    { about = "a factor in the settings counts for all colors", settings = { factor = 1 },
      given = shop(1, 3, ""), expect = example.weights(25, 75) },
    { about = "without any healthy endpoint there is nothing to compare", given = shop(0, 0, "2"),
      expect = example.weights(50, 50) },
    { about = "a factor below 1 would leave traffic for nobody", given = shop(9, 1, "0.5"),
      expect = example.warned(example.weights(50, 50), "CAPACITY_FACTOR") },
  },
}
