-- Collects warnings: what was skipped or mended, and where, while everything
-- else goes on (BEHAVIOUR, defect 7).

local warnings = {}

-- A mesh of thousands of broken instances says so in a thousand lines, not more.
local MOST = 1000

---@class Warnings
---@field list table[] { code, message, mesh?, service?, attribute?, instance?, … }
---@field more integer warnings beyond the limit
local Warnings = {}
Warnings.__index = Warnings

---@return Warnings
function warnings.new()
  return setmetatable({ list = {}, more = 0 }, Warnings)
end

---Adds one warning.
---@param code string what kind, for metrics: `bad_weight`
---@param message string one sentence that names service and attribute
---@param where? table fields to add: mesh, service, attribute, instance, path, policy
function Warnings:add(code, message, where)
  if #self.list >= MOST then
    self.more = self.more + 1
    return
  end
  local warning = {}
  for key, value in next, where or {} do warning[key] = value end
  warning.code, warning.message = code, message
  self.list[#self.list + 1] = warning
end

---The warnings so far, in the order in which they were found.
---@return table[]
function Warnings:all()
  if self.more == 0 then return self.list end
  local list = table.move(self.list, 1, #self.list, 1, {})
  list[#list + 1] = {
    code = "more_warnings",
    message = ("%d more warnings are not listed"):format(self.more),
  }
  return list
end

return warnings
