-- `nightjar discover`: prints the snapshot, which is all that the later stages
-- ever see of the world.

local output = require "nightjar.cli.output"

-- The session of these settings is made here, so that what it asks can be seen.
local function show_requests(settings)
  if settings.discovery ~= "cloudmap" then
    return nil, "--debug-http: DISCOVERY=" .. settings.discovery .. " makes no requests"
  end
  local sched = require "nightjar.agent.sched"
  local trace = require "nightjar.agent.aws.trace"
  local http = trace.wrap(sched.http, function(text) io.stderr:write(text) end)
  local session, err =
    require("nightjar.agent.discover.cloudmap").open(settings, { http = http })
  if not session then return nil, "discovery: " .. err end
  return true
end

local function look(settings, debug_http)
  if debug_http then
    local ok, err = show_requests(settings)
    if not ok then return nil, err end
  end
  return require("nightjar.cli.snapshot").discover(settings)
end

local function run(settings, args)
  local json = require "host.json"
  local sched = require "nightjar.agent.sched"
  local taken, err = sched.run(look, settings, args.debug_http)
  if not taken then return nil, err end
  local text, problem = json.encode(taken, { indent = 2 })
  if not text then return nil, "snapshot: " .. problem end
  output.write(text, "\n")
  return 0
end

return {
  about = "print the snapshot of the mesh as JSON",
  usage = "nightjar discover [--debug-http] [settings]",
  flags = { { name = "debug-http",
    about = "show each request and its answer on standard error, without secrets" } },
  details = [[
Reads Cloud Map, or the mesh file, once. What it prints is what `nightjar render`
and `nightjar explain --snapshot` read:

  nightjar discover | nightjar render --output /tmp/try

--debug-http shows what is asked of AWS, of the container's or instance's endpoint
for credentials too, and what comes back: keys, tokens and signatures are hidden,
and so are answers that hold them.]],
  run = run,
}
