-- Arithmetic of weights: a policy thinks in parts of 1, Envoy takes integers.

local shares = {}

-- Percent where that is exact, hundredths of a percent otherwise.
local COARSE, FINE = 100, 10000

local function index_of_largest(list)
  local largest = 1
  for i, value in ipairs(list) do
    if value > list[largest] then largest = i end
  end
  return largest
end

-- A part that is not 0 stays one, however small it is; who has most gives it.
local function keep_small(result, parts)
  for i, part in ipairs(parts) do
    local largest = part > 0 and result[i] == 0 and index_of_largest(result)
    if largest and result[largest] > 1 then
      result[i], result[largest] = 1, result[largest] - 1
    end
  end
end

---Integers that sum up to `total`, in proportion to `parts` (largest remainder);
---at least 1 for each part that is not 0.
---@param parts number[] not negative, not all 0
---@param total integer
---@return integer[]
function shares.round(parts, total)
  local sum, given = 0, 0
  for _, part in ipairs(parts) do sum = sum + part end
  local result, order = {}, {}
  for i, part in ipairs(parts) do
    local exact = part / sum * total
    result[i] = math.floor(exact + 1e-9)
    order[i] = { index = i, rest = exact - result[i] }
    given = given + result[i]
  end
  table.sort(order, function(a, b) return a.rest > b.rest + 1e-9 end)
  for i = 1, total - given do
    local index = order[(i - 1) % #order + 1].index
    result[index] = result[index] + 1
  end
  keep_small(result, parts)
  return result
end

---The parts of entries that share something by their weights: equal ones where
---no entry has a weight.
---@param entries nightjar.Entry[]
---@param weight_of fun(entry: nightjar.Entry): integer
---@return integer[]
function shares.by_weight(entries, weight_of)
  local parts, sum = {}, 0
  for i, entry in ipairs(entries) do
    parts[i] = weight_of(entry)
    sum = sum + parts[i]
  end
  if sum == 0 then
    for i in ipairs(parts) do parts[i] = 1 end
  end
  return parts
end

local function is_coarse(parts, sum)
  for _, part in ipairs(parts) do
    local percent = part / sum * COARSE
    local whole = math.floor(percent + 0.5)
    if math.abs(percent - whole) > 1e-6 or whole == 0 and part > 0 then return false end
  end
  return true
end

local function is_as_before(entries, parts, sum)
  local total = 0
  for _, entry in ipairs(entries) do total = total + entry.weight end
  for i, entry in ipairs(entries) do
    if total == 0 or math.abs(parts[i] / sum - entry.weight / total) > 1e-9
      or entry.weight == 0 and parts[i] > 0 then
      return false
    end
  end
  return true
end

---Gives the entries weights in proportion to `parts`. Where they have that
---proportion already, their weights stay.
---@param entries nightjar.Entry[]
---@param parts number[] as many
function shares.set(entries, parts)
  local sum = 0
  for _, part in ipairs(parts) do sum = sum + part end
  if sum <= 0 or is_as_before(entries, parts, sum) then return end
  local weights = shares.round(parts, is_coarse(parts, sum) and COARSE or FINE)
  for i, entry in ipairs(entries) do entry.weight = weights[i] end
end

-- Whether traffic would go from colors that can answer to those alone that cannot.
local function loses_all(group, parts, able)
  local could = false
  for _, entry in ipairs(group.entries) do
    if able(entry) and parts[entry] > 0 then return false end
    could = could or able(entry) and entry.weight > 0
  end
  return could
end

---Moves weight within one service of a route: the wanted entries get their part
---of what the service has, the others share the rest as they did before.
---@param route nightjar.Route
---@param group { entries: nightjar.Entry[], total: integer } of walk.services
---@param wanted table<nightjar.Entry, number> part of 1 by entry, together at most 1
---@param able? fun(entry: nightjar.Entry): boolean of walk.able: who can answer; nil: everybody
---@param rest_reason? string what to say of the others where their weights change
---@return boolean moved false when nobody is there to take the rest
---@return string? reason why nothing was moved
function shares.give(route, group, wanted, able, rest_reason)
  local taken, rest = 0, 0
  for _, entry in ipairs(group.entries) do
    if wanted[entry] then taken = taken + wanted[entry] else rest = rest + entry.weight end
  end
  if taken < 1 - 1e-9 and rest == 0 then return false, "no other color has a weight" end
  -- What is left by the noise of fractions is nothing, and becomes no weight.
  local of_group, left = {}, taken < 1 - 1e-9 and 1 - taken or 0
  for _, entry in ipairs(group.entries) do
    of_group[entry] = wanted[entry] or rest > 0 and left * entry.weight / rest or 0
  end
  if able and loses_all(group, of_group, able) then
    return false, "no color that would get the traffic has a usable endpoint"
  end
  local parts, before = {}, {}
  for i, entry in ipairs(route.clusters) do
    parts[i] = of_group[entry] and of_group[entry] * group.total or entry.weight
    before[entry] = entry.weight
  end
  shares.set(route.clusters, parts)
  for _, entry in ipairs(group.entries) do
    if rest_reason and not wanted[entry] and entry.weight ~= before[entry] then
      table.insert(entry.why, rest_reason)
    end
  end
  return true
end

---Keeps entries at or below their most; what they may not have goes to the
---others in proportion of their weights.
---@param route nightjar.Route
---@param group { entries: nightjar.Entry[], total: integer } of walk.services
---@param most table<nightjar.Entry, number> part of 1 by entry
---@param able? fun(entry: nightjar.Entry): boolean as for `give`
---@param rest_reason? string as for `give`
---@return table<nightjar.Entry, boolean>? limited those that were held back; nil when none was
---@return string? reason why nobody was, where somebody has more than his most
function shares.limit(route, group, most, able, rest_reason)
  if group.total == 0 then return nil end
  local limited, any = {}, false
  -- Each round may push another entry over its own limit.
  for _ = 1, #group.entries do
    local held, free = 0, 0
    for _, entry in ipairs(group.entries) do
      if limited[entry] then held = held + most[entry] else free = free + entry.weight end
    end
    local more = false
    for _, entry in ipairs(group.entries) do
      local part = free > 0 and entry.weight / free * (1 - held) or 0
      if not limited[entry] and most[entry] and part > most[entry] + 1e-9 then
        limited[entry], more, any = true, true, true
      end
    end
    if not more then break end
  end
  if not any then return nil end
  local wanted = {}
  for _, entry in ipairs(group.entries) do wanted[entry] = limited[entry] and most[entry] end
  local moved, reason = shares.give(route, group, wanted, able, rest_reason)
  return moved and limited or nil, reason
end

return shares
