-- Asks Envoy about a bootstrap before anything depends on it: it is the one file that a running
-- Envoy does not judge, and the one without which the next Envoy does not start.

local envoy = require("nightjar.agent.envoy")
local file = require("host.file")

local bootstrap = {}

---Have Envoy judge a bootstrap that is not in place.
---@param content string
---@param name string the suffix tells Envoy the format
---@param settings table `envoy_bin`, `state_dir`, `environment`
---@return string[]? warnings that Envoy gave although it accepts
---@return string? err why it does not accept
---@return "refused"|"lost"|"missing"|nil code as for envoy.validate
function bootstrap.judge(content, name, settings)
  local path = settings.state_dir .. "/candidate-" .. name:gsub("/", "-")
  local ok, err = file.write(path, content, { mode = 384 }) -- 0600: the owner's alone
  if not ok then
    return nil, err, "lost"
  end
  local warnings, reason, code = envoy.validate(settings.envoy_bin, path, settings)
  file.remove(path)
  return warnings, reason, code
end

---Have Envoy validate a bootstrap before it is put in place.
---@param content string
---@param name string of its file
---@param settings table `envoy_bin`, `state_dir`, `environment`
---@return true? ok also when Envoy cannot be started: its start will say so
---@return string? err
---@return "refused"|"lost"|nil code
function bootstrap.check(content, name, settings)
  local warnings, reason, code = bootstrap.judge(content, name, settings)
  if warnings or code == "missing" then
    return true
  end
  return nil, ("%s: Envoy %s it: %s"):format(name,
    code == "refused" and "refuses" or "does not judge", reason), code
end

return bootstrap
