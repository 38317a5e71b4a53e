-- What several targets hold of every text.
local json = require("host.json")

local claim = {}

---A function that took the text has its result, or nil and one line that says why.
---@param value any
---@param err any
function claim.told(value, err)
  if value ~= nil then return end
  assert(type(err) == "string" and err ~= "", "a refusal says why")
  assert(not err:find("%c"), ("a message is one line: %q"):format(err))
  assert(utf8.len(err), ("a message is UTF-8: %q"):format(err))
end

---All texts in a value are UTF-8.
---@param value any
function claim.utf8(value)
  if type(value) == "string" then
    assert(utf8.len(value), ("what comes out is UTF-8: %q"):format(value))
  elseif type(value) == "table" then
    for key, element in pairs(value) do
      claim.utf8(key)
      claim.utf8(element)
    end
  end
end

---What JSON is when it is read and written.
---@param written string
---@return string
function claim.again(written)
  local value, err = json.decode(written)
  assert(value ~= nil, err)
  return assert(json.encode(value))
end

return claim
