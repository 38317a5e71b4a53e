-- Runs a program to its end within bounds: so much time, so much output.

local child = require("host.child")
local clock = require("host.clock")
local core = require("nightjar.agent.sched.core")
local queue = require("nightjar.agent.sched.queue")

local MAX_OUTPUT = 16 * 1024 * 1024 -- bytes of each output
local KILL_WITHIN = 5 -- seconds from SIGKILL to the end; more only if the kernel is stuck

local STDERR = { [true] = "pipe", [false] = "inherit" }

local function start(options)
  return child.spawn {
    argv = options.argv, env = options.env, directory = options.directory,
    stdin = options.input and "pipe" or "null", stdout = "pipe",
    stderr = STDERR[options.stderr or false] or options.stderr,
    death_signal = options.death_signal or "KILL", new_group = true,
    max_input = options.input and math.max(#options.input, 1) or nil,
  }
end

---What has come of a program so far.
---@class Outcome
---@field name string of the program, for messages
---@field limit integer bytes of each output
---@field open table<string, true> outputs that may still give something
---@field pieces table<string, table> what the outputs gave
---@field exit table? the event of its end
---@field timed_out boolean

local function new_outcome(options)
  return {
    name = options.argv[1], limit = options.max_output or MAX_OUTPUT, timed_out = false,
    open = { stdout = true, stderr = options.stderr == true or nil },
    pieces = { stdout = { size = 0 }, stderr = { size = 0 } },
  }
end

local function add(outcome, event)
  local pieces = outcome.pieces[event.stream]
  pieces.size = pieces.size + #event.data
  if pieces.size > outcome.limit then
    return nil, ("%s: more than %d bytes on %s"):format(outcome.name, outcome.limit, event.stream)
  end
  table.insert(pieces, event.data)
  return true
end

local function take_in(outcome, event)
  if event.type == "exit" then
    outcome.exit = event
  elseif event.eof then
    outcome.open[event.stream] = nil
  elseif event.type == "data" then
    return add(outcome, event)
  end
  return true -- "written": what the program does not read is its own affair
end

---@return true? ok all is in
---@return string? err
local function collect(outcome, events, process, seconds)
  local deadline = clock.monotonic() + (seconds or math.huge)
  while not outcome.exit or next(outcome.open) do
    local event = events:take(deadline - clock.monotonic())
    if event then
      local ok, err = take_in(outcome, event)
      if not ok then return nil, err end
    elseif outcome.exit then
      -- It is over, but a process that it left behind holds its pipes.
      outcome.timed_out = true
      return true
    elseif outcome.timed_out then
      return nil, ("%s: still there %d s after SIGKILL"):format(outcome.name, KILL_WITHIN)
    else
      outcome.timed_out = true
      deadline = clock.monotonic() + KILL_WITHIN
      process:signal_group("KILL")
    end
  end
  return true
end

local function feed(process, input)
  if not input then return true end
  local ok, err = process:write(input)
  process:close_stdin()
  return ok, err
end

---Runs a program, gives it its input, collects its output, waits for its end. When the deadline
---passes, or its task is cancelled, it is killed with its process group.
---@param options {argv: string[], env?: table<string, string>, directory?: string, input?: string,
---  deadline?: number, max_output?: integer, stderr?: boolean|"null"|"inherit"|"stdout",
---  death_signal?: string}  `deadline`: seconds; `max_output`: bytes of each output, 16 MiB if not
---  given; `stderr`: true collects it; `death_signal`: what it gets when we die, KILL if not given
---@return {status: integer?, signal: string?, stdout: string, stderr: string?, timed_out: boolean}?
---  result  `timed_out`: the deadline passed, what is here is what came before
---@return string? err it could not be started, or wrote more than `max_output`
local function exec(options)
  core.here()
  local process, err = start(options)
  if not process then return nil, err end
  local events, channels, id = queue.new(), core.scheduler().channels, process:id()
  channels[id] = events
  local _ <close> = core.guard(function()
    channels[id] = nil
    if not process:status() then process:signal_group("KILL") end
    process:close()
  end)
  local outcome = new_outcome(options)
  local ok, problem = feed(process, options.input)
  if ok then ok, problem = collect(outcome, events, process, options.deadline) end
  if not ok then return nil, problem end
  return {
    status = outcome.exit.status, signal = outcome.exit.signal, timed_out = outcome.timed_out,
    stdout = table.concat(outcome.pieces.stdout),
    stderr = options.stderr == true and table.concat(outcome.pieces.stderr) or nil,
  }
end

return exec
