-- The way of a weight from the attribute that set it through the policies that changed it, made of
-- the reasons that a plan carries. Pure.

local moment = require "nightjar.cli.moment"

local chain = {}

---@class cli.Step
---@field by string who: `service NAME` for the attribute, else the policy
---@field text string what and why, for a person
---@field key? string the attribute, of the first step
---@field since? integer unix seconds: when the attribute's present value was first seen
---@field from? integer the weight before
---@field to? integer the weight after; of the first step the one that the attribute sets
---@field reason? string why, if the policy said so

-- `key "/shop": 90`, as the model writes it.
local function attribute_step(line, cluster)
  local key, to = line:match('^key "(.-)": (%d+)')
  if not key or not cluster.cloudmap_service then return { by = "", text = line } end
  return { by = "service " .. cluster.cloudmap_service, text = line, key = key,
    to = math.tointeger(tonumber(to)), since = (cluster.since or {})[key] }
end

-- `weights: 9 → 90 (reason)`, as the policies' work is noted.
local function policy_step(line)
  local by, text = line:match("^([%w_.-]+): (.*)$")
  if not by then return { by = "", text = line } end
  local step = { by = by, text = text }
  local from, to = text:match("^(%d+) → (%d+)")
  local added = text:match("^added with weight (%d+)")
  step.from, step.to = math.tointeger(tonumber(from)), math.tointeger(tonumber(to or added))
  if text:find("^%d+ → %d+") or added or text:find("^removed") then
    step.reason = text:match("%((.*)%)$")
  else
    step.reason = text
  end
  return step
end

---@param why string[] of an entry, or of what was removed
---@param cluster table that it is about; empty when it is not in the plan any more
---@return cli.Step[]
function chain.of(why, cluster)
  local steps = {}
  for i, line in ipairs(why) do
    steps[i] = i == 1 and line:find('^key "') and attribute_step(line, cluster)
      or policy_step(line)
  end
  return steps
end

---@param step cli.Step
---@return string
function chain.line(step)
  if step.by == "" then return step.text end
  local since = step.since and ", since " .. moment.utc(step.since) or ""
  return ("%s: %s%s"):format(step.by, step.text, since)
end

---The lines of a chain for a person.
---@param steps cli.Step[]
---@return string[]
function chain.lines(steps)
  local lines = {}
  for i, step in ipairs(steps) do lines[i] = chain.line(step) end
  return lines
end

return chain
