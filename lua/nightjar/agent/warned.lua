-- The warnings of the plan in the log: each once, and once more when it is over.

local log = require("nightjar.log")
local staleness = require("nightjar.agent.staleness")

local warned = {}
warned.__index = warned

---@param counts { warnings: integer } of the pass: gets one more for each line
---@return table warned
function warned.new(counts)
  return setmetatable({ counts = counts, told = {},
    ended = function() end, -- a code whose end was told; agent/agent.lua has the log forget it
  }, warned)
end

---Log each warning once, and once more when it is over; but one line says all of what is stale
---(agent/staleness.lua).
---@param list table[] { code, message, mesh?, service? } of this pass
function warned:look(list)
  local now = {}
  for _, warning in ipairs(list) do
    local key = table.concat({ warning.code, warning.mesh or "", warning.service or "",
      warning.message }, "\0")
    local own = not staleness.codes[warning.code]
    now[key] = own and warning or nil
    if own and not self.told[key] then
      self.counts.warnings = self.counts.warnings + 1
      log.warn(warning.code, warning)
    end
  end
  for key, warning in pairs(self.told) do
    if not now[key] then
      log.info("resolved", warning)
      self.ended(warning.code)
    end
  end
  self.told = now
end

return warned
