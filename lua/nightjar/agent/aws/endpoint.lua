--- Where a service's API answers: an endpoint of the operator's, or the partition's own.
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

---@class EndpointOwner  what `describe` needs of a service
---@field name string  "servicediscovery"
---@field variable string  "AWS_ENDPOINT_URL_SERVICEDISCOVERY"

-- What `nightjar config` shows is Cloud Map's.
local CLOUD_MAP = { name = "servicediscovery", variable = "AWS_ENDPOINT_URL_SERVICEDISCOVERY" }

-- A services section that is named and is not there is an error: its endpoints would be AWS's own.
local function of_services(found, service)
  local section = variables.key(found.values, "services")
  if not section then return nil end
  local services = found.files.services[section]
  if not services then
    return nil, nil, ("profile %s: services: no section [services %s]"):format(found.name, section)
  end
  local own = services[service.name]
  local url = type(own) == "table" and variables.key(own, "endpoint_url")
  return url or nil, "services " .. section
end

local function configured(settings, service, found)
  if variables.is_true(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", found) then return nil end
  for _, name in ipairs { service.variable, "AWS_ENDPOINT_URL" } do
    local value, source = variables.get(settings, name)
    if value then return value, variables.label(name, source) end
  end
  local url, source, err = of_services(found, service)
  if url or err then return url, source, err end
  url = variables.key(found.values, "endpoint_url")
  return url, url and "profile " .. found.name
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

-- Regions that had one STS together before they had their own, for AWS_STS_REGIONAL_ENDPOINTS
-- (AWS SDKs and Tools Reference Guide, "AWS STS Regional endpoints").
local legacy_sts = {}
for _, name in ipairs { "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
  "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
  "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2" } do
  legacy_sts[name] = true
end

-- S3 has its dual stack below the plain suffix (Amazon S3 User Guide, "Dual-stack endpoints").
local function of_s3(region_name, suffix, fips, stacked)
  return ("https://s3%s%s.%s.%s"):format(fips and "-fips" or "", stacked and ".dualstack" or "",
    region_name, suffix)
end

local function of_partition(settings, service, region_name, found)
  local plain, dual = suffixes(region_name)
  local fips = variables.is_true(settings, "AWS_USE_FIPS_ENDPOINT", found)
  local stacked = variables.is_true(settings, "AWS_USE_DUALSTACK_ENDPOINT", found)
  local host = service.name
  if host == "s3" then return of_s3(region_name, plain, fips, stacked), region_name end
  if host == "sts" and not fips and not stacked and legacy_sts[region_name] then
    local mode = variables.lookup(settings, "AWS_STS_REGIONAL_ENDPOINTS", found)
    if mode and mode:lower() == "legacy" then return "https://sts.amazonaws.com", "us-east-1" end
  end
  -- STS's plain endpoints in GovCloud are the FIPS ones.
  local is_fips_already = host == "sts" and not stacked and region_name:find("^us%-gov%-")
  if fips and not is_fips_already then host = host .. "-fips" end
  return ("https://%s.%s.%s"):format(host, region_name, stacked and dual or plain), region_name
end

local function of_operator(settings, value, source, found)
  if not endpoint.split(value) then
    -- The value is not repeated: it may hold a name and a password.
    return nil, ("%s: expected a URL like https://host:port, without a user"):format(source)
  end
  for _, name in ipairs { "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT" } do
    if variables.is_true(settings, name, found) then
      local _, label = variables.lookup(settings, name, found)
      return nil, ("%s: cannot be used together with the endpoint of %s"):format(label, source)
    end
  end
  return { value = value, source = source }
end

--- A service's endpoint, where it comes from, and the region that signatures for it name.
---@param settings table
---@param service EndpointOwner?  Cloud Map if nil
---@param region_name string?  looked up if nil
---@return {value: string, source: string, signing_region: string?, is_own: boolean?}?
---  `is_own`: the operator named it
---@return string? err
function endpoint.describe(settings, service, region_name)
  service = service or CLOUD_MAP
  local found, load_err = profile.load(settings)
  if not found then return nil, load_err end
  local value, source, err = configured(settings, service, found)
  if err then return nil, err end
  if value then
    local own, wrong = of_operator(settings, value, source, found)
    if own then own.signing_region, own.is_own = region_name, true end
    return own, wrong
  end
  if not region_name then
    local where, region_err = region.describe(settings)
    if not where then return nil, region_err end
    region_name = where.value
  end
  local url, signing = of_partition(settings, service, region_name, found)
  return { value = url, source = "region " .. region_name, signing_region = signing }
end

return endpoint
