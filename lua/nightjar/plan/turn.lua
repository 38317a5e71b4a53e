-- A turn of a pass: one policy, or one file of a template. Each may use all that the limits allow,
-- so that a large mesh with many policies may take long, while an endless loop may not.

local turn = {}

---Begins a turn: what is used is counted anew. When a limit is passed in code of ours, such as the
---check of what a policy returned, the file that made the work is named. Between the turns nothing
---of other people's runs, and only processor time is limited: counting instructions costs a fifth.
---@param position? table { begin?, file, line } as nightjar-plan gives it to main.answer
---@param file? string `policies/weights.lua`; nil between the turns of other people
---@param line? integer
function turn.begin(position, file, line)
  if not position then return end
  if position.begin then position.begin(file ~= nil) end
  position.file, position.line = file, line
end

return turn
