-- What an operator asks of the agent that runs: a small file in the state folder, so that any shell
-- in the container can ask, and a restart does not lose it. Who may not write there, and that is
-- all but the agent's user and root, may not ask.

local file = require("host.file")
local json = require("host.json")

local asked = {}

local MAX_FILE = 4096 -- bytes

---What is asked.
---@param path string
---@param wanted {[1]: string, [2]: fun(value: any): any}[] fields that are expected, and whether a
---  value is good
---@param command string that removes it: "nightjar resume"
---@return table? value nil when nothing is asked
---@return string? err the file is there and cannot be used
function asked.read(path, wanted, command)
  local text, err, code = file.read(path, MAX_FILE)
  if not text then
    return nil, code ~= "ENOENT" and err or nil
  end
  local value, problem = json.decode(text)
  local fits, names = type(value) == "table" and value.format == 1, {}
  for i, field in ipairs(wanted) do
    names[i] = field[1]
    fits = fits and field[2](value[field[1]])
  end
  if fits then
    return value
  end
  return nil, ("%s: %s; `%s` removes it"):format(path,
    problem or "expected format 1, " .. table.concat(names, " and "), command)
end

---Asks.
---@param path string
---@param value table its fields but `format`
---@return true? ok
---@return string? err
---@return string? code "EACCES": this user may not ask
function asked.write(path, value)
  value.format = 1
  -- 0644, unlike the rest of that folder: who asks may be root, where the agent is another user
  -- that has to read it.
  return file.write(path, assert(json.encode(value)), { mode = 420 })
end

---Takes it back.
---@param path string
---@return boolean? was there one? nil when it cannot be removed
---@return string? err
---@return string? code
function asked.remove(path)
  local ok, err, code = file.remove(path)
  if ok or code == "ENOENT" then
    return ok or false
  end
  return nil, err, code
end

return asked
