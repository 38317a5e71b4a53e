--- Amazon resource names and the ids that Cloud Map writes in them.
local messages = require "nightjar.text"

local arn = {}

---@class Arn
---@field partition string  "aws", "aws-cn", "aws-us-gov", …
---@field service string
---@field region string
---@field account string
---@field kind string  what stands before the slash: "service" or "namespace"
---@field id string

--- Takes an ARN apart; nil when the text is none.
---@param text string
---@return Arn?
function arn.parse(text)
  local partition, service, region, account, kind, id =
    text:match("^arn:(aws[%w-]*):([%w-]+):([%w-]*):(%d*):([%w-]+)/([^/%s]+)$")
  if not partition then return nil end
  return { partition = partition, service = service, region = region, account = account,
    kind = kind, id = id }
end

--- The ARN of another Cloud Map resource of the same partition and region.
---@param base Arn
---@param kind string
---@param id string
---@param account string?  the account it belongs to; that of `base` if nil
---@return string
function arn.sibling(base, kind, id, account)
  return ("arn:%s:%s:%s:%s:%s/%s"):format(base.partition, base.service, base.region,
    account or base.account, kind, id)
end

-- As it was given, whole as a rule: ARNs are longer than what other messages quote.
local function quote(given)
  return '"' .. messages.clean(given, 300) .. '"'
end

---@class Reference
---@field given string  as the operator wrote it
---@field name string?  a name to be looked up
---@field id string?
---@field arn string?  kept whole: only the ARN names what another account shares
---@field parsed Arn?

--- What an operator's reference to a namespace or service means.
---
--- A namespace may be given by name, `id:ns-…`, bare id or ARN; a service by id or ARN.
---@param text string
---@param kind "namespace"|"service"
---@return Reference?
---@return string? err
function arn.reference(text, kind)
  local given = messages.trim(text)
  if given:sub(1, 4) == "arn:" then
    local parsed = arn.parse(given)
    if not parsed or parsed.service ~= "servicediscovery" or parsed.kind ~= kind then
      return nil, ("expected the ARN of a Cloud Map %s, got %s"):format(kind, quote(given))
    end
    return { given = given, arn = given, id = parsed.id, parsed = parsed }
  end
  local id = given:match("^[iI][dD]:%s*(%S+)$")
  if id and id:sub(1, 4) == "arn:" then return arn.reference(id, kind) end
  local prefix = kind == "service" and "^srv%-[%w]+$" or "^ns%-[%w]+$"
  if id or given:find(prefix) then return { given = given, id = id or given } end
  if kind == "service" or given == "" then
    return nil, ("expected the id or ARN of a Cloud Map %s, got %s"):format(kind, quote(given))
  end
  return { given = given, name = given }
end

return arn
