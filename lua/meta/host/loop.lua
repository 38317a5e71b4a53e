---@meta host.loop
-- The one place where the program waits (host/loop.h). One loop for each Lua state; host.child and
-- host.http give it what it waits for. It calls nobody back. Most code wants nightjar.agent.sched.

local loop = {}

---A signal came, as often as the kernel told us (equal ones may come together as one).
---@class SignalEvent
---@field type "signal"
---@field signal string "TERM"

---A program wrote, or (with `eof`) will write no more. What it wrote before it ended may come
---after its "exit".
---@class DataEvent
---@field type "data"
---@field child integer process:id()
---@field pid integer
---@field stream "stdout"|"stderr"
---@field data string? at most 64 KiB
---@field eof true?

---All that was queued for a program's standard input is written, or (with `error`) never will be.
---@class WrittenEvent
---@field type "written"
---@field child integer process:id()
---@field pid integer
---@field error string? "Broken pipe"

---A program ended: with a status, or by a signal.
---@class ExitEvent
---@field type "exit"
---@field child integer process:id()
---@field pid integer
---@field status integer?
---@field signal string? "KILL"

---A name that is watched has come into its folder, or has left it, or may have: look at it.
---@class WatchEvent
---@field type "watch"
---@field id integer what `watch` returned
---@field lost true? nothing more will be told: the folder is gone, was moved or unmounted

---A request is over: `status`, `headers` and `body`; or `status` and `known`; or `error`.
---@class HttpEvent
---@field type "http"
---@field id integer
---@field status integer?
---@field headers table<string, string>? names in lower case; values that came apart joined by ", "
---@field body string?
---@field known true? the body says what the request's `known` does
---@field error HttpFailure?

---A response of a batch that says something new, as of an HttpEvent; or, with `active` alone, that
---it needs fewer requests at a time; or, with `started` alone, its end.
---@class BatchEvent
---@field type "batch"
---@field id integer what `http.batch` returned
---@field item integer? which of the requests, from 1
---@field status integer?
---@field headers table<string, string>?
---@field body string?
---@field error HttpFailure?
---@field active integer? nothing more starts; so many requests are still under way
---@field started integer? so many requests were started, the first ones

---@alias Event SignalEvent|DataEvent|WrittenEvent|ExitEvent|WatchEvent|HttpEvent|BatchEvent

---Waits until something has happened or the time is over.
---@param seconds number 0 or more; math.huge: for ever
---@return Event[]? events empty when the time is over
---@return string? err the system refuses; there is no way on
---@return string? code
function loop.wait(seconds) end

---Blocks signals and receives them as events from now on. May be called again for more of them.
---A program that is started by io.popen or os.execute inherits the block, one by host.child not.
---@param names string[] "TERM", "HUP" …; not KILL, STOP or CHLD
---@return true? ok
---@return string? err
---@return string? code
function loop.signals(names) end

---Watches a name in a folder, whether it is there or not, by the one inotify instance that all
---watches share (host/watch.h), and that there is while something is watched. Tells of what happens
---from now on: look afterwards. Changes that another host makes in a network file system are never
---told, nor that a folder further up was moved, or that a link leads elsewhere.
---@param path string the name is its last part
---@param options {removal: boolean?}? `removal`: tell when it goes, too, and not only when it comes
---@return integer? id
---@return string? err
---@return string? code "ENOENT", "ENOTDIR": no such folder; "EACCES": it cannot be read; "EMFILE":
---  the limit of inotify instances, or of this process's descriptors; "ENOSPC": the limit of
---  watches; "limit": more than 16 of them
function loop.watch(path, options) end

---Ends a watch; nothing if it is none. The last one closes the inotify instance.
---@param id integer
function loop.unwatch(id) end

return loop
