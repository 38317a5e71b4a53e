-- What nightjar may execute on the reference mesh (20 services, each blue and green, 3 instances),
-- a tenth above what it does. spec/load/budget_spec.lua counts it, and prints what it counted.
-- A bound is raised deliberately: with the reason and the date behind it. Where it becomes much
-- less, lower it.
--
-- instructions  of the processor, x86-64, built with -O2: two runs differ by 2 % in the passes (how
--               answers fall together; by up to a tenth on a busy machine), by 0.1 % in the plan
-- allocations   calls of malloc, calloc and realloc: by 0.5 %, or a few percent there; Lua's small
--               blocks are not among them (host/pool.h)
-- blocks        made, resized and freed by Lua: as little
-- calls         of AWS: by none

return {
  -- nightjar-plan, from its start to its end. 2026-11-30: 152 million, 22,560, 61,130.
  plan = { instructions = 167000000, allocations = 24800, blocks = 67200 },
  -- A pass of the agent beside it in which nothing has changed. 2026-11-30: 7.6 to 7.8 million,
  -- 1,900, 740.
  unchanged = { instructions = 8150000, allocations = 2100, blocks = 810, calls = 38 },
  -- A pass that finds one endpoint at another address. 2026-11-30: 68.6 million, 2,770, 20,360.
  -- A tenth of it is that what is in force is kept on disk alone, and memory given back after such
  -- a pass: that is worth a third of the agent's memory.
  changed = { instructions = 75500000, allocations = 3050, blocks = 22400, calls = 38 },
  -- The first pass asks for everything, once.
  first = { calls = 83 },
  -- Times as much on the bench's L as on its M, which has a tenth of the endpoints and a fifth of
  -- the services (spec/load/growth_spec.lua).
  growth = {
    -- Closer than a tenth: with a loop that grows with the square, a tenth of L's plan, it was
    -- 7.95. 2026-11-30: 7.37, 7.05, 6.31.
    plan = { instructions = 7.6, allocations = 7.3, blocks = 6.6 },
    -- Without its plan. 2026-11-30: 6.58, 4.42, 5.79, 4.98.
    first = { instructions = 7.0, allocations = 4.7, blocks = 6.1, calls = 5.0 },
  },
}
