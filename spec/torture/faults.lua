-- The matrix: every fault that is tried on a field, in the order of docs/reliability.md; see
-- spec/support/ordeal.lua for what a fault is.

local faults = {}

-- One of each row that no other spec tries under load: these are tried in `make test` too.
local BRIEF = { ["Cloud Map: a value would break a document"] = true,
  ["policy: a memory bomb"] = true, ["template: a FIFO in the place of a file"] = true,
  ["disk: I/O errors of fsync"] = true, ["agent: is ended at rename 2 of a publication"] = true,
  ["agent: has a clock that jumps, ahead and back"] = true }

for _, part in ipairs { "aws", "mesh", "rules", "files", "envoy", "agent" } do
  for _, fault in ipairs(require("spec.torture.faults." .. part)) do
    fault.brief = BRIEF[fault.row .. ": " .. fault.name]
    faults[#faults + 1] = fault
  end
end

return faults
