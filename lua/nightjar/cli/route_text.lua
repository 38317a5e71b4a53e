-- What a route says besides its weights, in lines for a person.

local route_text = {}

local function number(value)
  return ("%.14g"):format(value)
end

local function seconds(value)
  return value == 0 and "no limit" or number(value) .. " s"
end

-- For how long a client keeps a cookie.
local function lasting(ttl)
  return ttl == 0 and "for the session" or ("for %d s"):format(ttl)
end

local function hash_line(hash)
  local names = {}
  for i, item in ipairs(hash) do
    names[i] = item.header and "header " .. item.header
      or ("cookie %s (%s)"):format(item.cookie, lasting(item.ttl))
  end
  return "the choice follows " .. table.concat(names, ", else ")
end

local function retries_line(retries)
  local each = retries.per_try_timeout
  return ("retries %d on %s%s"):format(retries.count, table.concat(retries.on, ", "),
    each and (", each within %s"):format(seconds(each)) or "")
end

---@param cookie table { name, value, ttl } of a cluster in a route
---@return string
function route_text.cookie(cookie)
  return ("sets cookie %s=%s %s"):format(cookie.name, cookie.value, lasting(cookie.ttl))
end

---@param route table of a plan
---@return string[] lines
function route_text.lines(route)
  local lines = {}
  if route.hash then lines[1] = hash_line(route.hash) end
  for _, mirror in ipairs(route.mirrors or {}) do
    lines[#lines + 1] = ("mirrors %s %% to %s"):format(number(mirror.percent), mirror.cluster)
  end
  local limits = {}
  if route.timeout then limits[1] = "timeout " .. seconds(route.timeout) end
  if route.idle_timeout then
    limits[#limits + 1] = "idle timeout " .. seconds(route.idle_timeout)
  end
  if route.retries then limits[#limits + 1] = retries_line(route.retries) end
  if #limits > 0 then lines[#lines + 1] = table.concat(limits, "; ") end
  return lines
end

return route_text
