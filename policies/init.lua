-- Which policies make the plan, and in what order: each gets the mesh that the
-- one before it returned. Most of them rest until a service carries one of their
-- attributes or the configuration names them. `nightjar check` runs their
-- examples. To add one, put policies/NAME.lua beside this file and its name here
-- (see docs/policies.md).

return {
  -- Who takes part, and who sees what.
  "label_filter", "own_service", "audience",
  -- Which endpoints count.
  "flap_damping", "refuse_empty",
  -- How traffic is split.
  "blue_green", "schedule", "canary_ramp", "health_gate",
  -- Which requests go another way.
  "test_traffic", "header_route", "tenant_route", "drain_color",
  -- What else a route does, and what holds it as it is.
  "capacity_cap", "mirror", "timeouts_retries", "freeze",
  -- Nobody keeps seeing what is closed to him while a mesh is frozen.
  "access_list",
  -- How the colors share that can answer, and which endpoints come first.
  "failover", "weights", "sticky", "zone_aware",
  -- What is tried beside all of this.
  "shadow",
}
