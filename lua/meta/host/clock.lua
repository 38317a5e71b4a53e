---@meta host.clock
-- The clocks of the machine (host/clock.h).

local clock = {}

---Wall-clock time, for stamps that leave the program. It may jump.
---@return number seconds since 1970-01-01T00:00:00Z, to the millisecond
function clock.now() end

---A clock that never goes back, for durations and deadlines. Its zero means nothing.
---@return number seconds
function clock.monotonic() end

---Writes a moment as logs and people want it: `2026-11-24T03:36:00.123Z`.
---Raises outside of the years 0 to 9999.
---@param seconds number since 1970; what is finer than a millisecond is cut off
---@return string
function clock.rfc3339(seconds) end

return clock
