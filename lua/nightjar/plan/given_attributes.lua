-- Attributes that the configuration gives in the place of Cloud Map:
--
--   policies:
--     canary_ramp:
--       attributes:
--         shop-green: { RAMP_START: 2026-11-26T10:00:00Z }
--
-- For the time that the policy runs they stand among the service's attributes, so
-- that a policy need not know where an attribute comes from. What Cloud Map says
-- wins: it is what people change while everything runs.

local nearest = require("nightjar.nearest")
local sorted = require("nightjar.plan.sorted")
local text = require("nightjar.text")

local given_attributes = {}

local function as_text(value)
  if type(value) == "string" then return value end
  if math.type(value) == "integer" or type(value) == "boolean" then return tostring(value) end
  if math.type(value) == "float" then return ("%.14g"):format(value) end
end

-- Whether a policy reads a key: `TIMEOUT`, or `TIMEOUT:/shop` where it is one for paths.
local function is_declared(declared, key)
  if declared[key] then return true end
  local name = type(key) == "string" and key:match("^([%u%d_]+):/")
  return name and declared[name] and declared[name].path or false
end

local function read_service(declared, values, place)
  if type(values) ~= "table" then
    return nil, ("%s: expected attributes, got %s"):format(place, text.show(values)), place
  end
  local result = {}
  for key, value in sorted.pairs(values) do
    local here = ("%s.%s"):format(place, text.clean(tostring(key), 255))
    if not is_declared(declared, key) then
      return nil, ("%s: unknown attribute%s"):format(here, nearest.hint(tostring(key),
        sorted.keys(declared))), here
    end
    result[key] = as_text(value)
    if not result[key] or #result[key] > 8192 then
      return nil, ("%s: expected text or a number, got %s"):format(here, text.show(value)), here
    end
  end
  return result
end

---Reads what the configuration gives.
---@param declared table<string, table> the policy's own `attributes`
---@param given any a table from names in Cloud Map to attributes; nil for nothing
---@return table<string, table<string, string>>? by_service nil without a message: nothing is given
---@return string? message
---@return string? path
function given_attributes.read(declared, given)
  if given == nil then return nil end
  if type(given) ~= "table" then
    return nil, "attributes: expected a table of services, got " .. text.show(given), "attributes"
  end
  local by_service = {}
  for name, values in sorted.pairs(given) do
    local place = "attributes." .. text.clean(tostring(name), 255)
    local result, message, path = read_service(declared, values, place)
    if not result then return nil, message, path end
    by_service[name] = result
  end
  return by_service
end

local function lay_over(cluster, values)
  local merged = {}
  for key, value in next, values do merged[key] = value end
  for key, value in next, cluster.attributes do merged[key] = value end
  return merged
end

---Puts them among the attributes of the mesh.
---@param mesh table
---@param by_service table<string, table<string, string>>
---@return table<string, table> own the attributes as they were, by cluster, for `take_back`
---@return string[] unknown services that are not there: `shop-gren: no such service; …`
function given_attributes.lay(mesh, by_service)
  local own, unknown, names = {}, {}, {}
  for _, cluster in ipairs(mesh.clusters) do
    local name = cluster.cloudmap_service
    local values = by_service[name .. "@" .. cluster.mesh] or by_service[name]
    names[name], names[name .. "@" .. cluster.mesh] = true, true
    if values then
      own[cluster.name] = cluster.attributes
      cluster.attributes = lay_over(cluster, values)
    end
  end
  for name in sorted.pairs(by_service) do
    if not names[name] then
      unknown[#unknown + 1] = text.clean(name, 255) .. ": no such service"
        .. nearest.hint(name, sorted.keys(names))
    end
  end
  return own, unknown
end

---@param mesh table what the policy returned
---@param own table<string, table>
function given_attributes.take_back(mesh, own)
  for _, cluster in ipairs(mesh.clusters) do
    cluster.attributes = own[cluster.name] or cluster.attributes
  end
end

return given_attributes
