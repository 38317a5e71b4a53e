-- A graceful end for Envoy's requests: health checks fail first, clients are asked to leave, and
-- what runs may finish within its time.

local sched = require("nightjar.agent.sched")

local drain = {}

local LOOK = 0.1 -- seconds between two looks

---Drain, and return when requests have ceased for a while, the time is over, or Envoy does not say.
---@param options { admin: fun(): table, deadline: number, quiet: number, single: (fun(): boolean),
---  expected: fun(): boolean }  `quiet`: seconds without a request that count as the end of all;
---  `single`: no old process of a hot restart drains as well; `expected`: an admin interface that
---  does not answer yet will
---@return boolean drained whether Envoy took part
function drain.run(options)
  local admin
  repeat
    admin = options.admin()
    local taken = admin:fail_health_check() and admin:drain()
    if not taken then
      if not options.expected() or sched.now() >= options.deadline then
        return false
      end
      sched.sleep(LOOK)
    end
  until taken
  local quiet_since = sched.now()
  while sched.now() < options.deadline do
    local active = admin:active()
    if not active then
      return true
    elseif active > 0 or not options.single() then
      quiet_since = sched.now()
    elseif sched.now() - quiet_since >= options.quiet then
      return true
    end
    sched.sleep(LOOK)
  end
  return true
end

return drain
