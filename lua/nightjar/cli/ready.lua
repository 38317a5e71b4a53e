-- `nightjar ready`: is a generation in force and Envoy live? For container health checks.

local admin = require "nightjar.agent.admin"
local admin_address = require "nightjar.agent.admin_address"
local file = require "host.file"
local output = require "nightjar.cli.output"
local owner = require "nightjar.agent.owner"
local past = require "nightjar.cli.past"
local pin = require "nightjar.agent.pin"
local report = require "nightjar.cli.report"
local sched = require "nightjar.agent.sched"
local whose = require "nightjar.agent.whose"

local PATIENCE = 1.5 -- seconds for Envoy to answer: health checks often have two

-- What an agent that runs has put in force and on disk.
local function in_force(settings)
  if not owner.of(settings.state_dir) then
    return nil, "no agent runs with " .. settings.state_dir
  end
  local accepted, err = past.accepted(settings)
  if not accepted then return nil, err or "no generation is in force yet" end
  for _, path in ipairs(type(accepted.paths) == "table" and accepted.paths or {}) do
    local found, missing = file.stat(settings.config_dir .. "/" .. path)
    if not found then return nil, missing end
  end
  return accepted
end

-- What is to be said of Envoy; without an answer `why` it is not ready.
local function of_envoy(settings)
  local address = admin_address.read(settings.state_dir) or admin_address.expected(settings)
  local shared = settings.envoy_bin == ""
  -- There Envoy writes its address nowhere; the file is of an agent that had one of its own.
  if shared then address = admin_address.expected(settings) end
  local one = admin.new(address)
  local state, err, kind = one:state(PATIENCE)
  local other = state == "LIVE" and not shared
    and whose.other(one, admin_address.path(settings.state_dir))
  if other then
    return nil, "Envoy does not answer: " .. other
  elseif state == "LIVE" then
    return "Envoy is live"
  elseif state then
    return nil, "Envoy is " .. state
  elseif shared and kind == "connect" then
    return "Envoy's admin interface cannot be reached and does not count (ENVOY_BIN is empty)"
  end
  return nil, "Envoy does not answer: " .. err
end

-- A pin is no fault, but nobody shall forget it.
local function of_pin(settings)
  local pinned, err = pin.read(settings.state_dir)
  if pinned then
    return ("; PINNED since %s to generation %s until `nightjar resume`")
      :format(past.utc(pinned.at), pinned.generation)
  end
  return err and "; PIN NOT READABLE: " .. err or ""
end

local function look(settings)
  local accepted, err = in_force(settings)
  if not accepted then return false, err end
  local envoy, problem = of_envoy(settings)
  if not envoy then return false, problem end
  return true, ("generation %s is in force; %s"):format(accepted.generation, envoy)
end

local function run(settings)
  local ready, why = sched.run(function() return look(settings) end)
  local line = (ready and "ready: " or "not ready: ") .. why .. of_pin(settings)
  output.write(report.plain(line), "\n")
  return ready and 0 or 1
end

return {
  about = "is a generation in force and Envoy live? exit 0 or 1, for health checks",
  usage = "nightjar ready [settings]",
  details = [[
Says in one line whether this sidecar is ready, and why not. It is when an agent runs
with this TMP_DIR, a generation is in force, and Envoy answers on its admin interface
that it is LIVE, neither starting nor draining. A refused change or a mesh that
cannot be read does not matter: what was in force before is.

With an empty ENVOY_BIN (the shared volume) a generation on disk suffices; an Envoy
that answers on ENVOY_ADMIN_PORT must be LIVE, one that cannot be reached does not
count, for it may be waiting for this very check.

Reads TMP_DIR/nightjar-state and changes nothing; needs no AWS. It answers within two
seconds. Give it the settings of the agent: in a container it has its environment.

Exit status: 0 when ready, 1 when not, 2 for wrong settings.]],
  run = run,
}
