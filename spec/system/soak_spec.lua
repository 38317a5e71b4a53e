-- The soak's short form, always with the same faults in the same order: two hours with all of them
-- are `make soak`.

-- Those whose end is soon seen.
local function is_tried(fault)
  return not fault.slow and not fault.patience and not fault.explains
end

require("spec.support.soak")(_ENV, "soak-brief", 45, 11, is_tried)
