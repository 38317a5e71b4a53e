-- Memory that runs out in whole runs of both programs, at very many places: `make torture`.

-- EVERY makes it shorter: 10 gives each tenth.
local EVERY = tonumber(os.getenv("EVERY") or 1)

require("spec.support.lack_of_memory")(_ENV, "lack_of_memory", { command = 400 // EVERY,
  plan = 2000 // EVERY, once = 400 // EVERY, passes = 150 // EVERY })
