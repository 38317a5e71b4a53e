--- A claim of the lead, which is renewed as long as what it was made for goes on.

local claim = {}

--- Seconds after which a claim may be claimed again.
claim.LIFE = 10

--- Does something, and renews the claim beside it. Must run in a coroutine of the scheduler.
---@generic T
---@param context AwsWorld
---@param renew fun(seconds: number): boolean?  `seconds` since the beginning; false: it is
---  another one's by now
---@param work fun(): T
---@return T
function claim.hold(context, renew, work)
  local began, writing, over = context.monotonic(), false, false
  local renewer = context.spawn(function()
    repeat
      context.sleep(claim.LIFE / 2)
      writing = true
      local renewed = renew(context.monotonic() - began)
      writing = false
    until over or renewed == false
  end)
  local _ <close> = setmetatable({}, { __close = function() renewer:cancel() end })
  local result = work()
  over = true
  -- What is being written now gives the condition of the next write.
  if writing then renewer:join() end
  return result
end

return claim
