-- What Envoy refused, from pass to pass: it is remembered and said once, and not tried again until
-- it changes, since each try puts its clusters and routes into force for a moment.

local json = require("host.json")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")

local refusals = {}

-- Where Envoy finds nothing wrong in the files, what stood in the way (a port that another program
-- held) may be gone after this time.
local REFUSED_FOR = 300 -- seconds

-- Why a bootstrap is not worth a new try: a new Envoy did not start with it, and the next one would
-- have to start in the place of the one that serves.
local function futile(pass, content)
  local refused = pass.state.accepted and pass.state.refused
  return refused and refused.bootstrap and content and refused.bootstrap == json.hash(content)
    and pass.supervisor:cold() or nil
end

local function bootstrap_in(pass, files)
  for _, one in ipairs(files) do
    if one.path == pass.settings.envoy_configuration_file then
      return one.content
    end
  end
end

---What there is to keep of a new Envoy that ended before it was live.
---@param pass table (agent/pass.lua)
---@param record table of the pass: `done`, `files`
---@param reason string
---@return table refusal `bootstrap`: the hash of what it started with
function refusals.of_start(pass, record, reason)
  local content = bootstrap_in(pass, record.files)
  -- Envoy found nothing wrong in a bootstrap that is in place: what its start met lies outside.
  return { generation = record.done.generation, reason = reason, files = {}, outside = true,
    bootstrap = content and json.hash(content) }
end

---Judges a bootstrap before it is put in place.
---@param pass table
---@param one { path: string, content: string }
---@return true? ok
---@return string? err
---@return string? code as of supervisor:check
function refusals.judge(pass, one)
  local cold = futile(pass, one.content)
  if cold then
    return nil, ("%s: a new Envoy did not start with it before, and another try would end the one "
      .. "that serves (%s); SIGHUP asks for it"):format(one.path, cold), "refused"
  end
  return pass.supervisor:check(one)
end

---Remembers what Envoy refused, or that nothing is refused, and says it once.
---@param pass table
---@param refusal { generation: string, files: string[], reason: string, outside: boolean?,
---  bootstrap: string? }?
function refusals.keep(pass, refusal)
  local known = pass.state.refused
  if not refusal then
    pass.state:keep_refused(nil)
  elseif not known or known.generation ~= refusal.generation then
    refusal.bootstrap = refusal.bootstrap or known and known.bootstrap
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
---@param files table[] that are to be published
---@return table? refusal
function refusals.hopeless(pass, files)
  local refused = pass.state.refused
  if not refused or not pass.state.accepted then
    return nil
  elseif refused.outside and sched.now() - pass.refused_at >= REFUSED_FOR
    and not futile(pass, bootstrap_in(pass, files)) then
    pass:forgive()
    return nil
  end
  return refused
end

return refusals
