---@meta host.log
-- Lines on standard error (host/log.h). Lua code of the agent uses `nightjar.log`, which takes any
-- value.

local log = {}

---@class host.log.Options
---@field level? "debug"|"info"|"warn"|"error" the least level that is written; "info" at first
---@field format? "logfmt"|"json" "logfmt" at first

---Sets what is given, for all that is logged from here on.
---@param options host.log.Options
function log.configure(options) end

---Whether lines of this level are written, for callers whose fields are dear to make.
---@param level "debug"|"info"|"warn"|"error"
---@return boolean
function log.enabled(level) end

---Writes one line: time, level and event, then the fields sorted by name. Control characters, marks
---that turn text around and bytes that are no UTF-8 are escaped; a value of more than 4 KiB is cut,
---and fields beyond 64 or 64 KiB are left out and counted. Nothing is written below the level set.
---@param level "debug"|"info"|"warn"|"error"
---@param event string
---@param fields? table<string, string|number|boolean|lightuserdata> `json.null` is null
---@return true? written
---@return string? err
---@return string? code errno name
function log.write(level, event, fields) end

return log
