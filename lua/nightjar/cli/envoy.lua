-- Finds an Envoy and asks it what it thinks of a bootstrap.

local file = require "host.file"
local json = require "host.json"
local sched = require "nightjar.agent.sched"

local envoy = {}

local DEADLINE = 30 -- seconds; validation takes far less than one
local MAX_OUTPUT = 64 * 1024 * 1024 -- bytes; Envoy may repeat all it was given
local MAX_REASON = 1000 -- bytes of it that are of use to a person

local function is_program(path)
  local stat = file.stat(path)
  return stat and stat.type ~= "directory" and stat.mode and stat.mode & 73 ~= 0 -- 0111: executable
end

---The Envoy that the settings name.
---@param settings table `envoy_bin`, `environment`
---@return string? path
---@return string? reason why there is none
function envoy.find(settings)
  local name = settings.envoy_bin
  if name == "" then return nil, "ENVOY_BIN is empty" end
  if name:find("/", 1, true) then
    if is_program(name) then return name end
    return nil, name .. " is no program (ENVOY_BIN)"
  end
  for folder in (settings.environment.PATH or ""):gmatch("[^:]+") do
    if is_program(folder .. "/" .. name) then return folder .. "/" .. name end
  end
  return nil, name .. " is not on PATH (ENVOY_BIN)"
end

-- A name that nobody can have foreseen, so that nobody can have put a link there.
local function secret_folder(settings)
  local source, err = io.open("/dev/urandom", "rb")
  if not source then return nil, err end
  local bytes = source:read(16)
  source:close()
  local name = bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  local base = file.stat(settings.tmp_dir) and settings.tmp_dir or "/tmp"
  if base == "/" then base = "" end
  return base .. "/nightjar-check-" .. name
end

-- Envoy's messages break lines at random and may end with the whole bootstrap.
local function short(text)
  local plain = text:gsub("%s+", " "):gsub(": {\".*$", ""):gsub("%s+$", "")
  return #plain > MAX_REASON and plain:sub(1, MAX_REASON) .. "…" or plain
end

-- `[date][thread][critical][logger] [file:line] error initializing configuration
-- 'FILE': why`, and then the same in other words; one of them is enough.
local function reason_in(text)
  local last = "no reason given"
  for line in text:gmatch("[^\n]+") do
    local why = line:match("error initializing configuration '[^']*': (.*)")
      or line:match("^error initializing config[^:]*: (.*)")
    if why then return short(why) end
    last = line
  end
  return short(last)
end

-- What Envoy takes but would rather not have taken: deprecations and the like.
local function warnings_in(text)
  local list, said = {}, {}
  for line in text:gmatch("[^\n]+") do
    local warning = line:match("%]%[warning%]%[[^%]]*%] (.*)")
    warning = warning and short(warning:gsub("^%[[^%]]*%] ", ""))
    if warning and not said[warning] then list[#list + 1], said[warning] = warning, true end
  end
  return list
end

local function execute(program, path)
  local result, err = sched.exec {
    argv = { program, "--mode", "validate", "--config-path", path, "--log-level", "warning" },
    deadline = DEADLINE, max_output = MAX_OUTPUT, stderr = true,
  }
  if not result then return nil, err end
  if result.timed_out then return nil, ("not done within %d s"):format(DEADLINE) end
  local said = (result.stderr or "") .. "\n" .. (result.stdout or "")
  if result.status == 0 then return warnings_in(said) end
  if result.signal then return nil, "ended by signal " .. result.signal end
  return nil, reason_in(said)
end

---Has Envoy validate a bootstrap. Called within sched.run.
---@param program string
---@param bootstrap table
---@param settings table `tmp_dir`
---@return string[]? warnings that Envoy gave although it accepts
---@return string? err why it does not accept
function envoy.validate(program, bootstrap, settings)
  local text, err = json.encode(bootstrap)
  if not text then return nil, err end
  local folder, problem = secret_folder(settings)
  if not folder then return nil, problem end
  local path = folder .. "/bootstrap.json"
  local ok, failure = file.mkdir(folder, 448) -- 0700
  if ok then ok, failure = file.write(path, text, { mode = 384 }) end -- 0600
  local warnings
  if ok then warnings, failure = execute(program, path) end
  file.remove(path)
  file.remove(folder)
  return warnings, not warnings and failure or nil
end

return envoy
