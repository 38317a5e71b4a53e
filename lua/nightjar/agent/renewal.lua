-- The agent restarts itself in place: its process becomes its own program anew, from where it is
-- installed now, with the same arguments and environment. Envoy goes on, and is taken over.

local child = require("host.child")
local file = require("host.file")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")

local renewal = {}

local PASS_ENDS_WITHIN = 5 -- seconds for a pass that is under way; then it is given up
local LOOK = 0.05          -- seconds between two looks
local KILLED_WITHIN = 0.2  -- seconds for the programs of a pass that was given up to be reaped
local MAX_ARGUMENTS = 2 * 1024 * 1024 -- bytes, more than a kernel takes

---The words by which this process was started.
---@return string[]? argv
---@return string? err
function renewal.arguments()
  local text, err = file.read("/proc/self/cmdline", MAX_ARGUMENTS)
  if not text then
    return nil, err
  end
  local argv = {}
  for word in text:gmatch("([^\0]*)\0") do
    argv[#argv + 1] = word
  end
  return argv
end

---Restart this process. Returns only when that fails, or something more urgent has come; what was
---given up then begins anew.
---@param options { pass: table?, supervisor: table, urgent: fun(): boolean, last: fun()? } `pass`:
---  the task of a pass that is under way; `last`: what to do just before
---@return nil
---@return string err
function renewal.run(options)
  local argv, err = renewal.arguments()
  if not argv then
    return nil, err
  end
  local pass, deadline = options.pass, sched.now() + PASS_ENDS_WITHIN
  while pass and not pass.results and sched.now() < deadline and not options.urgent() do
    sched.sleep(LOOK)
  end
  options.supervisor:hand_on(options.urgent)
  if options.urgent() then
    return nil, "it is to stop"
  end
  if pass and not pass.results then
    log.info("pass_given_up", {})
    pass:cancel()
    sched.sleep(KILLED_WITHIN)
  end
  if options.last then options.last() end
  log.info("restarting", { program = argv[1] })
  local _, problem = child.become { argv = argv }
  return nil, problem
end

return renewal
