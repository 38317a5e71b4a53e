-- What the kernel says of this process. The files of proc(5) are its memory, not a disk.

local file = require("host.file")

local process = {}

local MOST = 65536 -- bytes of such a file

local function field(text, pattern)
  return text and math.tointeger(tonumber(text:match(pattern)))
end

local function bytes(status, name)
  local kib = field(status, name .. ":%s*(%d+) kB")
  return kib and kib * 1024
end

---@return { pid: integer?, cpu_seconds: number, resident_bytes: integer?, virtual_bytes: integer?,
---  heap_bytes: integer, open_fds: integer?, max_fds: integer? } facts without those that the
---  kernel does not tell
function process.look()
  local status = file.read("/proc/self/status", MOST)
  local limits = file.read("/proc/self/limits", MOST)
  local fds = file.list("/proc/self/fd")
  return {
    pid = field(status, "\nPid:%s*(%d+)"), cpu_seconds = os.clock(),
    resident_bytes = bytes(status, "VmRSS"), virtual_bytes = bytes(status, "VmSize"),
    -- As it is: to collect what is garbage would cost more than to know.
    heap_bytes = math.floor(collectgarbage("count") * 1024),
    -- One of them is the folder that is being listed.
    open_fds = fds and math.max(0, #fds - 1), max_fds = field(limits, "Max open files%s+(%d+)"),
  }
end

return process
