-- What one agent leaves to the next about its Envoy (`envoy.json` in the state folder), so that an
-- agent that was killed, or restarted itself, costs no request: the next one takes Envoy over.

local child = require("host.child")
local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")
local owner = require("nightjar.agent.owner")

local handed_down = {}

local FORMAT = 1
local MAX_FILE = 1024 * 1024 -- bytes
local BOOT = "/proc/sys/kernel/random/boot_id"

local function boot()
  return (file.read(BOOT, 100) or ""):match("%S+") or ""
end

---@class HandedDownProcess
---@field pid integer
---@field start string its identity (agent/owner.lua), with the boot of the machine
---@field epoch integer of hot restarts
---@field bootstrap string hash of what it was started with

---@class HandedDown
---@field processes HandedDownProcess[] the newest last
---@field base_id integer they share
---@field cold string? why they cannot be restarted hot
---@field ports integer[] of the listeners

---Leave it to the next agent.
---@param path string
---@param value HandedDown
---@return true? ok a failure was told
function handed_down.write(path, value)
  local text = assert(json.encode {
    format = FORMAT, boot = boot(), base_id = value.base_id, cold = value.cold,
    processes = json.array(value.processes), ports = json.array(value.ports),
  })
  local ok, err = file.write(path, text, { mode = 384 }) -- 0600: the owner's alone
  if not ok then
    log.warn("state_not_saved", { path = path, reason = err })
  end
  return ok
end

local function is_process(one)
  return type(one) == "table" and math.type(one.pid) == "integer" and one.pid > 0
    and type(one.start) == "string" and math.type(one.epoch) == "integer" and one.epoch >= 0
    and type(one.bootstrap) == "string"
end

local function problem_of(value)
  if type(value) ~= "table" or value.format ~= FORMAT then
    return "expected format 1"
  elseif math.type(value.base_id) ~= "integer" or type(value.processes) ~= "table"
    or type(value.ports) ~= "table" then
    return "expected base_id, processes and ports"
  end
  for i, one in ipairs(value.processes) do
    if not is_process(one) then
      return ("processes[%d]: expected pid, start, epoch and bootstrap"):format(i)
    end
  end
end

---What the agent before this one left; nil also when that was before the machine's last start.
---@param path string
---@return HandedDown? value
function handed_down.read(path)
  local text, err, code = file.read(path, MAX_FILE)
  if not text then
    if code ~= "ENOENT" then
      log.warn("state_unreadable", { path = path, reason = err })
    end
    return nil
  end
  local value, wrong = json.decode(text)
  wrong = problem_of(value) or (value == nil and wrong)
  if wrong then
    log.warn("state_unreadable", { path = path, reason = wrong })
    return nil
  end
  return value.boot == boot() and value or nil
end

---Watch a process of the agent before this one. It is identified after it is held, so that a
---stranger who was given its pid is never taken for it.
---@param one HandedDownProcess
---@return Process? process
---@return string? err
---@return string? code "ESRCH": it has ended; others: it runs, and cannot be watched
function handed_down.adopt(one)
  if owner.identity(one.pid) ~= one.start then
    return nil, "it has ended", "ESRCH"
  end
  local process, err, code = child.adopt(one.pid)
  if process and owner.identity(one.pid) ~= one.start then
    return nil, "it has ended", "ESRCH"
  end
  return process, err, code
end

return handed_down
