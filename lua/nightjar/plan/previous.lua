-- What is in force, as policies may look at it: the listeners with their routes and the clusters of
-- the last accepted plan. It comes back from the agent's state, so it is checked like any input.

local mesh_shape = require("nightjar.plan.mesh_shape")
local schema = require("nightjar.plan.schema")
local text = require("nightjar.text")

local previous = {}

local function list(value)
  return type(value) == "table" and value or {}
end

-- The agent does not keep reasons: each pass tells its own.
local function add_whys(listeners)
  for _, listener in ipairs(listeners) do
    for _, route in ipairs(list(list(listener).routes)) do
      if type(route) == "table" then route.why = {} end
      for _, entry in ipairs(list(list(route).clusters)) do
        if type(entry) == "table" then entry.why = {} end
      end
    end
    for _, item in ipairs(list(list(listener).removed)) do
      if type(item) == "table" then item.why = {} end
    end
  end
end

---@param given any what the request says: { listeners, clusters, … }
---@param warnings Warnings
---@return table? previous { listeners, clusters }; nil when nothing usable is known
function previous.read(given, warnings)
  if type(given) ~= "table" or type(given.listeners) ~= "table" then return nil end
  local plan = { listeners = schema.plain(given.listeners),
    clusters = schema.plain(list(given.clusters)) }
  add_whys(plan.listeners)
  local message = mesh_shape.check(plan)
  if not message then return plan end
  warnings:add("bad_previous", ("previous.%s; policies see nothing of what is in force")
    :format(text.clean(message)))
end

return previous
