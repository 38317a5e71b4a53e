-- Parts the values of a condition into groups, each for one regular expression.
--
-- Tried in Envoy 1.40: without a runtime layer in its bootstrap it refuses an expression whose RE2
-- program has more than 100 instructions, which an alternative of literals reaches at some 100
-- bytes. So many values become several matchers, and none depends on the bootstrap.

local value_groups = {}

local SPECIAL = "[%^%$%(%)%%%.%[%]%*%+%-%?{}|\\]"

local MOST = 90 -- bytes of values, and one for each alternative

---@param values string[]
---@return string[][] groups in the order of the values; one that is too long stands alone
function value_groups.split(values)
  local groups, size = {}, MOST
  for _, value in ipairs(values) do
    size = size + #value + 1
    if size > MOST then groups[#groups + 1], size = {}, #value + 1 end
    table.insert(groups[#groups], value)
  end
  return groups
end

---@param group string[]
---@return string regex matches exactly these values
function value_groups.regex(group)
  local quoted = {}
  for i, value in ipairs(group) do quoted[i] = value:gsub(SPECIAL, "\\%0") end
  return table.concat(quoted, "|")
end

return value_groups
