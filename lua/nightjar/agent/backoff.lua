-- Pauses between starts: exponential, with jitter so that a fleet does not beat in time, and short
-- again after a quiet minute.

local backoff = {}
backoff.__index = backoff

local FIRST, LONGEST = 0.5, 30 -- seconds
local QUIET = 60               -- seconds of life after which earlier deaths are forgotten

---@param random? fun(): number from 0 to 1; math.random if not given
---@return table backoff `deaths`: in a row
function backoff.new(random)
  return setmetatable({ deaths = 0, random = random or math.random }, backoff)
end

---One more death.
---@param lived number seconds since its start
---@return number seconds until the next start: from half of the longest pause to the whole of it
---@return integer deaths in a row, this one included
function backoff:pause(lived)
  if lived > QUIET then
    self.deaths = 0
  end
  local longest = math.min(FIRST * 2 ^ self.deaths, LONGEST)
  self.deaths = self.deaths + 1
  return longest * (0.5 + self.random() / 2), self.deaths
end

return backoff
