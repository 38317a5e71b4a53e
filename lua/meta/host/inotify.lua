---@meta host.inotify
-- The kernel's limit of inotify instances (host/inotify.h), which a user shares with all of its
-- processes on a host, those of other containers included.

local inotify = {}

---How many inotify instances may be opened now, of those that are asked for: they are opened and
---closed at once. Ask for no more than a program is about to need: while the trial lasts, some
---microseconds, they are taken from others.
---@param count integer 0 to 1024
---@return integer? free at most `count`; less when the limit of inotify instances is met
---@return string? err "cannot open: inotify instances: why" for any other failure
---@return string? code "EMFILE": this process may open no more descriptors of any kind; "ENFILE"…
function inotify.free(count) end

return inotify
