---@meta host.child
-- Programs beside us (host/child.h). What happens to them comes as events of host.loop.

local child = {}

---A program that was started. Dropping the handle changes nothing for the program, but events
---still come. A closed handle (`local p <close> = …`) cannot be used.
---@class Process
local process = {}

---Starts a program. It gets default signals, none blocked, and no descriptor but the three named
---here. That it cannot be started (no such program, no such folder) is told at once.
---@param options {argv: string[], env?: table<string, string>, directory?: string,
---  stdin?: "null"|"pipe"|"inherit", stdout?: "null"|"pipe"|"inherit",
---  stderr?: "null"|"pipe"|"inherit"|"stdout", death_signal?: string, outlives?: boolean,
---  new_group?: boolean, max_input?: integer}  `argv[1]` is a path, or found on our PATH; `env`:
---  all of its environment, ours if not given; `stdin` is "null" if not given, the others
---  "inherit"; `death_signal`: what it gets when we die; `outlives`: it cannot ask for one itself,
---  where the kernel takes a seccomp filter; `new_group`: it leads a process group of its own;
---  `max_input`: bytes that may wait to be written to it, 64 MiB if not given
---@return Process? process
---@return string? err
---@return string? code "ENOENT", "EACCES" …
function child.spawn(options) end

---Watches a process that we did not start: one that another program left behind, or our own child
---from before we were replaced (child.become). It has no pipes. Needs a pidfd, except for
---a child of our own. Look after this call, not before, whether the process is the one that was
---meant: from here on its pid cannot become another's unnoticed. How it ended is known of a child
---alone; of another `status()` and the event of its end have neither field.
---@param pid integer
---@return Process? process
---@return string? err
---@return string? code "ESRCH": there is none; "ENOSYS": the kernel has no pidfd
function child.adopt(pid) end

---Becomes another program, or our own anew: same process id, children and environment. What the
---loop receives as signals stays blocked, so that one that comes meanwhile waits for the program.
---Returns only when it fails; then all goes on as before.
---@param options {argv: string[]}
---@return nil
---@return string err
---@return string code "ENOENT", "EACCES" …
function child.become(options) end

---A number of its own, never used twice by us, unlike a pid; `child` in events.
---@return integer
function process:id() end

---@return integer
function process:pid() end

---How it ended (neither field: nobody knows); nil while it runs.
---@return {status: integer?, signal: string?}?
function process:status() end

---Sends a signal, by pidfd, so that never another process gets it.
---@param name string "TERM"
---@return true? ok
---@return string? err
---@return string? code "ESRCH": it has ended
function process:signal(name) end

---Sends a signal to its whole group; needs `new_group`.
---@param name string
---@return true? ok
---@return string? err
---@return string? code "ESRCH": it has ended (others of its group may live)
function process:signal_group(name) end

---Queues text for its standard input; all of it or nothing. A "written" event tells when the queue
---is empty.
---@param text string
---@return true? ok
---@return string? err
---@return string? code "limit": more than `max_input` would wait; "EPIPE": it is closed
function process:write(text) end

---Closes its standard input once all that is queued has been written.
function process:close_stdin() end

---Reads no more for the time being: when the pipe is full (64 KiB) the program waits. One "data"
---event may still come.
---@param stream? "stdout"|"stderr" "stdout" if not given
function process:stop_reading(stream) end

---Goes on reading.
---@param stream? "stdout"|"stderr" "stdout" if not given
function process:start_reading(stream) end

---Closes our ends of all its pipes: it finds end of file, or nobody to write to. No "data" or
---"written" follows, but what was read before.
function process:close() end

return child
