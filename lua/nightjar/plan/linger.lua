-- Make before break: a cluster leaves one generation later than its routes
-- (defect 10). What the routes of the last accepted plan named, and those of
-- this plan no longer name, stays with its last endpoints for one generation,
-- so that each step of a publication is a valid configuration.

local mesh_shape = require("nightjar.plan.mesh_shape")
local schema = require("nightjar.plan.schema")
local text = require("nightjar.plan.text")

local linger = {}

-- What must linger of one cluster of the last plan: a copy, or nil.
local function lingering(cluster, known)
  if type(cluster) == "table" and known[cluster.name] then return nil end
  -- The decoder's marks on lists are no part of the data.
  local item = schema.plain(cluster)
  local message = schema.check(mesh_shape.cluster, item)
  if message then return nil, message end
  -- One that lingered in the last generation already has had its time.
  return not item.linger and item or nil
end

---Adds to `plan.clusters`, which the plan's routes name, those that linger.
---@param plan table
---@param previous table? { clusters = … }, those that the last plan's routes named
---@param warnings Warnings
function linger.add(plan, previous, warnings)
  if type(previous) ~= "table" or type(previous.clusters) ~= "table" then return end
  local known = {}
  for _, cluster in ipairs(plan.clusters) do known[cluster.name] = true end
  for i, cluster in ipairs(previous.clusters) do
    local item, message = lingering(cluster, known)
    if item then
      item.linger = true
      known[item.name] = true
      plan.clusters[#plan.clusters + 1] = item
    elseif message then
      warnings:add("bad_previous", ("previous.clusters[%d]: %s; it is not kept")
        :format(i, text.clean(message)))
    end
  end
end

return linger
