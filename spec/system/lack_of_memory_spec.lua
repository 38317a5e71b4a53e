-- Memory that runs out in whole runs of both programs, at a few places; spec/torture/ has many.

require("spec.support.lack_of_memory")(_ENV, "lack_of_memory_short",
  { command = 8, plan = 40, once = 8, passes = 3 })
