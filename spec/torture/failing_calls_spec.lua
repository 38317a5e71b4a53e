-- Every system call of a pass failed once: `make torture`. EVERY gives a part: 10 each tenth.

require("spec.support.failing_calls")(_ENV, "failing_calls", tonumber(os.getenv("EVERY") or 1))
