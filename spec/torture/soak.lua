-- The field under load for SOAK_SECONDS (7200) with random faults: `make soak`. SEED repeats the
-- order of a run.

require("spec.support.soak")(_ENV, "soak", tonumber(os.getenv("SOAK_SECONDS")) or 7200,
  math.tointeger(tonumber(os.getenv("SEED"))) or os.time() % 1000000)
