-- A program under strace: which system calls it makes below a folder, and what becomes of it when
-- one of them fails, or is the last that it makes.

local file = require("host.file")
local script = require("spec.support.script")

local strace = {}

local MAX_TRACE = 64 * 1024 * 1024 -- bytes

---strace's options whose trace `parse` can read.
strace.options = "-y -s 0"

---The calls of a trace. With `-s 0` the only texts in it are paths, so a folder's name in a line
---means a call on something below it.
---@param text string
---@param folder string
---@return table[] calls as in the result of `run`
function strace.parse(text, folder)
  local calls, numbers, below = {}, {}, {}
  for line in text:gmatch("[^\n]+") do
    local name = line:match("^([%w_]+)%(")
    if name then
      numbers[name] = (numbers[name] or 0) + 1
      local call = { name = name, number = numbers[name], line = line,
        struck = line:find("(INJECTED)", 1, true) ~= nil }
      if line:find(folder, 1, true) then
        below[name] = (below[name] or 0) + 1
        call.nth = below[name]
      end
      calls[#calls + 1] = call
    end
  end
  return calls
end

---Run a command under strace, for two minutes at most: then its status is 124.
---@param command string for the shell
---@param folder string whose calls are of interest
---@param log string where the trace goes
---@param options string? more of strace's
---@return { calls: table[], status: integer?, signal: integer? } result
---  calls: `name`, `number` among its kind, `nth` among those of its kind on the folder (nil: on
---  something else), `line`, `struck`: strace made it fail
function strace.run(command, folder, log, options)
  local _, kind, number = os.execute(("exec timeout -k 5 120 %s %s"):format(
    script.trace(strace.options .. " " .. (options or ""), log), command))
  local result = { calls = strace.parse(assert(file.read(log, MAX_TRACE)), folder) }
  result[kind == "signal" and "signal" or "status"] = number
  return result
end

---The same with a fault at one call.
---@param call { name: string, number: integer }
---@param fault string strace's: `signal=KILL`, `error=EIO`
---@return table result as of `run`; `hit`: the call that the fault met, nil if there was none
function strace.strike(command, folder, log, call, fault)
  local result = strace.run(command, folder, log, ("-e trace=%s -e inject=%s:%s:when=%d")
    :format(call.name, call.name, fault, call.number))
  for _, one in ipairs(result.calls) do
    if one.struck then
      result.hit = one
    end
  end
  if result.signal then
    result.hit = result.calls[#result.calls]
  end
  return result
end

---The number to try next when a fault meant for `call` met another: how often a program reads or
---writes elsewhere may differ from run to run.
---@param call { name: string, number: integer, nth: integer }
---@param number integer tried
---@param result table what came of it
---@return integer
function strace.aim(call, number, result)
  local before = 0
  for _, one in ipairs(result.calls) do
    if one.nth == call.nth then
      return one.number
    end
    before = one.nth or before
  end
  return result.hit and number + math.max(1, call.nth - before) or call.number
end

return strace
