---@meta host.file
-- Files (host/file.h) and folders that are not trusted (host/folder.h). Paths must not hold a NUL.
-- Errors read "what: path: why"; the code is the errno name ("ENOENT"), or "limit".

local file = {}

---Reads a regular file whole. A FIFO, socket or device is refused, never waited for.
---@param path string
---@param max? integer bytes, 64 MiB unless given; a larger file is "EFBIG"
---@return string? content
---@return string? err
---@return string? code
function file.read(path, max) end

---Puts a file in place by a temporary in the same folder, fsync, rename and fsync of the folder:
---readers, a crash or a full disk see the old file or the new one, whole. A link at `path` is
---replaced itself. When only the last step fails the file is there, and a second value says so.
---@param path string its folder must exist
---@param content string
---@param options? { mode?: integer } permission bits whatever the umask; 420 (octal 644)
---@return true? written
---@return string? err "published, not durable: …" beside true
---@return string? code
function file.write(path, content, options) end

---Makes a folder and those above it. One that is there already is fine.
---@param path string
---@param mode? integer permission bits before the umask, 493 (octal 755) unless given
---@return true? made
---@return string? err
---@return string? code
function file.mkdir(path, mode) end

---Removes a file, a link or an empty folder.
---@param path string
---@return true? removed
---@return string? err
---@return string? code
function file.remove(path) end

---@alias host.file.Type "file"|"folder"|"link"|"fifo"|"socket"|"device"|"other"

---@class host.file.Stat
---@field type host.file.Type
---@field size integer bytes
---@field mtime number seconds since 1970
---@field mode integer permission bits
---@field inode integer changes when a file is replaced

---What stands at a path, links followed.
---@param path string
---@return host.file.Stat? stat
---@return string? err
---@return string? code
function file.stat(path) end

---The entries of a folder, sorted by name as bytes; at most 10,000. Links are not followed.
---@param path string
---@return { name: string, type: host.file.Type }[]? entries
---@return string? err
---@return string? code
function file.list(path) end

---Removes the temporaries that killed writers left in a folder and in those below it. Call it when
---no writer is at work there.
---@param path string
---@return integer? count
---@return string? err the first failure; the others were removed all the same
---@return string? code
function file.sweep(path) end

---@class host.file.Lock
local Lock = {}

---Locks a file against other processes, without waiting. It is made (mode 0600, empty) where there
---is none, and what it holds is not touched. The kernel frees the lock when this process ends, or
---becomes another program (child.become); no program that it starts has it.
---@param path string
---@return host.file.Lock? lock given up by `close`, by `<close>` or by the collector
---@return string? err
---@return string? code "EAGAIN": it is locked; "ENOLCK", "EOPNOTSUPP", "EBADF": the file system has
---  no such locks
function file.lock(path) end

---Gives the lock up. It may be closed again.
function Lock:close() end

---@class host.file.Folder
local Folder = {}

---Opens a folder for reading what is beneath it, and nothing else.
---@param path string
---@return host.file.Folder? folder closed by `close`, by `<close>` or by the collector
---@return string? err
---@return string? code
function file.folder(path) end

---The relative paths of all that is no folder, at any depth, sorted as bytes. Links and special
---files are among them, so that reading one says what is wrong with it; links to folders are not
---entered. Names that begin with ".." and temporaries of `file.write` are left out.
---@param limits? { max_files?: integer, max_depth?: integer } 10,000 and 16 unless given
---@return string[]? paths
---@return string? err
---@return string? code
function Folder:list(limits) end

---Tells whether anything in the folder has changed since the last time, without reading it: names,
---inodes, sizes and times of all that `list` gives, links followed. What is written twice within a
---tick of the file system's clock may look the same after both, so a stamp is worth something only
---when the latest change lies well before the time at which the stamp was taken.
---@param limits? { max_files?: integer, max_depth?: integer } as for `list`
---@return string? stamp 32 bytes
---@return number|string changed seconds since 1970 of the latest change (st_ctime), 0 for an empty
---  folder; or the message
---@return string? code
function Folder:stamp(limits) end

---Reads a regular file beneath the folder. A link that leads elsewhere beneath it is followed where
---the kernel can do that safely; one that leads out is refused ("EXDEV").
---@param name string relative path
---@param max? integer bytes, 64 MiB unless given; a larger file is "EFBIG"
---@return string? content
---@return string? err
---@return string? code
function Folder:read(name, max) end

---Closes the folder. It may be closed again.
function Folder:close() end

return file
