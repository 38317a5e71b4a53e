-- Standard output, with a memory for failures: a full disk or a reader that has
-- gone must not look like success, and Lua's files forget an error as soon as
-- their buffer has been thrown away. And the files that a person names.

local output = {}

-- One process has one standard output; this is what became of it.
local failure

---Writes text to standard output.
---@param ... string
function output.write(...)
  local ok, err = io.stdout:write(...)
  if not ok then failure = failure or err end
end

---Writes out what is buffered.
---@return string? err why something that was written here has been lost
function output.finish()
  local ok, err = io.stdout:flush()
  if not ok then failure = failure or err end
  return failure
end

-- What is written into instead of being replaced: a pipe, a device, and the names by which the
-- system knows the open descriptors (/dev/stdout may stand for a regular file).
local function is_passage(path)
  if path:find("^/dev/") or path:find("^/proc/") then return true end
  local stat = require("host.file").stat(path)
  return stat ~= nil and stat.type ~= "file" and stat.type ~= "folder"
end

---Puts a file in place, whole or not at all; into a pipe or a device it is written.
---@param path string as a person names it
---@param text string
---@param options? { mode: integer } as for host.file.write
---@return true? ok
---@return string? err `cannot write: PATH: why`
function output.file(path, text, options)
  if not is_passage(path) then return require("host.file").write(path, text, options) end
  local handle, err = io.open(path, "w")
  if not handle then return nil, ("cannot write: " .. err) end
  local ok, problem = handle:write(text)
  if ok then ok, problem = handle:flush() end
  handle:close()
  if ok then return true end
  return nil, ("cannot write: %s: %s"):format(path, problem)
end

return output
