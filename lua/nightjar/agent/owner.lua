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

local function taken(directory, other)
  return nil, ("%s: nightjar runs with it already, %s; give this one another TMP_DIR")
    :format(directory, other and "as process " .. other
      or "in another container, or since this moment"), "taken"
end

---Take a folder for this process. Two that are started at one moment, or do not see each other's
---processes, are told apart by a lock that the kernel frees; where a file system has none, or has
---no room for its file, `agent.pid` alone tells.
---@param directory string
---@param lock host.file.Lock? what an earlier call returned
---@return true? ok
---@return string? err
---@return "taken"|string|nil code `taken`: another agent has it; else why it could not be written
---@return host.file.Lock? lock the folder is this process's while it is held, also when the pid
---  could not be written
function owner.claim(directory, lock)
  local me, other = owner.identity("self"), owner.of(directory)
  -- Before the lock: an agent that restarts in place has none for a moment, and must find it free.
  if other and file.read(path_in(directory), 4096) ~= me then
    return taken(directory, other)
  end
  local _, code
  if not lock then
    lock, _, code = file.lock(directory .. "/agent.lock")
  end
  if code == "EAGAIN" then
    return taken(directory, owner.of(directory))
  end
  local ok, err, why = file.write(path_in(directory), me or "")
  return ok, err, why, lock
end

return owner
