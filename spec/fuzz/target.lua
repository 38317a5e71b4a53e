-- Runs the targets in Lua: each is spec/fuzz/targets/NAME.lua, which returns a function of a text.
local target = {}

---Gives an input to a target. An error is a finding.
---@param name string
---@param input string
function target.run(name, input)
  require("spec.fuzz.targets." .. name)(input)
end

return target
