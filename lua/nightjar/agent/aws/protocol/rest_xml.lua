--- The part of AWS's REST protocol that S3's objects need: the operation is a method and a path.
---
--- Sources: "AWS restXml protocol" in the Smithy documentation; GetObject, HeadObject and PutObject
--- in the Amazon S3 API reference.
local protocol = {}

local METHODS = { GetObject = "GET", HeadObject = "HEAD", PutObject = "PUT" }

-- An answer to If-None-Match is no error; its headers are what was asked for. All other refusals
-- are XML with a code, which aws/failure.lua reads.
protocol.accepts = { [304] = true }

-- A path as S3 signs it: each byte encoded once but for RFC 3986's unreserved ones and the slash.
local function escape(key)
  return (key:gsub("[^%w._~/-]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local CONDITIONS = { { "if_match", "If-Match" }, { "if_none_match", "If-None-Match" } }

---@class S3Input
---@field key string  an object's; any text
---@field body string?  what PutObject writes
---@field if_match string?  an ETag with its quotes
---@field if_none_match string?  an ETag with its quotes, or "*"

---@param operation "GetObject"|"HeadObject"|"PutObject"
---@param input S3Input
---@return string? body
---@return table headers
---@return {method: string, path: string} target  the path follows the slash after the address
function protocol.write(operation, input)
  local headers = {}
  for _, condition in ipairs(CONDITIONS) do
    local value = input[condition[1]]
    if value then headers[#headers + 1] = { condition[2], value } end
  end
  if input.body then headers[#headers + 1] = { "Content-Type", "application/json" } end
  return input.body, headers, { method = assert(METHODS[operation], operation),
    path = escape(input.key) }
end

--- What an answer says, as it stands: who asked knows what it must be.
---@param response table
---@return {status: integer, headers: table<string, string>, body: string}
function protocol.read(_, response)
  return { status = response.status, headers = response.headers, body = response.body or "" }
end

return protocol
