--- AWS JSON 1.1: an object in the body, the operation in a header.
---
--- Source: "AWS JSON 1.1 protocol" in the Smithy documentation.
local failure = require "nightjar.agent.aws.failure"
local json = require "host.json"

local protocol = {}

-- A thousand instances with thirty attributes of a kibibyte each.
protocol.MAX_ANSWER = 64 * 1024 * 1024
local LIMITS = { max_bytes = protocol.MAX_ANSWER }

--- In place of an answer that says the same as the one whose fingerprint the caller has given.
protocol.KNOWN = {}

---@class AwsProtocol
---@field write fun(operation: string, input: table): string?, table|string, table?  body, headers,
---  and {method, path} where it is no POST to the endpoint itself; or nil and why the input cannot
---  be sent
---@field read fun(operation: string, response: table, known: string|false|nil): table?, any  what
---  the answer says, and its fingerprint where `known` is given (see CallOptions); or nil and a
---  Failure
---@field accepts table<integer, true>?  statuses beside 200 that `read` reads

--- The protocol for a service whose operations are named `PREFIX.Operation`.
---@param prefix string
---@return AwsProtocol
function protocol.new(prefix)
  local self, headers = {}, {}

  -- One list for each operation, which nobody changes: there are thousands of calls.
  local function headers_of(operation)
    local list = headers[operation]
    if not list then
      list = { { "Content-Type", "application/x-amz-json-1.1" },
        { "X-Amz-Target", prefix .. "." .. operation } }
      headers[operation] = list
    end
    return list
  end

  function self.write(operation, input)
    local body, err = json.encode(input)
    if not body then return nil, err end
    return body, headers_of(operation)
  end

  -- What a 200 holds, or why it cannot be used: a proxy's page, or half of an answer. Most answers
  -- are known, and host.http has seen that before they came here.
  function self.read(operation, response, known)
    if response.known then return protocol.KNOWN, known end
    local fingerprint
    if known ~= nil then
      fingerprint = json.fingerprint(response.body, LIMITS, known or nil)
    end
    if fingerprint and fingerprint == known then return protocol.KNOWN, fingerprint end
    local output, err = json.decode(response.body, LIMITS)
    if type(output) == "table" and not json.is_array(output) then return output, fingerprint end
    return nil, failure.new { operation = operation, status = response.status,
      code = "UnreadableResponse", message = err or "expected a JSON object",
      request_id = response.headers["x-amzn-requestid"] }
  end

  return self
end

return protocol
