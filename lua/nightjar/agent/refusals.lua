-- What Envoy refused, from pass to pass: it is remembered and said once, and not tried again until
-- it changes, since each try puts its clusters and routes into force for a moment.

local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")

local refusals = {}

-- Where Envoy finds nothing wrong in the files, what stood in the way (a port that another program
-- held) may be gone after this time.
local REFUSED_FOR = 300 -- seconds

---Remembers what Envoy refused, or that nothing is refused, and says it once.
---@param pass table (agent/pass.lua)
---@param refusal { generation: string, files: string[], reason: string, outside: boolean? }?
function refusals.keep(pass, refusal)
  local known = pass.state.refused
  if not refusal then
    pass.state:keep_refused(nil)
  elseif not known or known.generation ~= refusal.generation then
    pass.state:keep_refused(refusal)
    pass.refused_at = sched.now()
    local fields = { generation = refusal.generation, files = refusal.files[1] and refusal.files,
      reason = refusal.reason, in_force = pass:in_force() }
    log.error("refused", fields)
    pass.tell("refused", fields)
  end
end

---An Envoy that died once while it took a generation may have died of anything; one that did twice
---died of it.
---@param pass table
---@param refusal table?
---@return table? refusal nil if the generation is worth another try
function refusals.deadly(pass, refusal)
  if not refusal or not refusal.died then
    pass.died_of = nil
    return refusal
  elseif pass.died_of == refusal.generation then
    return refusal
  end
  pass.died_of = refusal.generation
end

---What is not worth a new try. Where nothing is in force nothing can suffer.
---@param pass table
---@return table? refusal
function refusals.hopeless(pass)
  local refused = pass.state.refused
  if not refused or not pass.state.accepted then
    return nil
  elseif refused.outside and sched.now() - pass.refused_at >= REFUSED_FOR then
    pass:forgive()
    return nil
  end
  return refused
end

return refusals
