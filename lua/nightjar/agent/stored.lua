-- Reads a file of what the agent keeps in its state folder: a JSON object of format 1.

local file = require("host.file")
local json = require("host.json")

local stored = {}

local MAX_FILE = 256 * 1024 * 1024 -- bytes

---What a file holds.
---@param path string
---@param check? fun(value: table): boolean? what else it must be: see agent/form.lua
---@return table? value nil, without a message, when there is no such file
---@return string? err the file is there and cannot be used; names it
function stored.read(path, check)
  local text, err, code = file.read(path, MAX_FILE)
  if not text and code ~= "ENOENT" then
    -- The caller will go on as if there were none, and so forget what it says for good. An I/O
    -- error may be over at a second look.
    text, err = file.read(path, MAX_FILE)
  end
  if not text then
    return nil, code ~= "ENOENT" and err or nil
  end
  local value, problem = json.decode(text, { max_depth = 64 })
  if type(value) ~= "table" or value.format ~= 1 then
    return nil, path .. ": " .. (problem or "expected format 1")
  elseif check and not check(value) then
    return nil, path .. ": expected what an agent keeps there"
  end
  return value
end

return stored
