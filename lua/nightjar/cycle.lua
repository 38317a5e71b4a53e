-- The picture of nightjar: the stages in their order, and how one follows the
-- other.
--
--   discover -> [ model -> policy -> view -> render ] -> publish -> supervise
--               '------------- plan -----------------'
--
-- The world's stages belong to the agent; its `plan` starts nightjar-plan, which
-- runs the pure ones: same input, same bytes. A stage never requires another:
-- what it needs comes in as its input.

local cycle = {}

---Run by the agent, in each pass.
cycle.world = { "discover", "plan", "publish", "supervise" }

---Run by nightjar-plan (plan/main.lua): nightjar.plan.model and so on.
cycle.pure = { "model", "policy", "view", "render" }

---Runs stages one after the other: each gets what the one before it made.
---@param stages { name: string, run: fun(input: any, settings: table): any, any }[]
---@param input any for the first stage
---@param settings table for every stage
---@param observe? fun(name: string, output: any) told of each output
---@return any? output of the last stage; nil when one failed
---@return any? err what the failing stage said
---@return string? name of the failing stage
function cycle.run(stages, input, settings, observe)
  local err
  for _, stage in ipairs(stages) do
    input, err = stage.run(input, settings)
    if input == nil then return nil, err, stage.name end
    if observe then observe(stage.name, input) end
  end
  return input
end

return cycle
