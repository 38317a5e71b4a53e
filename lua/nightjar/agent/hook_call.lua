-- One call of a hook: runs a program with JSON on its standard input, or posts the JSON to a URL;
-- within a time, and with nothing of ours that is secret.

local envoy = require("nightjar.agent.envoy")
local file = require("host.file")
local redact = require("nightjar.agent.aws.redact")
local sched = require("nightjar.agent.sched")
local text = require("nightjar.text")

local hook_call = {}

local MAX_OUTPUT = 1024 * 1024 -- bytes that a program may write; nobody reads them
local MAX_ANSWER = 64 * 1024   -- bytes of a server's answer; likewise
local MAX_REASON = 300         -- bytes of what it says of its failure

-- Any of the three x bits of a mode.
local EXECUTABLE = 73 -- 0111

local function is_url(hook)
  return hook:sub(1, 1) ~= "/"
end

---What a hook is called where others read it: the path of a webhook is its password.
---@param hook string
---@return string
function hook_call.label(hook)
  return is_url(hook) and hook:match("^%a+://[^/?#]+") or hook
end

---Whether a hook can be used, as far as that can be told before.
---@param hook string
---@return true? ok
---@return string? err
function hook_call.check(hook)
  if is_url(hook) then
    return true
  end
  local stat, err = file.stat(hook)
  if not stat then
    return nil, err
  elseif stat.type ~= "file" or stat.mode & EXECUTABLE == 0 then
    return nil, hook .. ": expected a file that can be executed"
  end
  return true
end

-- What Envoy gets, which holds no credentials, and what the operator means for the hook.
local function environment_of(settings)
  local clean = envoy.environment(settings)
  for name, value in pairs(settings.environment or {}) do
    if name:find("^HOOK_") then
      clean[name] = value
    end
  end
  return clean
end

-- The first line of what it says.
local function said(stderr)
  local line = (stderr or ""):match("^%s*([^\r\n]*)")
  return line ~= "" and ": " .. text.clean(line, MAX_REASON) or ""
end

local function execute(settings, event, body)
  local result, err = sched.exec { argv = { settings.hook, event }, input = body .. "\n",
    env = environment_of(settings), deadline = settings.hook_timeout, stderr = true,
    max_output = MAX_OUTPUT }
  if not result then
    return nil, err
  elseif result.status == 0 and result.timed_out then
    return nil, ("a program that it left behind held its output for %.14g s")
      :format(settings.hook_timeout)
  elseif result.timed_out then
    return nil, ("no end within %.14g s"):format(settings.hook_timeout)
  elseif result.status ~= 0 then
    return nil, (result.status and "status " .. result.status or "signal " .. result.signal)
      .. said(result.stderr)
  end
  return true
end

local function post(settings, body)
  local answer, err = sched.http { method = "POST", url = settings.hook, body = body,
    headers = { ["content-type"] = "application/json" }, timeout = settings.hook_timeout,
    connect_timeout = settings.hook_timeout, max_body = MAX_ANSWER }
  if not answer then
    local hook = settings.hook
    return nil, redact(err.message, { hook, (hook:gsub("[?#].*$", "")) },
      (hook_call.label(hook):gsub("%%", "%%%%")))
  elseif answer.status < 200 or answer.status > 299 then
    return nil, ("status %d%s"):format(answer.status, said(answer.body))
  end
  return true
end

---Call the hook once.
---@param settings table `hook`, `hook_timeout` (seconds), `environment`
---@param event string a program gets it as its one word
---@param body string JSON
---@return true? ok
---@return string? err of one line, without what is secret in a URL
function hook_call.run(settings, event, body)
  if is_url(settings.hook) then
    return post(settings, body)
  end
  return execute(settings, event, body)
end

return hook_call
