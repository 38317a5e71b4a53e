-- Envoy as a program: the environment it is given, and what it says of a bootstrap.

local sched = require("nightjar.agent.sched")

local envoy = {}

local DEADLINE = 30              -- seconds; 60 ms are usual
local MAX_OUTPUT = 64 << 20      -- bytes of what Envoy says: it may repeat all it was given
local MAX_REASON = 1000          -- bytes of it that are of use to a person

-- Nothing of the agent's credentials reaches Envoy.
local PASSED_ON = { "PATH", "HOME", "TZ", "LANG", "LC_ALL", "TMPDIR" }

---The environment that every Envoy of ours gets.
---@param settings table `environment`: the agent's own
---@return table<string, string>
function envoy.environment(settings)
  local clean = {}
  for _, name in ipairs(PASSED_ON) do
    clean[name] = (settings.environment or {})[name]
  end
  return clean
end

-- Envoy's messages break lines at random and may end with the whole bootstrap.
local function short(text)
  local plain = text:gsub("%s+", " "):gsub(": {\".*$", ""):gsub("%s+$", "")
  return #plain > MAX_REASON and plain:sub(1, MAX_REASON) .. "…" or plain
end

-- What breaks one of Envoy's own rules is told behind a copy of the whole configuration, one field
-- within the other: `(AValidationError.B: embedded message failed validation | caused by …)`.
local function broken_rule(text)
  local chain = text:match("Proto constraint validation failed (%b())")
  return chain and short((chain:sub(2, -2)
    :gsub("embedded message failed validation | caused by ", ""):gsub("ValidationError%.", ".")))
end

-- `[date][thread][critical][logger] [file:line] error initializing configuration
-- 'FILE': why`, and then the same in other words; one of them is enough.
local function reason_in(text)
  local rule = broken_rule(text)
  if rule then
    return rule
  end
  local last = "it gives no reason"
  for line in text:gmatch("[^\n]+") do
    local why = line:match("error initializing configuration '[^']*': (.*)")
      or line:match("^error initializing config[^:]*: (.*)")
      or line:match("error `([^`]+)` initializing config")
    if why then
      return short(why)
    end
    last = line
  end
  return short(last)
end

-- What Envoy takes but would rather not have taken: deprecations and the like.
local function warnings_in(text)
  local list, said = {}, {}
  for line in text:gmatch("[^\n]+") do
    local warning = line:match("%]%[warning%]%[[^%]]*%] (.*)")
    warning = warning and short(warning:gsub("^%[[^%]]*%] ", ""))
    if warning and not said[warning] then
      list[#list + 1], said[warning] = warning, true
    end
  end
  return list
end

---Have Envoy validate a bootstrap, in a process of its own (`--mode validate`). It does not look
---into the files that a `path_config_source` names.
---@param program string
---@param path string of the bootstrap: its suffix tells Envoy the format
---@param settings table `environment`
---@return string[]? warnings that Envoy gave although it accepts
---@return string? err why it does not accept, in one line
---@return "refused"|"lost"|"missing"|nil code `missing`: there is no such program; `lost`: it did
---  not judge
function envoy.validate(program, path, settings)
  local result, err = sched.exec {
    argv = { program, "--mode", "validate", "--config-path", path, "--log-level", "warning" },
    env = envoy.environment(settings), deadline = DEADLINE, max_output = MAX_OUTPUT, stderr = true,
  }
  if not result then
    return nil, err, "missing"
  elseif result.timed_out then
    return nil, ("not done within %d s"):format(DEADLINE), "lost"
  elseif result.signal then
    return nil, "ended by signal " .. result.signal, "lost"
  end
  local said = (result.stderr or "") .. "\n" .. (result.stdout or "")
  if result.status ~= 0 then
    return nil, reason_in(said), "refused"
  end
  return warnings_in(said)
end

return envoy
