--- AWS's query protocol: a form goes out; XML comes back, or JSON where the endpoint has it.
---
--- Source: "AWS query protocol" in the Smithy documentation.
local failure = require "nightjar.agent.aws.failure"
local json = require "host.json"
local xml = require "nightjar.agent.aws.xml"

local protocol = {}

-- RFC 3986, 2.3: all but the unreserved characters.
local function escape(value)
  return (tostring(value):gsub("[^%w._~-]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

local function form(values)
  local names, fields = {}, {}
  for name in pairs(values) do names[#names + 1] = name end
  table.sort(names)
  for position, name in ipairs(names) do
    fields[position] = escape(name) .. "=" .. escape(values[name])
  end
  return table.concat(fields, "&")
end

local function decode(body)
  if body:find("^%s*{") then return json.decode(body) end
  return xml.decode(body)
end

--- The protocol for one version of an API.
---@param version string  "2011-06-15"
---@return AwsProtocol
function protocol.new(version)
  local self = {}

  function self.write(operation, input)
    local values = { Action = operation, Version = version }
    for name, value in pairs(input) do values[name] = value end
    return form(values), { { "Accept", "application/json" },
      { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" } }
  end

  function self.read(operation, response)
    local value, err = decode(response.body)
    local output = type(value) == "table" and value[operation .. "Response"]
    if type(output) == "table" then return output end
    return nil, failure.new { operation = operation, status = response.status,
      code = "UnreadableResponse", message = err or "expected " .. operation .. "Response",
      request_id = response.headers["x-amzn-requestid"] }
  end

  return self
end

return protocol
