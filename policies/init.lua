-- Which policies make the plan, and in what order: each gets the mesh that the
-- one before it returned. `nightjar check` runs their examples. To add one, put
-- policies/NAME.lua beside this file and its name here (see docs/policies.md).

return {
  "own_service",
  "audience",
  "weights",
}
