--- The one error type of the AWS client: what was called, what came back, after how many tries.
local json = require "host.json"
local redact = require "nightjar.agent.aws.redact"
local text = require "nightjar.text"
local xml = require "nightjar.agent.aws.xml"

local failure = {}

-- Long enough for AWS's sentences, short enough for one log line.
local MESSAGE_LIMIT = 300

---@class Failure
---@field operation string  "DiscoverInstances", …
---@field status integer?  the HTTP status; nil when no answer came
---@field code string  AWS's error code, or one of ours: "ConnectionError", "UnreadableResponse", …
---@field message string
---@field request_id string?
---@field attempts integer  requests sent
---@field transport string?  libcurl's kind of failure, when no answer came
---@field date string?  the answer's header of that name
---@field bucket_region string?  S3: where the bucket is, of an answer that says so

local methods = {}
methods.__index = methods

--- What failed and how, without what differs from one time to the next: two equal troubles
--- read alike. `ListServices: 429 RequestLimitExceeded: Rate exceeded`.
---@return string
function methods:brief()
  local brief = self.operation .. ": " .. (self.status and self.status .. " " or "") .. self.code
  return self.message ~= "" and brief .. ": " .. self.message or brief
end

--- The same with what support asks for: `… (request 1-2, 3 attempts)`.
function methods:__tostring()
  local parts, notes = { self:brief() }, {}
  if self.request_id then notes[1] = "request " .. self.request_id end
  if (self.attempts or 0) > 1 then notes[#notes + 1] = self.attempts .. " attempts" end
  if #notes > 0 then parts[#parts + 1] = " (" .. table.concat(notes, ", ") .. ")" end
  return table.concat(parts)
end

--- Makes a failure of its fields; operation and code are required. The message becomes one line
--- of UTF-8: it goes into snapshots and logs.
---@param fields table
---@return Failure
function failure.new(fields)
  fields.message = text.clean(fields.message or "")
  fields.attempts = fields.attempts or 0
  return setmetatable(fields, methods)
end

-- Several lines of an answer are not for a log: the one about a wrong signature repeats the
-- signed request, session token included.
local function first_line(message)
  return text.clean(message:match("^%s*([^\r\n]*)"), MESSAGE_LIMIT)
end

--- The bare name in an error code as the protocols write it: `com.amazon#Throttling:http://…`.
---@param value any
---@return string?
function failure.bare_code(value)
  if type(value) ~= "string" then return nil end
  value = value:gsub("^.*#", ""):gsub(":.*$", "")
  return value:match("^%s*([%w_.-]+)%s*$")
end

local function from_json(body)
  if not body:find("^%s*{") then return nil end
  local value = json.decode(body)
  if type(value) ~= "table" then return nil end
  -- Services of the query protocol answer in JSON too when they are asked to.
  if type(value.Error) == "table" then
    value = { code = value.Error.Code, message = value.Error.Message }
  end
  local code = failure.bare_code(value.__type) or failure.bare_code(value.code)
  local message = value.message or value.Message
  return code, type(message) == "string" and message or nil
end

local function from_xml(body)
  if not body:find("^%s*<") then return nil end
  local code = failure.bare_code(body:match("<Code>([^<]*)</Code>"))
  local message = body:match("<Message>([^<]*)</Message>")
  return code, message and xml.unescape(message)
end

--- What an HTTP answer that is no success says. Some front ends answer XML or HTML: then the
--- status alone is the code (`HTTP503`).
---@param operation string
---@param response table  {status, headers, body}
---@param secrets string[]?  are taken out of the message
---@return Failure
function failure.of_response(operation, response, secrets)
  local headers, body = response.headers or {}, response.body or ""
  local code, message = from_json(body)
  if not code then
    local xml_code, xml_message = from_xml(body)
    code, message = xml_code, message or xml_message
  end
  return failure.new {
    operation = operation,
    status = response.status,
    code = failure.bare_code(headers["x-amzn-errortype"]) or code or "HTTP" .. response.status,
    -- Before it is cut, so that no part of a secret stays.
    message = first_line(redact(message or "", secrets)),
    request_id = headers["x-amzn-requestid"] or headers["x-amz-request-id"],
    date = headers.date, bucket_region = headers["x-amz-bucket-region"],
  }
end

--- No answer came, or not a whole one.
---@param operation string
---@param err table  {kind, message} as sched.http returns it
---@return Failure
function failure.of_transport(operation, err)
  local message = tostring(err.message or err.kind or "no answer")
  -- How many milliseconds it took differs each time, and says nothing.
  message = message:gsub(" after %d+ m%a+", "")
  return failure.new { operation = operation, code = "ConnectionError", transport = err.kind,
    message = first_line(message) }
end

return failure
