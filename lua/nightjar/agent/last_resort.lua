-- When an error reaches the agent's main loop, as when memory runs out outside of a pass: the
-- process becomes its own program anew, as for SIGUSR2, which gives all of its memory back. To end
-- instead would take Envoy along wherever the agent is the container's first process.

local child = require("host.child")
local log = require("nightjar.log")
local loop = require("host.loop")
local renewal = require("nightjar.agent.renewal")

local last_resort = {}

-- Memory may be short for a while. Whoever is told to stop meanwhile stops.
local ATTEMPTS, PAUSE = 20, 1 -- seconds
local STOPS = { TERM = true, INT = true, QUIT = true }

local function told_to_stop(events)
  for _, event in ipairs(events or {}) do
    if STOPS[event.signal] then return true end
  end
  return false
end

local function restart(reason)
  log.error("internal_error", { reason = reason })
  local argv = assert(renewal.arguments())
  log.info("restarting", { program = argv[1] })
  local _, problem = child.become { argv = argv }
  log.error("restart_failed", { reason = problem })
end

---Restart this process. Returns when that fails time and again, or a signal to stop comes. Called
---outside of sched.run, whose tasks are over. Nothing in it raises.
---@param reason string the error
function last_resort.run(reason)
  for _ = 1, ATTEMPTS do
    local waited, events = pcall(loop.wait, PAUSE)
    if waited and told_to_stop(events) then return end
    pcall(restart, reason)
  end
end

return last_resort
