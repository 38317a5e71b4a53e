-- Reads the settings where this process finds them: its flags, its environment
-- and the YAML file which one of the two names.

local messages = require "nightjar.text"
local settings = require "nightjar.settings"

local environment = {}

-- Far more than any file of settings needs; a device or a log is no such file.
local LARGEST_FILE = 1024 * 1024

local function read_file(path)
  local text, err = require("host.file").read(path, LARGEST_FILE)
  if not text then return nil, err end
  local values, problem = require("host.yaml").decode(text, { max_bytes = LARGEST_FILE })
  if values == nil then return nil, path .. ": " .. problem end
  return values
end

local function given_path(flags, variables)
  for _, candidate in ipairs { { flags.NIGHTJAR_CONFIG or flags.CONFIG, "flag" },
    { variables.NIGHTJAR_CONFIG, "environment" } } do
    local path = messages.trim(candidate[1] or "")
    if path ~= "" then return path, candidate[2] end
  end
  return nil
end

---Loads the settings of this process.
---@param flags table<string,string> flag values by variable name
---@return table? settings
---@return string[]? errors
function environment.load(flags)
  local program = require "host.program"
  local variables = program.environment()
  local file
  local path, source = given_path(flags, variables)
  if path then
    local values, err = read_file(path)
    if values == nil then
      return nil, { ("NIGHTJAR_CONFIG (%s): %s"):format(source, err) }
    end
    file = { path = path, values = values }
  end
  return settings.load {
    flags = flags, environment = variables, file = file,
    data_directory = program.data_directory(),
  }
end

return environment
