-- Which process an agent's folder belongs to: two agents in one would undo each other's work.

local file = require("host.file")

local owner = {}

---What names one process until the next boot: `pid start-time` (proc(5): fields 1 and 22; the name
---in field 2 may hold anything). One that has ended and was not yet waited for (Z, X) is none.
---Tried: under an emulator (qemu-user 7.2) a program reads a start time of its own from
---/proc/PID/stat, which nobody else does; the file of its main thread is the kernel's.
---@param pid integer|string|"self"
---@return string? identity
function owner.identity(pid)
  local thread = pid == "self" and "thread-self" or ("%s/task/%s"):format(pid, pid)
  local text = file.read(("/proc/%s/stat"):format(thread), 4096)
  local number = text and text:match("^%d+")
  local fields = text and text:match("^.*%) (.*)$")
  local start = fields and not fields:match("^[ZX]")
    and fields:match(("%S+ "):rep(19) .. "(%d+)")
  return start and number .. " " .. start
end

local function path_in(directory)
  return directory .. "/agent.pid"
end

---The agent that works with a state folder now.
---@param directory string
---@return integer? pid nil when there is none
function owner.of(directory)
  local text = file.read(path_in(directory), 4096)
  local pid = text and text:match("^%d+")
  if pid and owner.identity(pid) == text then
    return math.tointeger(tonumber(pid))
  end
end

---Take a folder for this process.
---@param directory string
---@return true? ok
---@return string? err
---@return "taken"|string|nil code `taken`: another agent has it; else why it could not be written
function owner.claim(directory)
  local me, other = owner.identity("self"), owner.of(directory)
  if other and file.read(path_in(directory), 4096) ~= me then
    return nil, ("%s: nightjar runs with it already, as process %d; give this one another TMP_DIR")
      :format(directory, other), "taken"
  end
  return file.write(path_in(directory), me or "")
end

return owner
