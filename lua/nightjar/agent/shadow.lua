-- The second list of policies, which init.lua may name beside the first: what it would make of the
-- same mesh is planned in a nightjar-plan of its own, once the first is in force; the difference
-- is told. Whatever goes wrong in it costs nothing but its own line in the log.

local difference = require("nightjar.agent.difference")
local log = require("nightjar.log")
local memory = require("nightjar.agent.memory")
local planner = require("nightjar.agent.planner")

local shadow = {}
shadow.__index = shadow

---@param settings table
---@return table shadow
function shadow.new(settings)
  return setmetatable({ settings = settings }, shadow)
end

-- Each state is told once.
function shadow:tell(level, fields)
  local text = level .. "\0" .. (fields.difference or fields.reason)
  if text ~= self.told then
    self.told = text
    log[level](level == "warn" and "shadow_failed" or "shadow", fields)
  end
end

---Plans the second list and says how it differs from what is in force. Called within sched.run.
---@param input { snapshot: table, now: integer, previous: table? } what the first was made of
---@param published table what memory.of made of the first
function shadow:look(input, published)
  local response, err = planner.run({ snapshot = input.snapshot, now = input.now,
    previous = input.previous, list = "shadow", plan_only = true }, self.settings)
  if not response then
    return self:tell("warn", { reason = err })
  end
  local first = {}
  for name, value in pairs(published) do
    first[name] = value
  end
  -- Clusters that linger are of the past, not of either list.
  first.lingering = nil
  local lines = difference.between(first, memory.of(response.plan), {}, response.plan)
  self:tell("info", { difference = #lines > 0 and table.concat(lines, "; ") or "none" })
end

---The second list is gone: say so if it was ever told of.
function shadow:rest()
  if self.told then
    self:tell("info", { difference = "no second list" })
    self.told = nil
  end
end

---The second list of policies is looked at when the first is in force. What is pinned is of another
---time than either: nothing can be said meanwhile.
---@param record { held: table?, has_shadow: boolean?, planned: table?, memory: table? } of the pass
function shadow:follow(record)
  if record.held then
    return
  elseif record.has_shadow then
    self:look(record.planned, record.memory)
  else
    self:rest()
  end
end

return shadow
