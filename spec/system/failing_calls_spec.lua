-- System calls of a pass that fail, some of them; spec/torture/ has all.

require("spec.support.failing_calls")(_ENV, "failing_calls_short", 120)
