-- Asks Envoy about a bootstrap before anything depends on it: it is the one file that a running
-- Envoy does not judge, and the one without which the next Envoy does not start.

local file = require("host.file")
local sched = require("nightjar.agent.sched")

local bootstrap = {}

local DEADLINE = 15              -- seconds; 60 ms are usual
local MAX_OUTPUT = 64 << 20      -- bytes of what Envoy says: it may repeat all it was given
local MAX_REASON = 500           -- bytes of it that are of use in a log line

-- `… error initializing configuration 'PATH': why` on a line, and the same in other words after.
local function reason(said)
  local why = said:match("error initializing configuration '[^']*': ([^\n]+)")
    or said:match("error `([^`]+)` initializing config") or said:match("([^\n]+)%s*$")
    or "it gives no reason"
  return why:sub(1, MAX_REASON)
end

---Have Envoy validate a bootstrap that is not in place yet.
---@param content string
---@param name string of its file: the suffix tells Envoy the format
---@param settings table `envoy_bin`, `state_dir`
---@param environment table<string, string> for Envoy
---@return true? ok also when Envoy cannot be started: its start will say so
---@return string? err
---@return "refused"|"lost"|nil code
function bootstrap.check(content, name, settings, environment)
  local path = settings.state_dir .. "/candidate-" .. name:gsub("/", "-")
  local ok, err = file.write(path, content, { mode = 384 }) -- 0600: the owner's alone
  if not ok then
    return nil, err, "lost"
  end
  local result = sched.exec {
    argv = { settings.envoy_bin, "--mode", "validate", "--config-path", path,
      "--log-level", "error" },
    env = environment, deadline = DEADLINE, max_output = MAX_OUTPUT, stderr = true,
  }
  file.remove(path)
  if not result or result.status == 0 then
    return true
  elseif result.timed_out then
    return nil, ("%s: Envoy did not judge it within %d s"):format(name, DEADLINE), "lost"
  end
  return nil, name .. ": Envoy refuses it: " .. reason(result.stderr .. result.stdout), "refused"
end

return bootstrap
