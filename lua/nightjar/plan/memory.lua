-- Gives back memory where much was left behind, so that what is needed at once, not what was
-- needed before it, is what a plan takes.

local memory = {}

local WORTH_COLLECTING <const> = 8192 -- KiB; a small mesh never gets there

---Collects garbage and gives free memory back to the system, if there may be much. Left to itself
---the collector would come when the memory has doubled.
---@param position? table `trim`, as nightjar-plan gives it to main.answer
function memory.tidy(position)
  if collectgarbage("count") < WORTH_COLLECTING then return end
  collectgarbage()
  if position and position.trim then position.trim() end
end

return memory
