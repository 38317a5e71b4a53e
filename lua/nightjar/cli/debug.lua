-- `nightjar debug [SECONDS|off]`: has the agent that runs log at debug for a time.

local clock = require "host.clock"
local output = require "nightjar.cli.output"
local owner = require "nightjar.agent.owner"
local past = require "nightjar.cli.past"
local report = require "nightjar.cli.report"
local request = require "nightjar.agent.debug_request"

local USAGE = 2

-- Why it failed, with who may.
local function refusal(err, code)
  if code ~= "EACCES" and code ~= "EPERM" then return err end
  return err .. "; only the agent's user and root may do this"
end

local function nobody(settings)
  return "no agent runs with " .. settings.state_dir
end

local function show(settings)
  local asked, err = request.read(settings.state_dir)
  if err then return nil, err end
  local left = asked and math.ceil(asked.ends - clock.now()) or 0
  if not owner.of(settings.state_dir) then
    output.write("off: ", nobody(settings), "\n")
  elseif left > 0 then
    output.write(("on for %d more seconds, until %s\n"):format(left, past.utc(asked.ends)))
  else
    output.write("off: the agent logs at its LOG_LEVEL\n")
  end
  return 0
end

local function turn_off(settings)
  local was, err, code = request.remove(settings.state_dir)
  if was == nil then return nil, refusal(err, code) end
  output.write(was and "off: the agent logs at its LOG_LEVEL again\n" or "it was not on\n")
  return 0
end

local function turn_on(settings, seconds)
  if not owner.of(settings.state_dir) then return nil, nobody(settings) end
  local now = math.floor(clock.now())
  local ok, err, code = request.write(settings.state_dir, seconds, now)
  if not ok then return nil, refusal(err, code) end
  output.write(("on for %d seconds, until %s; `nightjar debug off` ends it before\n")
    :format(seconds, past.utc(now + seconds)))
  return 0
end

local function run(settings, args)
  local word = args[1]
  if not word then return show(settings) end
  if word == "off" then return turn_off(settings) end
  local seconds = #word <= 5 and word:match("^%d+$") and math.tointeger(tonumber(word))
  if not seconds or seconds < 1 or seconds > request.MOST then
    return USAGE, ("%s: expected seconds from 1 to %d, or off"):format(report.plain(word),
      request.MOST)
  end
  return turn_on(settings, seconds)
end

return {
  about = "have the agent that runs log at debug for a time",
  usage = "nightjar debug [SECONDS|off] [settings]",
  words = { 0, 1 },
  takes = { "300", "off" },
  details = [[
The agent with this TMP_DIR logs as with LOG_LEVEL=debug for SECONDS (up to 86400), and
then as before, by itself: the log says debug_on and debug_off. It begins at once, costs
no restart and no pass, and goes on over a restart in place (SIGUSR2) for what is left of
its time. Asked again while it is on, the new time counts. Envoy's log stays as it is.

`nightjar debug off` ends it; without a word it says whether it is on. Only the agent's
user and root may turn it on or off.

Exit status: 0 done, 1 when no agent runs or this user may not, 2 for a wrong word.]],
  run = run,
}
