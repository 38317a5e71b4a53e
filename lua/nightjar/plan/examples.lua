-- Runs the examples that policies carry: what is `given` goes through the
-- policy alone, and what comes out must hold what `expect` says.

local apply = require("nightjar.plan.apply")
local compare = require("nightjar.plan.compare")
local example_mesh = require("nightjar.plan.example_mesh")
local mesh_shape = require("nightjar.plan.mesh_shape")
local policy_folder = require("nightjar.plan.policy_folder")
local schema = require("nightjar.plan.schema")
local text = require("nightjar.text")
local turn = require("nightjar.plan.turn")
local warnings = require("nightjar.plan.warnings")

local examples = {}

-- A copy of what an example holds; the policy's own tables stay as they are.
local function data(value, what)
  local result, err = schema.copy(value)
  if err then return nil, what .. ": " .. err end
  if type(result) ~= "table" then
    return nil, ("%s: expected a table, got %s"):format(what, text.show(result))
  end
  return result
end

-- The mesh that an example gives in its field `what`.
local function mesh_of(example, what)
  local part, err = data(example[what], what)
  if not part then return nil, err end
  local mesh = example_mesh.complete(part)
  err = mesh_shape.check(mesh)
  if err then return nil, what .. ": " .. err end
  return mesh
end

-- What the policy warned of is part of what came out.
local function outcome(policy, mesh, settings, context)
  local collected = warnings.new()
  context.warnings = collected
  local result, err = apply.run(policy, mesh, settings, context)
  if not result then return nil, err.message end
  result.warnings = collected:all()
  return result
end

-- nil when the example holds, else what is wrong.
local function fault(policy, example)
  local mesh, err = mesh_of(example, "given")
  if not mesh then return err end
  local expect, settings, previous
  expect, err = data(example.expect, "expect")
  if not expect then return err end
  settings, err = data(example.settings or {}, "settings")
  if not settings then return err end
  if example.previous ~= nil then
    previous, err = mesh_of(example, "previous")
    if not previous then return err end
  end
  local result
  result, err = outcome(policy, mesh, settings, { now = example.now or 0, previous = previous })
  if not result then return err end
  return compare.subset(expect, result)
end

---@param policies table[] { name, text } as in the request
---@param position? table see turn.lua
---@return table[]? list { policy, index, about, ok, message? }, in the order of init.lua
---@return table? err { policy?, file?, line?, field?, message }
function examples.run(policies, position)
  local list, err = policy_folder.load(policies, "both", position)
  if not list then return nil, err end
  local results = {}
  for _, policy in ipairs(list) do
    for i, example in ipairs(policy.record.examples or {}) do
      turn.begin(position, policy.file, policy.line)
      local message = fault(policy, example)
      results[#results + 1] = {
        policy = policy.name, index = i, about = example.about or "", ok = message == nil,
        message = message,
      }
    end
  end
  return results
end

return examples
