-- The pin: which generation stays in force until `nightjar resume`. A file in the state folder, so
-- that any shell in the container can set it, and a restart does not lose it.

local file = require("host.file")
local json = require("host.json")

local pin = {}

local MAX_FILE = 4096 -- bytes

---@param directory string the state folder
---@return string
function pin.path(directory)
  return directory .. "/pin.json"
end

---What is pinned.
---@param directory string the state folder
---@return { generation: string, at: integer }? pinned nil when nothing is
---@return string? err the file is there and cannot be used
function pin.read(directory)
  local path = pin.path(directory)
  local text, err, code = file.read(path, MAX_FILE)
  if not text then
    return nil, code ~= "ENOENT" and err or nil
  end
  local value, problem = json.decode(text)
  if type(value) ~= "table" or value.format ~= 1 or type(value.generation) ~= "string"
    or not math.tointeger(value.at) then
    return nil, ("%s: %s; `nightjar resume` removes it"):format(path,
      problem or "expected format 1, generation and at")
  end
  return { generation = value.generation, at = value.at }
end

---Pin a generation.
---@param directory string the state folder
---@param generation string
---@param at integer unix seconds
---@return true? ok
---@return string? err
function pin.write(directory, generation, at)
  local text = assert(json.encode({ format = 1, generation = generation, at = at }))
  -- 0644, unlike the rest of that folder: who pins may be root, where the agent is another user
  -- that has to read it.
  return file.write(pin.path(directory), text, { mode = 420 })
end

---End the pin.
---@param directory string the state folder
---@return boolean? was there one? nil when it cannot be removed
---@return string? err
function pin.remove(directory)
  local ok, err, code = file.remove(pin.path(directory))
  if ok or code == "ENOENT" then
    return ok or false
  end
  return nil, err
end

return pin
