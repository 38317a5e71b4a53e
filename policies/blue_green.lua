-- A switch: one attribute says which color of a service is active. It gets all
-- of the service's traffic, whatever the weights of its paths say; take the
-- attribute away, and the weights count again. Nobody is sent to a color that
-- has no endpoint to answer.

local attributes = require("lib.attributes")
local example = require("lib.example")
local shares = require("lib.shares")
local text = require("lib.text")
local walk = require("lib.walk")

local COLOR = { expected = "a color", read = function(value) return value end }

-- The entries of a color that can answer, several where services share it; and
-- whether the color has any.
local function find(group, color, clusters)
  local usable, exists = {}, false
  for _, entry in ipairs(group.entries) do
    if entry.color == color then
      exists = true
      if walk.usable(clusters[entry.cluster]) > 0 then usable[#usable + 1] = entry end
    end
  end
  return usable, exists
end

local function weight_of(entry) return entry.weight end

-- All of a service's traffic to these entries, by their weights.
local function give_all(route, group, entries)
  local parts, wanted, sum = shares.by_weight(entries, weight_of), {}, 0
  for _, part in ipairs(parts) do sum = sum + part end
  for _, entry in ipairs(group.entries) do wanted[entry] = 0 end
  for i, entry in ipairs(entries) do wanted[entry] = parts[i] / sum end
  shares.give(route, group, wanted)
end

local function switch(route, group, color, clusters)
  local active, exists = find(group, color, clusters)
  if #active == 0 then
    local lacks = exists and "usable endpoint" or "key for this path"
    table.insert(route.why, ("ACTIVE_COLOR of %s is %s, which has no %s: the weights count")
      :format(group.service, text.quote(color), lacks))
    return
  end
  if group.total == 0 then return end
  give_all(route, group, active)
  for _, entry in ipairs(group.entries) do
    table.insert(entry.why, ("ACTIVE_COLOR of %s is %s"):format(group.service, color))
  end
end

-- A mistyped color is no reason to switch, and one to say so.
local function warn_of_unknown(mesh, active)
  local exists = {}
  for _, cluster in ipairs(mesh.clusters) do
    exists[cluster.mesh .. "/" .. cluster.service .. "\1" .. cluster.color] = true
  end
  for _, cluster in ipairs(mesh.clusters) do
    local service, said = cluster.mesh .. "/" .. cluster.service, cluster.attributes.ACTIVE_COLOR
    if said and said ~= "" and active[service] == said and not exists[service .. "\1" .. said] then
      attributes.warn(mesh, cluster, "ACTIVE_COLOR", ("%s is no color of %s"):format(
        text.quote(said), text.quote(cluster.service)))
    end
  end
end

---@param mesh nightjar.Mesh
---@return nightjar.Mesh
local function apply(mesh)
  local active, clusters = attributes.by_service(mesh, "ACTIVE_COLOR", COLOR), walk.clusters(mesh)
  warn_of_unknown(mesh, active)
  for listener, route in walk.routes(mesh) do
    for _, group in ipairs(walk.services(route)) do
      local color = active[listener.mesh .. "/" .. group.service]
      if color then switch(route, group, color, clusters) end
    end
  end
  return mesh
end

local function says(blue, green, color)
  return example.shop(blue, green, nil, { attributes = { ACTIVE_COLOR = color } })
end

return {
  about = "The color that ACTIVE_COLOR names gets all traffic of its service.",
  attributes = {
    ACTIVE_COLOR = { about = "the color that gets all traffic; any color of the service says it" },
  },
  apply = apply,
  examples = {
    {
      about = "the active color gets everything",
      given = says(90, 10, "green"), expect = example.weights(0, 100),
    },
    {
      about = "a color that does not exist changes nothing",
      given = says(90, 10, "purple"), expect = example.warned(example.weights(90, 10),
        "ACTIVE_COLOR"),
    },
    {
      about = "nobody is sent to a color that cannot answer",
      given = example.shop(90, 10, { endpoints = {} }, { attributes = { ACTIVE_COLOR = "green" } }),
      expect = example.weights(90, 10),
    },
    {
      about = "a path that is switched off stays off",
      given = says(0, 0, "green"), expect = example.weights(0, 0),
    },
  },
}
