-- Turns the level of the log to debug for a time, as `nightjar debug` asks, and back by itself.
-- Until then nothing wakes for it but one timer.

local clock = require("host.clock")
local log = require("nightjar.log")
local request = require("nightjar.agent.debug_request")
local sched = require("nightjar.agent.sched")

local verbosity = {}
verbosity.__index = verbosity

---@param settings table `state_dir`, and `log_level`, to which it goes back
---@return table verbosity
function verbosity.new(settings)
  return setmetatable({ settings = settings, timer = nil }, verbosity)
end

-- What it says is written at either level.
function verbosity:off(reason)
  log.info("debug_off", { reason = reason })
  log.configure { level = self.settings.log_level }
  self.timer = nil
end

function verbosity:on(left)
  log.configure { level = "debug" }
  log.info("debug_on", { seconds = math.ceil(left), level = self.settings.log_level,
    ["until"] = os.date("!%Y-%m-%dT%H:%M:%SZ", math.ceil(clock.now() + left)) })
  self.timer = sched.spawn(function()
    sched.sleep(left)
    self:off("its time is over")
    self:clear()
  end)
end

function verbosity:clear()
  local removed, err = request.remove(self.settings.state_dir)
  if removed == nil then
    log.warn("debug_request", { reason = err })
  end
end

---Do what is asked for now: called at the start, and when the request has come, gone or changed.
function verbosity:look()
  local asked, err = request.read(self.settings.state_dir)
  if err then
    log.warn("debug_request", { reason = err })
  end
  -- However a clock may have been set meanwhile, it is never longer than was asked for.
  local left = asked and math.min(asked.ends - clock.now(), asked.seconds) or 0
  if self.timer and (left > 0 or not asked) then
    self.timer:cancel()
    self.timer = nil
    if left <= 0 then
      self:off(err and "its request cannot be read" or "`nightjar debug off`")
    end
  end
  if left > 0 then
    self:on(left)
  elseif asked and not self.timer then
    self:clear() -- it ended while no agent ran
  end
end

return verbosity
