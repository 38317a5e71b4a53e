-- The matrix: every fault that is tried on a field, in the order of docs/reliability.md.

local faults = {}

for _, part in ipairs { "aws", "mesh", "rules", "files", "envoy", "agent" } do
  for _, fault in ipairs(require("spec.torture.faults." .. part)) do
    faults[#faults + 1] = fault
  end
end

return faults
