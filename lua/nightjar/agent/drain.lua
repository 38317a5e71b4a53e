-- A graceful end for Envoy's requests: health checks fail first, clients are asked to leave, and
-- what runs may finish within its time.

local sched = require("nightjar.agent.sched")

local drain = {}

local LOOK = 0.1 -- seconds between two looks

-- Have health checks fail: the admin interface that did so, or nil when Envoy does not take part.
local function fail_health_check(options)
  while true do
    local admin = options.admin()
    if admin and admin:fail_health_check() then
      return admin
    elseif not options.expected() or sched.now() >= options.deadline then
      return nil
    end
    sched.sleep(LOOK)
  end
end

---Drain, and return when requests have ceased for a while, the time is over, or Envoy does not
---say. Whoever sends requests sees the failed health check first, and looks elsewhere; then the
---listeners drain.
---@param options { admin: fun(): table?, deadline: number, quiet: number, single: (fun(): boolean),
---  expected: fun(): boolean }  `quiet`: seconds for others to see the failed health check, and
---  without a request that count as the end of all; `single`: no old process of a hot restart
---  drains as well; `expected`: an admin interface that does not answer yet will
---@return boolean drained whether Envoy took part
function drain.run(options)
  local admin = fail_health_check(options)
  if not admin then
    return false
  end
  local started, drained_at = sched.now(), nil
  local quiet_since, routed_before = started, nil
  while sched.now() < options.deadline do
    local now = sched.now()
    if not drained_at and now - started >= options.quiet then
      admin = options.admin() or admin -- a hot restart may have moved it meanwhile
      admin:drain()
      drained_at = now
    end
    local active, routed = admin:active()
    if not active then
      return true
    elseif active > 0 or routed ~= routed_before or not options.single() then
      quiet_since, routed_before = now, routed -- most requests come and go between two looks
    elseif drained_at and now - quiet_since >= options.quiet
      and now - drained_at >= math.min(1, options.quiet) then
      return true
    end
    sched.sleep(LOOK)
  end
  return true
end

return drain
