--- Where Cloud Map's API answers: an endpoint of the operator's, or the partition's own.
local profile = require "nightjar.agent.aws.profile"
local region = require "nightjar.agent.aws.region"
local variables = require "nightjar.agent.aws.variables"

local endpoint = {}

-- Region prefix, host suffix, and the suffix of dual-stack endpoints; after botocore's
-- partitions.json. The first match counts; no match is the partition `aws`.
local partitions = {
  { "^cn%-", "amazonaws.com.cn", "api.amazonwebservices.com.cn" },
  { "^us%-gov%-", "amazonaws.com", "api.aws" },
  { "^us%-iso%-", "c2s.ic.gov", "api.aws.ic.gov" },
  { "^us%-isob%-", "sc2s.sgov.gov", "api.aws.scloud" },
  { "^eu%-isoe%-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk" },
  { "^us%-isof%-", "csp.hci.ic.gov", "api.aws.hci.ic.gov" },
  { "^eusc%-", "amazonaws.eu", "api.amazonwebservices.eu" },
  { "", "amazonaws.com", "api.aws" },
}

local function suffixes(name)
  for _, entry in ipairs(partitions) do
    if name:find(entry[1]) then return entry[2], entry[3] end
  end
end

local function of_profile(settings)
  local found, err = profile.load(settings)
  if not found then return nil, nil, err end
  local own = found.services.servicediscovery
  if type(own) == "table" and type(own.endpoint_url) == "string" then
    return own.endpoint_url, "services " .. found.config.services
  end
  local general = found.config.endpoint_url
  if type(general) == "string" and general ~= "" then
    return general, "profile " .. found.name
  end
  return nil
end

local function configured(settings)
  if variables.is_true(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") then return nil end
  for _, name in ipairs { "AWS_ENDPOINT_URL_SERVICEDISCOVERY", "AWS_ENDPOINT_URL" } do
    local value, source = variables.get(settings, name)
    if value then
      return value, source == "environment" and name or name .. " (" .. source .. ")"
    end
  end
  return of_profile(settings)
end

--- Takes a URL apart into scheme, host, `:port` and path; nil when it is no plain http(s) URL.
---@param url string
---@return string? scheme
---@return string host
---@return string port  with its colon, or ""
---@return string path  without a slash at the end
function endpoint.split(url)
  local scheme, rest = url:match("^([hH][tT][tT][pP][sS]?)://(.+)$")
  if not scheme or rest:find("[%s@?#\\]") then return nil, "", "", "" end
  local authority, path = rest:match("^([^/]+)(.*)$")
  if not authority then return nil, "", "", "" end
  local host, port = authority:match("^(%[[%x:.]+%])(:?%d*)$")
  if not host then host, port = authority:match("^([%w._-]+)(:?%d*)$") end
  local number = port and port:match("^:(%d+)$")
  if not host or (port ~= "" and (not number or tonumber(number) > 65535)) then
    return nil, "", "", ""
  end
  return scheme:lower(), host, port, (path:gsub("/+$", ""))
end

-- No name can stand in front of an address, and `data-localhost` is nobody.
local function takes_prefix(host)
  local name = host:lower():gsub("%.$", "")
  return not (name:find("^%[") or name:find("^[%d.]+$") or name == "localhost"
    or name:find("%.localhost$"))
end

--- The URL of a call: the operation's host prefix goes in front of the host where it can.
---@param url string  an endpoint's value
---@param prefix string?  for example "data-"
---@return string
function endpoint.with_prefix(url, prefix)
  local scheme, host, port, path = endpoint.split(url)
  assert(scheme, "endpoint.with_prefix: not an endpoint's URL")
  if not prefix or not takes_prefix(host) then prefix = "" end
  return ("%s://%s%s%s%s/"):format(scheme, prefix, host, port, path)
end

local function of_partition(settings, name)
  local plain, dual = suffixes(name)
  local fips = variables.is_true(settings, "AWS_USE_FIPS_ENDPOINT")
  local stacked = variables.is_true(settings, "AWS_USE_DUALSTACK_ENDPOINT")
  return ("https://servicediscovery%s.%s.%s"):format(fips and "-fips" or "", name,
    stacked and dual or plain)
end

--- Cloud Map's endpoint and where it comes from.
---@param settings table
---@return {value: string, source: string}?
---@return string? err
function endpoint.describe(settings)
  local value, source, err = configured(settings)
  if err then return nil, err end
  if not value then
    local found, region_err = region.describe(settings)
    if not found then return nil, region_err end
    return { value = of_partition(settings, found.value), source = "region " .. found.value }
  end
  if not endpoint.split(value) then
    -- The value is not repeated: it may hold a name and a password.
    return nil, ("%s: expected a URL like https://host:port, without a user"):format(source)
  end
  for _, name in ipairs { "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT" } do
    if variables.is_true(settings, name) then
      return nil, ("%s: cannot be used together with the endpoint of %s"):format(name, source)
    end
  end
  return { value = value, source = source }
end

return endpoint
