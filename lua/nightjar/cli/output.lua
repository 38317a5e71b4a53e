-- Standard output, with a memory for failures: a full disk or a reader that has
-- gone must not look like success, and Lua's files forget an error as soon as
-- their buffer has been thrown away.

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

return output
