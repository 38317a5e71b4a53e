-- Judges a measured split against the wanted one by what chance allows: Envoy draws a cluster for
-- each request, so the number that one gets is binomial. Five deviations are passed once in two
-- million looks; a fixed number of points either flakes or says little.

local DEVIATIONS = 5

local share = {}

---How far a measured share may lie from the wanted one.
---@param wanted number 0..1
---@param count integer requests
---@return number
function share.tolerance(wanted, count)
  return DEVIATIONS * math.sqrt(wanted * (1 - wanted) / count)
end

-- "blue 53, green 47", for whoever wonders what came instead.
local function listed(seen)
  local parts = {}
  for name, number in pairs(seen) do
    parts[#parts + 1] = ("%s %d"):format(name:gsub("%s+$", ""), number)
  end
  table.sort(parts)
  return table.concat(parts, ", ")
end

---Nil when the split is as wanted and nobody else answered, else what is wrong.
---@param wanted table<string, number> share by name
---@param seen table<string, integer> answers by name
---@param count integer requests
---@return string? fault
function share.fault(wanted, seen, count)
  local expected = 0
  for name, part in pairs(wanted) do
    local measured = (seen[name] or 0) / count
    if math.abs(measured - part) > share.tolerance(part, count) then
      return ("%s: wanted %.3f ± %.3f, measured %.3f of %d requests: %s"):format(name, part,
        share.tolerance(part, count), measured, count, listed(seen))
    end
    expected = expected + (seen[name] or 0)
  end
  if expected ~= count then
    return ("%d of %d answers came from elsewhere: %s"):format(count - expected, count,
      listed(seen))
  end
end

return share
