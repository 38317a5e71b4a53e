-- `nightjar once`: one pass, without an Envoy of its own.

local function run(settings)
  local usable, wrong = require("nightjar.agent.discover").check(settings)
  if not usable then
    return 2, wrong
  end
  local pass = require("nightjar.agent.pass")
  local file = require("host.file")
  local sched = require("nightjar.agent.sched")
  local state = require("nightjar.agent.state")
  local supervise = require("nightjar.agent.supervise")
  return sched.run(function()
    local ok, err = file.mkdir(settings.config_dir)
    local kept
    if ok then
      kept, err = state.open(settings.state_dir)
    end
    if not kept then
      return nil, err
    end
    file.sweep(settings.config_dir)
    -- An Envoy that runs already is asked what it took; none is started.
    settings.envoy_bin = ""
    local one = pass.new(settings, kept, supervise.new(settings))
    ok, err = one:run(true)
    return ok and 0 or 1, err
  end)
end

return {
  about = "make one pass: exit 0 if the generation is in place, 1 if not",
  usage = "nightjar once [flags]",
  details = [[
Discovers, plans, renders and publishes once. No Envoy is started; one whose
admin interface answers on ENVOY_ADMIN_PORT is asked what it took.]],
  run = run,
}
