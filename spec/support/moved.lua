-- A clock that a spec moves on: the wall's and the one that never jumps, for all of this process.
-- It goes on by itself too, so that whoever waits is woken. Programs that are started have the real
-- one.

local clock = require("host.clock")
local sched = require("nightjar.agent.sched")

local moved = {}

local real = { now = clock.now, monotonic = clock.monotonic }

---Seconds that the clock is ahead.
moved.ahead = 0

local function ahead_of(name)
  return function() return real[name]() + moved.ahead end
end

---From now on the process has the moved clock.
function moved.install()
  clock.now, clock.monotonic = ahead_of("now"), ahead_of("monotonic")
  sched.now = clock.monotonic
end

---And from now on the real one.
function moved.remove()
  clock.now, clock.monotonic, sched.now = real.now, real.monotonic, real.monotonic
  moved.ahead = 0
end

---@param seconds number
function moved.by(seconds)
  moved.ahead = moved.ahead + seconds
end

return moved
