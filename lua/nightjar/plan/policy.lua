-- The second stage: the policies, in their order, make the plan of the mesh.
-- The first error ends it; the agent then keeps the last generation.

local apply = require("nightjar.plan.apply")
local finish = require("nightjar.plan.finish")
local memory = require("nightjar.plan.memory")
local nearest = require("nightjar.nearest")
local policy_folder = require("nightjar.plan.policy_folder")
local policy_record = require("nightjar.plan.policy_record")
local previous = require("nightjar.plan.previous")
local resting = require("nightjar.plan.resting")
local resting_policies = require("nightjar.plan.resting_policies")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")
local turn = require("nightjar.plan.turn")

local policy = {}

-- Settings for a policy that no list names: left out for a while, or a
-- mistyped name. It changes nothing, so it is a warning.
local function warn_of_unknown(given, names, warnings)
  local known = {}
  for _, name in ipairs(names) do known[name] = true end
  for name in sorted.pairs(given) do
    if not known[name] then
      warnings:add("unknown_policy", ("settings policies.%s: policies/init.lua names no such "
        .. "policy%s"):format(text.clean(name, 255), nearest.hint(name, names)),
        { policy = text.clean(name, 255) })
    end
  end
end

-- The names of all attributes that services carry; `TIMEOUT:/shop` counts as TIMEOUT, and so does
-- `TIMEOUT:shop`, which the policy warns of.
local function carried_attributes(mesh)
  local carried = {}
  for _, cluster in ipairs(mesh.clusters) do
    for key in next, cluster.attributes do
      carried[key:match("^([%u%d_]+):") or key] = true
    end
  end
  return carried
end

-- The second list, where the configuration names one (see policies/shadow.lua).
local function second_list(given)
  local list = type(given.shadow) == "table" and given.shadow.list
  return type(list) == "table" and next(list) ~= nil and list or nil
end

-- Whether a policy may look at the clock: `now` is its third parameter.
local function is_timed(record)
  local info = debug.getinfo(record.apply, "u")
  return info.isvararg or info.nparams >= 3
end

-- Whether a text holds a word. It is looked for as it is first: a pattern would be tried at each of
-- the text's letters.
local function has_word(whole, word)
  local from, to = whole:find(word, 1, true)
  while from do
    if not whole:sub(from - 1, from - 1):find("[%w_]") and not whole:find("^[%w_]", to + 1) then
      return true
    end
    from, to = whole:find(word, to + 1, true)
  end
  return false
end

-- Whether any text speaks of a cluster's `age`, which grows without `now`. A word in a comment is
-- one too many: that costs a plan at each pass, no more.
local function speaks_of_age(policies)
  for _, one in ipairs(policies) do
    if has_word(one.text, "age") then return true end
  end
  return false
end

---@param mesh table what the model made
---@param context table { policies = {{name, text}}, list = "shadow"?, now, previous, warnings,
---       position?, settings = { policies = {name = {}} } }; gets `has_shadow`: there is a second
---       list; `resting`: see resting.lua; `timeless`: no policy could look at the clock
---@return table? plan
---@return table? err { policy?, file?, line?, field?, message }
function policy.run(mesh, context)
  local given = type(context.settings.policies) == "table" and context.settings.policies or {}
  local carried, known = carried_attributes(mesh), resting.note(mesh.clusters)
  local list, err, has_shadow, names = policy_folder.load(context.policies, context.list,
    context.position, second_list(given), resting_policies.of(context.policies, given, carried))
  if not list then return nil, err end
  context.has_shadow = has_shadow
  warn_of_unknown(given, names, context.warnings)
  context.timeless = not speaks_of_age(context.policies)
  local surroundings = { now = context.now, warnings = context.warnings,
    previous = previous.read(context.previous, context.warnings) }
  for _, item in ipairs(list) do
    if not policy_record.is_idle(item.record, given[item.name], carried) then
      turn.begin(context.position, item.file, item.line)
      mesh, err = apply.run(item, mesh, given[item.name], surroundings)
      if not mesh then return nil, err end
      context.timeless = context.timeless and not is_timed(item.record)
    end
  end
  turn.begin(context.position)
  -- What the policies did was noted before each of them, and is garbage.
  memory.tidy(context.position)
  context.resting = resting.of(known, mesh)
  return finish.run(mesh, context)
end

return policy
