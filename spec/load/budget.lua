-- What nightjar may execute on the reference mesh (20 services, each blue and green, 3 instances):
-- about a tenth above what it does. spec/load/budget_spec.lua counts it, and prints what it counted.
-- A bound is raised deliberately: with the reason and the date behind it. Where it becomes much
-- less, lower it.
--
-- instructions  of the processor, x86-64, built with -O2; they differ by less than 1 % between runs
-- allocations   calls of malloc, calloc and realloc
-- calls         of AWS

return {
  -- nightjar-plan, from its start to its end.
  plan = { instructions = 412000000, allocations = 104000 }, -- 2026-11-28: first measured, 374 M
  -- A pass of the agent beside it in which nothing has changed, and one with another endpoint.
  unchanged = { instructions = 112000000, allocations = 53600, calls = 38 }, -- 2026-11-28
  changed = { instructions = 145000000, allocations = 58400, calls = 38 },   -- 2026-11-28
  -- The first pass asks for everything, once.
  first = { calls = 83 }, -- 2026-11-28
}
