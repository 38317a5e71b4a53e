---@meta host.program
-- What the running program knows of itself (host/program.h).

local program = {}

---Folder of the executable, links resolved.
---@type string
program.directory = ""

---Version of nightjar: "0.1.0".
---@type string
program.version = ""

---Where `policies/`, `templates/` and `examples/` stand: the first of the three folders above the
---executable's that holds `policies/init.lua` (a build tree), else `share/nightjar` beside `bin`.
---@return string? path
---@return string? err
---@return string? code errno name
function program.data_directory() end

---The environment of this process. Of a name given twice the first counts, as for os.getenv.
---@return table<string, string>
function program.environment() end

---Whether this process, and so one that it starts, may have IPv6 sockets.
---@return boolean # true where that cannot be told
function program.has_ipv6() end

---Collects all garbage and gives freed memory back to the system. Takes some milliseconds of CPU:
---for the end of work that needed much, not for its midst. From then on the collector is
---generational, which suits small work beside much that lives on, and collects everything whenever
---the heap has grown by a fifth.
function program.trim() end

---Whether a descriptor is a terminal.
---@param descriptor integer 0 is standard input, 1 output, 2 error
---@return boolean
function program.isatty(descriptor) end

return program
