--- The three operations of S3 that fleet reading uses, with the conditions that make them a lease.
---
--- Conditional writes: "How to prevent object overwrites with conditional writes" in the Amazon S3
--- User Guide. 412: the condition does not hold; 409: writes raced; 404 for If-Match: no object.
local aws_client = require "nightjar.agent.aws.client"
local endpoint = require "nightjar.agent.aws.endpoint"
local profile = require "nightjar.agent.aws.profile"
local rest_xml = require "nightjar.agent.aws.protocol.rest_xml"

local s3 = {}

s3.VARIABLE = "AWS_ENDPOINT_URL_S3"

-- Requests a second: an agent makes one or two a pass, and a few more while it waits for another's.
local RATES = { default = { rate = 10, burst = 50 } }

-- Whether a bucket's name can be a part of a host name. One with dots cannot where certificates
-- count, as theirs are for one more name only ("Virtual hosting of buckets", Amazon S3 User Guide).
local function is_host_name(bucket, scheme)
  if #bucket < 3 or #bucket > 63 then return false end
  if scheme == "https" and bucket:find(".", 1, true) then return false end
  return bucket:find("^%l") or bucket:find("^%d") and not bucket:find("^%d+%.%d+%.%d+%.%d+$")
end

-- No name stands in front of an address.
local function is_address(host)
  return host:find("^%[") or host:find("^%d+%.%d+%.%d+%.%d+$")
end

--- Where a bucket's objects are, without a slash at the end.
---
--- As botocore 1.44 has it: AWS's own endpoints take the bucket as a part of the host name where it
--- can be one, an operator's take it as a part of the path; a profile's `addressing_style` decides
--- otherwise.
---@param value string  the endpoint
---@param is_own boolean?  the operator named it
---@param bucket string
---@param style string?  "path", "virtual" or "auto"
---@return string
function s3.address(value, is_own, bucket, style)
  local scheme, host, port, path = endpoint.split(value)
  assert(scheme, "s3.address: not an endpoint's URL")
  local virtual = style == "virtual" or style ~= "path" and not is_own
  if virtual and is_host_name(bucket, scheme) and not is_address(host) then
    return ("%s://%s.%s%s%s"):format(scheme, bucket, host, port, path)
  end
  return ("%s://%s%s%s/%s"):format(scheme, host, port, path, bucket)
end

-- `s3 =` of the profile, a section of its own within it (AWS CLI, "AWS CLI S3 Configuration").
local function style_of(settings)
  local found, err = profile.load(settings)
  if not found then return nil, err end
  local section = found.values.s3
  local style = type(section) == "table" and section.addressing_style or nil
  if not style or style == "auto" or style == "path" or style == "virtual" then
    return style or "auto"
  end
  return nil, ("profile %s: s3: addressing_style: expected auto, path or virtual, got %q"):format(
    found.name, style)
end

--- A client for one bucket.
---@param context AwsWorld  its settings too
---@param region string
---@param credentials CredentialsStore
---@param bucket string
---@return AwsClient?
---@return string? err
function s3.connect(context, region, credentials, bucket)
  local style, err = style_of(context.settings)
  if not style then return nil, err end
  local service = { name = "s3", variable = s3.VARIABLE, protocol = rest_xml, rates = RATES,
    signing = { normalize = false, double_encode = false, content_sha256 = true },
    address = function(value, is_own) return s3.address(value, is_own, bucket, style) end }
  return aws_client.new(service, context, region, credentials)
end

-- A bucket of another region answers 301, or 400 as the signature names the wrong region. Its own
-- sentence does not always say which is the right one.
local function explain(client, problem)
  local where = problem.bucket_region
  if where and where ~= client.region and problem.status ~= 403 then
    problem.message = ("the bucket is in region %s, but %s is asked"):format(where, client.region)
  end
  return problem
end

local function call(client, operation, input, options)
  local output, problem = client:call(operation, input, options)
  if output then return output end
  return nil, explain(client, problem)
end

---@class S3Answer
---@field status integer  200, or 304: the object has the ETag of `if_none_match`
---@field headers table<string, string>  etag, last-modified, date
---@field body string

--- Reads an object.
---@param client AwsClient
---@param key string
---@param etag string?  what is known already
---@param options CallOptions?
---@return S3Answer?
---@return Failure?
function s3.get(client, key, etag, options)
  return call(client, "GetObject", { key = key, if_none_match = etag }, options)
end

--- Reads an object's headers; `s3:GetObject` allows it.
---@return S3Answer?
---@return Failure?
function s3.head(client, key, options)
  return call(client, "HeadObject", { key = key }, options)
end

--- Writes an object if it still has the given ETag, or without one if there is none.
---@param client AwsClient
---@param key string
---@param body string
---@param etag string?
---@param options CallOptions?
---@return S3Answer?
---@return Failure?
function s3.put(client, key, body, etag, options)
  return call(client, "PutObject", { key = key, body = body, if_match = etag,
    if_none_match = not etag and "*" or nil }, options)
end

return s3
