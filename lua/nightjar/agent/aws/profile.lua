--- The profiles of AWS's shared files, `~/.aws/credentials` and `~/.aws/config`.
local file = require "host.file"
local ini = require "nightjar.agent.aws.ini"
local variables = require "nightjar.agent.aws.variables"

local profile = {}

-- Shared files are written by hand or by a tool; a megabyte is far beyond either.
local MAX_BYTES = 1024 * 1024

local DEFAULTS = { AWS_SHARED_CREDENTIALS_FILE = "/.aws/credentials",
  AWS_CONFIG_FILE = "/.aws/config" }

local function expand(settings, path)
  local function value_of(name) return variables.get(settings, name) end
  path = path:gsub("%$([%a_][%w_]*)", value_of):gsub("%${([%a_][%w_]*)}", value_of)
  if path == "~" or path:sub(1, 2) == "~/" then
    local home = value_of("HOME")
    return home and home .. path:sub(2)
  end
  return path
end

-- The sections of one file. One that is not there is empty; so is the default one where we may
-- not look (a container's user is often not the one of HOME).
local function read(settings, variable)
  local given = variables.get(settings, variable)
  local path = expand(settings, given or "~" .. DEFAULTS[variable])
  if not path then return {} end
  local text, err, code = file.read(path, MAX_BYTES)
  if not text then
    local absent = code == "ENOENT" or code == "ENOTDIR" or code == "EACCES" and not given
    if absent then return {}, path end
    return nil, err
  end
  local sections, problem = ini.parse(text)
  if not sections then return nil, path .. ": " .. problem end
  return sections, path
end

-- `[profile web]`, `[services mine]`: the second word; nil where there are not two.
local function titled(name, kind)
  if name:sub(1, #kind) ~= kind then return nil end
  local words = ini.words(name)
  return words and #words == 2 and words[2] or nil
end

local function copy(values)
  local result = {}
  for key, value in pairs(values) do result[key] = value end
  return result
end

---@class AwsFiles
---@field profiles table<string, table>  both files together; the credentials file's values win
---@field credentials table<string, table>  the credentials file's own sections
---@field config table<string, table>  the configuration file's own profiles
---@field services table<string, table>  `[services …]` sections
---@field credentials_path string?
---@field config_path string?

--- Reads both shared files as they are now.
---@param settings table
---@return AwsFiles? files
---@return string? err  names the file, and the line that is wrong
function profile.files(settings)
  local config, config_path = read(settings, "AWS_CONFIG_FILE")
  if not config then return nil, config_path end
  local credentials, credentials_path = read(settings, "AWS_SHARED_CREDENTIALS_FILE")
  if not credentials then return nil, credentials_path end
  local files = { profiles = {}, credentials = {}, config = {}, services = {},
    config_path = config_path, credentials_path = credentials_path }
  for _, section in ipairs(config) do
    local name = section.name == "default" and "default" or titled(section.name, "profile")
    local services = titled(section.name, "services")
    if name then
      files.config[name], files.profiles[name] = section.values, copy(section.values)
    elseif services then
      files.services[services] = section.values
    end
  end
  for _, section in ipairs(credentials) do
    files.credentials[section.name] = section.values
    local merged = files.profiles[section.name] or {}
    for key, value in pairs(section.values) do merged[key] = value end
    files.profiles[section.name] = merged
  end
  return files
end

--- The name of the profile in force, and the variable that asks for it, if one does.
---@param settings table
---@return string name
---@return string? variable
---@return string? source  "flag", "file …" or "environment"
function profile.name(settings)
  for _, variable in ipairs { "AWS_PROFILE", "AWS_DEFAULT_PROFILE" } do
    local name, source = variables.get(settings, variable)
    if name then return name, variable, source end
  end
  return "default"
end

--- Whether the profile was asked for on the command line: then it comes before the keys of the
--- environment, as in the AWS CLI.
---@param settings table
---@return boolean
function profile.is_explicit(settings)
  local _, variable, source = profile.name(settings)
  return variable ~= nil and source == "flag"
end

---@class Profile
---@field name string
---@field found boolean  whether a file holds it
---@field values table<string, string|table>  of both files
---@field files AwsFiles

--- Reads the profile in force. One that was asked for by name and is in neither file is an error.
---@param settings table
---@return Profile?
---@return string? err
function profile.load(settings)
  local files, err = profile.files(settings)
  if not files then return nil, err end
  local name, variable = profile.name(settings)
  local values = files.profiles[name]
  if variable and not values then
    return nil, ("%s: %s: no such profile in %s or %s"):format(variable, name,
      files.credentials_path or "~/.aws/credentials", files.config_path or "~/.aws/config")
  end
  return { name = name, found = values ~= nil, values = values or {}, files = files }
end

return profile
