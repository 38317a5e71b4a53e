--- AWS JSON 1.1: an object in the body, the operation in a header.
---
--- Source: "AWS JSON 1.1 protocol" in the Smithy documentation.
local failure = require "nightjar.agent.aws.failure"
local json = require "host.json"

local protocol = {}

-- A thousand instances with thirty attributes of a kibibyte each.
protocol.MAX_ANSWER = 64 * 1024 * 1024

---@class AwsProtocol
---@field write fun(operation: string, input: table): string?, table|string, table?  body, headers,
---  and {method, path} where it is no POST to the endpoint itself; or nil and why the input cannot
---  be sent
---@field read fun(operation: string, response: table): table?, Failure?
---@field accepts table<integer, true>?  statuses beside 200 that `read` reads

--- The protocol for a service whose operations are named `PREFIX.Operation`.
---@param prefix string
---@return AwsProtocol
function protocol.new(prefix)
  local self = {}

  function self.write(operation, input)
    local body, err = json.encode(input)
    if not body then return nil, err end
    return body, { { "Content-Type", "application/x-amz-json-1.1" },
      { "X-Amz-Target", prefix .. "." .. operation } }
  end

  -- What a 200 holds, or why it cannot be used: a proxy's page, or half of an answer.
  function self.read(operation, response)
    local output, err = json.decode(response.body, { max_bytes = protocol.MAX_ANSWER })
    if type(output) == "table" and not json.is_array(output) then return output end
    return nil, failure.new { operation = operation, status = response.status,
      code = "UnreadableResponse", message = err or "expected a JSON object",
      request_id = response.headers["x-amzn-requestid"] }
  end

  return self
end

return protocol
