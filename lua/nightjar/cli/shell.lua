-- A shell in the agent's place: what DEBUG_CONTAINER asks of `nightjar run`, which an image starts.
-- Nothing else is looked at before, as wrong settings are what one may want to look into.

local shell = {}

-- The first that there is; an image need not have any.
local SHELLS = { "/bin/bash", "/bin/sh" }

---Is a shell wanted?
---@param variables table<string, string> the environment
---@return boolean
function shell.wanted(variables)
  local value = require("nightjar.text").trim(variables.DEBUG_CONTAINER or "")
  return value ~= "" and require("nightjar.settings.types").switch(value)
end

local function start()
  local child = require("host.child")
  local process, err
  for _, path in ipairs(SHELLS) do
    process, err = child.spawn { argv = { path }, stdin = "inherit", death_signal = "HUP" }
    if process then
      return process, path
    end
  end
  return nil, err
end

---Runs a shell on our own terminal, or standard input, until it ends or we are told to. The program
---stays beside it: as process 1 it reaps, and an orchestrator can stop it.
---@return integer? status the shell's; 128 for one that a signal ended
---@return string? err there is none
function shell.run()
  local sched = require("nightjar.agent.sched")
  return sched.run(function()
    local signals = sched.signals { "TERM", "HUP" }
    local process, err = start()
    if not process then
      return nil, "DEBUG_CONTAINER: " .. err
    end
    io.stderr:write("nightjar: DEBUG_CONTAINER: ", err, " runs instead of the agent\n")
    sched.spawn(function()
      signals:take()
      process:signal("HUP") -- the one that an interactive shell heeds
    end)
    return sched.exited(process).status or 128
  end)
end

return shell
