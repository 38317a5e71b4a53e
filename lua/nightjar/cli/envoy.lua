-- Finds an Envoy and asks it what it thinks of a bootstrap.

local agent_envoy = require "nightjar.agent.envoy"
local file = require "host.file"
local json = require "host.json"

local envoy = {}

local function is_program(path)
  local stat = file.stat(path)
  return stat and stat.type ~= "folder" and stat.mode and stat.mode & 73 ~= 0 -- 0111: executable
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

---Has Envoy validate a bootstrap. Called within sched.run.
---@param program string
---@param bootstrap table
---@param settings table `tmp_dir`, `environment`
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
  if ok then warnings, failure = agent_envoy.validate(program, path, settings) end
  file.remove(path)
  file.remove(folder)
  return warnings, not warnings and failure or nil
end

return envoy
