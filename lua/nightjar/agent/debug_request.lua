-- What `nightjar debug` asks of the agent that runs: a file in the state folder, as a pin is, so
-- that any shell in the container can ask, and a restart in place does not lose it. Who may not
-- write there, and that is all but the agent's user and root, may not ask.

local file = require("host.file")
local json = require("host.json")

local request = {}

local MAX_FILE = 4096 -- bytes

---Seconds for which it can be asked at most: a day.
request.MOST = 86400

---@param directory string the state folder
---@return string
function request.path(directory)
  return directory .. "/debug.json"
end

---What is asked for.
---@param directory string the state folder
---@return { seconds: integer, ends: integer }? asked `ends`: unix seconds; nil when nothing is
---@return string? err the file is there and cannot be used
function request.read(directory)
  local path = request.path(directory)
  local text, err, code = file.read(path, MAX_FILE)
  if not text then
    return nil, code ~= "ENOENT" and err or nil
  end
  local value, problem = json.decode(text)
  if type(value) ~= "table" or value.format ~= 1 or math.type(value.seconds) ~= "integer"
    or math.type(value.ends) ~= "integer" then
    return nil, ("%s: %s; `nightjar debug off` removes it"):format(path,
      problem or "expected format 1, seconds and ends")
  end
  return { seconds = math.min(value.seconds, request.MOST), ends = value.ends }
end

---@param directory string the state folder
---@param seconds integer
---@param now integer unix seconds
---@return true? ok
---@return string? err
---@return string? code "EACCES": this user may not ask
function request.write(directory, seconds, now)
  local text = assert(json.encode({ format = 1, seconds = seconds, ends = now + seconds }))
  -- 0644: who asks may be root, where the agent is another user that has to read it.
  return file.write(request.path(directory), text, { mode = 420 })
end

---@param directory string the state folder
---@return boolean? was there one? nil when it cannot be removed
---@return string? err
---@return string? code
function request.remove(directory)
  local ok, err, code = file.remove(request.path(directory))
  if ok or code == "ENOENT" then
    return ok or false
  end
  return nil, err, code
end

return request
