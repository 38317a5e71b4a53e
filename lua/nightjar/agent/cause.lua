-- Why an Envoy did not start or did not stay: facts in; the event of the log, its level, its cause
-- and what to do about it out. Touches nothing; docs/supervision.md lists the causes.

local cause = {}

---By name: the event and what a person can do.
cause.list = {
  missing = { event = "envoy_missing",
    help = "set ENVOY_BIN to the path of Envoy, or put envoy on PATH" },
  not_executable = { event = "envoy_not_executable",
    help = "ENVOY_BIN must be executable by this user, and built for this machine" },
  not_started = { event = "envoy_not_started", help = "the reason is the system's" },
  refused = { event = "envoy_refused",
    help = "the bootstrap is at fault; `nightjar check` judges it" },
  start = { event = "envoy_start_failed",
    help = "the bootstrap is fine, Envoy's own log says why; often a port is in use" },
  inotify = { event = "envoy_inotify_exhausted",
    help = "raise the host's limit: sysctl -w fs.inotify.max_user_instances=512" },
  crash = { event = "envoy_crashed", help = "Envoy's own log may hold a backtrace" },
  ended = { event = "envoy_died", help = "Envoy's own log says why, or somebody stopped it" },
}

-- By the code of a start that failed.
local NOT_SPAWNED = {
  ENOENT = "missing", ENOTDIR = "missing",
  EACCES = "not_executable", ENOEXEC = "not_executable", EPERM = "not_executable",
}

---Deaths in a row from which crashes are a loop.
cause.LOOP = 3

-- What is no fault of what Envoy was given: only these make a loop.
local CRASHES = { crash = true, ended = true }

---Does this cause count for a crash loop?
---@param name string
---@return boolean
function cause.is_crash(name)
  return CRASHES[name] or false
end

---Why no process came to be.
---@param code string? errno's name
---@return string name in `cause.list`
function cause.of_start(code)
  return NOT_SPAWNED[code] or "not_started"
end

---Why a process ended.
---@param facts { status: integer?, signal: string?, was_live: boolean, refusal: string?,
---  inotify_short: boolean? } `refusal`: what Envoy has against its bootstrap, asked afterwards
---@return string name in `cause.list`
function cause.of_end(facts)
  if facts.signal == "ABRT" and facts.inotify_short then
    return "inotify"
  elseif facts.signal then
    return "crash"
  elseif not facts.was_live and facts.status and facts.status ~= 0 then
    return facts.refusal and "refused" or "start"
  end
  return "ended"
end

return cause
