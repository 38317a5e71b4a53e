-- `nightjar run`: the agent itself.

-- What is wrong with the settings stays wrong. What only the instance could say, and does not say
-- now, may come back: an agent that has served before goes on with what it has.
local function check(settings)
  local usable, wrong, code = require("nightjar.agent.discover").check(settings)
  if usable then
    return true
  end
  if code ~= "unknown" or not require("host.file").stat(settings.state_dir .. "/snapshot.json") then
    return nil, wrong
  end
  require("nightjar.log").warn("region_unknown", { reason = wrong })
  return true
end

-- A hook that cannot be started would never tell of that.
local function check_hook(settings)
  if settings.hook then
    local ok, err = require("nightjar.agent.hook_call").check(settings.hook)
    return ok, err and ("HOOK (%s): %s"):format(settings.sources.HOOK, err)
  end
  return true
end

-- What has read the settings is not needed any more, and an agent runs for months beside each
-- service. Whoever requires it all the same gets it anew.
local function forget_settings()
  for name in pairs(package.loaded) do
    if name == "nightjar.cli.environment" or name:find("^nightjar%.settings") then
      package.loaded[name] = nil
    end
  end
end

-- What follows the agent's end, with what that returned. One that has made a pass serves, and is
-- worth more than an error; one that is about to stop, or fails from its start, ends with it. Takes
-- no memory of its own: there may be none.
local function after(last_resort, one, ok, ...)
  if not ok and one and one.tally.last and not one.stopping then
    last_resort.run((...))
  end
  if not ok then
    error((...), 0)
  end
  return ...
end

local function live(settings)
  local agent = require("nightjar.agent.agent")
  local last_resort = require("nightjar.agent.last_resort") -- while there is memory for it
  local sched = require("nightjar.agent.sched")
  local one, err
  local function begin()
    one, err = agent.new(settings)
    if not one then
      return nil, err
    end
    return one:run()
  end
  local function ended(...)
    return after(last_resort, one, ...)
  end
  return ended(pcall(sched.run, begin))
end

local function run(settings)
  local usable, wrong = check_hook(settings)
  if usable then
    usable, wrong = check(settings)
  end
  if not usable then
    return 2, wrong
  end
  forget_settings()
  return live(settings)
end

return {
  about = "poll, publish and supervise Envoy until stopped (the default)",
  usage = "nightjar [run] [flags]",
  details = [[
Polls the mesh every REFRESH_TIME seconds, lets the policies make a plan of it,
renders the templates, publishes the files and supervises Envoy.

  SIGTERM, SIGINT, SIGQUIT   drain Envoy and stop; a second one stops at once
  SIGHUP                     make a pass now; one that Envoy refused is tried again
  SIGUSR1                    Envoy reopens its log files
  SIGUSR2                    restart nightjar in place, such as after an upgrade;
                             Envoy goes on untouched
  TRIGGER_STOP_FILE          stops like SIGTERM when it appears

Exit status: 0 when stopped, 1 when it cannot start or
EXIT_ON_GENERATION_FAILURE ended it, 2 for wrong settings.]],
  run = run,
}
