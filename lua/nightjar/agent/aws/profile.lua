--- One profile of AWS's shared files, `~/.aws/credentials` and `~/.aws/config`.
local file = require "host.file"
local ini = require "nightjar.agent.aws.ini"
local variables = require "nightjar.agent.aws.variables"

local profile = {}

-- Shared files are written by hand or by a tool; a megabyte is far beyond either.
local MAX_BYTES = 1024 * 1024

local function path_of(settings, variable, default)
  local path = variables.get(settings, variable)
  local home = variables.get(settings, "HOME")
  if not path then return home and home .. default end
  if path:sub(1, 2) == "~/" then return home and home .. path:sub(2) end
  return path
end

local function read(path)
  if not path then return {} end
  local text, err, code = file.read(path, MAX_BYTES)
  if text then return ini.parse(text) end
  if code == "ENOENT" or code == "ENOTDIR" then return {} end
  return nil, err
end

---@class Profile
---@field name string
---@field found boolean  whether a file holds it
---@field credentials table<string, string>  its section of the credentials file
---@field config table<string, string|table>  its section of the configuration file
---@field services table<string, table>  the `[services …]` section that it names
---@field credentials_path string?
---@field config_path string?

--- Reads the profile that AWS_PROFILE or AWS_DEFAULT_PROFILE names, else `default`.
--- A file that is not there is empty; one that cannot be read is an error, and so is a profile
--- that was asked for by name and is in neither file.
---@param settings table
---@return Profile?
---@return string? err
function profile.load(settings)
  local asked = variables.get(settings, "AWS_PROFILE")
    or variables.get(settings, "AWS_DEFAULT_PROFILE")
  local name = asked or "default"
  local credentials_path =
    path_of(settings, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials")
  local config_path = path_of(settings, "AWS_CONFIG_FILE", "/.aws/config")
  local credentials_file, err = read(credentials_path)
  if not credentials_file then return nil, err end
  local config_file, config_err = read(config_path)
  if not config_file then return nil, config_err end

  local config = config_file["profile " .. name]
    or name == "default" and config_file.default or nil
  local credentials = credentials_file[name]
  local found = config ~= nil or credentials ~= nil
  if asked and not found then
    return nil, ("AWS_PROFILE: %s: no such profile in %s or %s"):format(name,
      credentials_path or "~/.aws/credentials", config_path or "~/.aws/config")
  end
  config = config or {}
  local services = type(config.services) == "string"
    and config_file["services " .. config.services] or {}
  return { name = name, found = found, credentials = credentials or {}, config = config,
    services = services, credentials_path = credentials_path, config_path = config_path }
end

return profile
