-- A mesh that changes at random, always so that `/web` can be served: for the spec of a thousand
-- generations. The same seed gives the same changes.

local churn = {}
churn.__index = churn

local COLORS = { "blue", "green", "red", "grey" }
local SERVICES = { "shop", "cart", "stock", "mail" }

---@param seed integer
---@param ports integer[] of backends that never end
function churn.new(seed, ports)
  local self = setmetatable({ state = seed, ports = ports, colors = {}, services = {}, count = 0,
    timeout = 60, extra = false }, churn)
  self.colors.blue = { weight = 50, ports = { ports[1] } }
  return self
end

-- A generator of its own: that of the process is seeded anew in each run.
function churn:random(most)
  self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
  return (self.state >> 33) % most + 1
end

function churn:pick(list)
  return list[self:random(#list)]
end

-- Colors that may go, or be emptied, without leaving /web alone.
local function served(self)
  local count = 0
  for _, color in pairs(self.colors) do
    count = count + (#color.ports > 0 and color.weight > 0 and 1 or 0)
  end
  return count
end

-- Each changes something, or returns false.
local changes = {
  function(self) -- a weight
    local color = self.colors[self:pick(COLORS)]
    if not color then return false end
    local old = color.weight
    color.weight = self:random(100)
    return color.weight ~= old
  end,
  function(self) -- an endpoint more
    local color = self.colors[self:pick(COLORS)]
    if not color or #color.ports >= 4 then return false end
    local port = self:pick(self.ports)
    for _, one in ipairs(color.ports) do
      if one == port then return false end
    end
    color.ports[#color.ports + 1] = port
    return true
  end,
  function(self) -- an endpoint less; the last one empties a color
    local color = self.colors[self:pick(COLORS)]
    if not color or #color.ports == 0 or #color.ports == 1 and served(self) < 2 then
      return false
    end
    table.remove(color.ports, self:random(#color.ports))
    return true
  end,
  function(self) -- a color comes or goes
    local name = self:pick(COLORS)
    if not self.colors[name] then
      self.colors[name] = { weight = self:random(100), ports = { self:pick(self.ports) } }
      return true
    elseif #self.colors[name].ports > 0 and served(self) < 2 then
      return false
    end
    self.colors[name] = nil
    return true
  end,
  function(self) -- a service comes or goes
    local name = self:pick(SERVICES)
    self.services[name] = not self.services[name] and { self:pick(self.ports) } or nil
    return true
  end,
}

---Change something; every 50th time a template, every 40th a listener.
---@return string kind
function churn:step()
  self.count = self.count + 1
  if self.count % 50 == 0 then
    self.timeout = 60 + self.count // 50 % 2
    return "template"
  elseif self.count % 40 == 0 then
    self.extra = not self.extra
    return "listener"
  end
  repeat until changes[self:random(#changes)](self)
  return "mesh"
end

---The services of the mesh now, made with `service(name, weights, ports)`.
function churn:mesh(service)
  local list = {}
  for _, name in ipairs(COLORS) do
    local color = self.colors[name]
    if color then
      list[#list + 1] = service("web-" .. name, { ["/web"] = color.weight }, color.ports)
    end
  end
  for _, name in ipairs(SERVICES) do
    if self.services[name] then
      list[#list + 1] = service(name .. "-blue", { ["/" .. name] = 1 }, self.services[name])
    end
  end
  return list
end

return churn
