-- What `nightjar debug` asks of the agent that runs, for a time.

local asked = require("nightjar.agent.asked")

local request = {}

local function is_integer(value)
  return math.type(value) == "integer"
end

local FIELDS = { { "seconds", is_integer }, { "ends", is_integer } }

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
  local value, err = asked.read(request.path(directory), FIELDS, "nightjar debug off")
  return value and { seconds = math.min(value.seconds, request.MOST), ends = value.ends }, err
end

---@param directory string the state folder
---@param seconds integer
---@param now integer unix seconds
---@return true? ok
---@return string? err
---@return string? code "EACCES": this user may not ask
function request.write(directory, seconds, now)
  return asked.write(request.path(directory), { seconds = seconds, ends = now + seconds })
end

---@param directory string the state folder
---@return boolean? was there one? nil when it cannot be removed
---@return string? err
---@return string? code
function request.remove(directory)
  return asked.remove(request.path(directory))
end

return request
