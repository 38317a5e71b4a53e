-- Random snapshots as Cloud Map could give them, with the attributes that the shipped policies
-- read: mostly right values, some wrong ones. And random lists of the shipped policies.

local build = require("spec.support.mesh")

local random_mesh = {}

---Random numbers that are the same on every machine.
---@param seed integer
---@return fun(n: integer): integer random from 1 to n
function random_mesh.generator(seed)
  local state = seed * 2654435761 + 1
  return function(n)
    state = state * 6364136223846793005 + 1442695040888963407
    return ((state >> 33) % n) + 1
  end
end

local GROUPS = { "shop", "cart", "api", "web" }
local COLORS = { "blue", "green", "red" }
local KEYS = { "/", "/a", "/a/b", "/b", "?/a", "?/p", "*", "[private]/c", "[public]/c", "/x?y" }
local WEIGHTS = { "0", "1", "5", "50", "90", "100", "65535", "-1", "1.5", "x" }
local WRONG = { "", "x", "-1", "200%", "a\nb", "{{x}}", "yes, no; =", "2023-99-99T00:00:00Z", "[" }

-- What makes sense as an attribute's value; those not named here get 1 or "yes".
local VALUES = {
  ACCESS = { "*", "other.local", "gateway", "own.local, other.local" },
  ACTIVE_COLOR = COLORS, CAPACITY_FACTOR = { "1", "1.5", "10" },
  COLOR_COOKIE = { "yes" }, DAMPING = { "30s", "2m", "1h" },
  DRAIN_UNTIL = { "2023-11-14T22:00:00Z", "2023-11-14T23:00:00Z" },
  FAILOVER = { "color:green", "green", "mesh:other.local", "zone:zone-a",
    "color:red, mesh:own.local" },
  FREEZE = { "yes" }, HEADER_ROUTE = { "x-beta=yes", "cookie:beta=1", "x-a" },
  HEALTH_GATE = { "1", "3", "80%" }, IDLE_TIMEOUT = { "60s" }, MIN_ENDPOINTS = { "2", "50%" },
  MIRROR = { "10", "0.5", "100" }, PER_TRY_TIMEOUT = { "1s" }, RAMP_DURATION = { "2h" },
  RAMP_INTERVAL = { "10m" }, RAMP_START = { "2023-11-14T21:00:00Z", "2023-11-14T22:10:00Z" },
  RAMP_STEPS = { "1, 5, 25, 100" }, RAMP_TO = { "50" }, RETRIES = { "2" },
  RETRY_ON = { "connect-failure, 5xx" },
  SCHEDULE = { "Mon-Fri 09:00-23:00 = 50", "Tue 00:00-24:00 = 0" },
  STICKY = { "cookie", "cookie:c:1h", "header:x-user" }, TENANTS = { "acme, globex", "initech" },
  TEST_TRAFFIC = { "yes" }, TIMEOUT = { "5s", "0" }, ZONE_AWARE = { "yes" },
}

local Maker = {}
Maker.__index = Maker

local function one(self, list)
  return list[self.random(#list)]
end

-- One attribute of a policy: of a path, too, where the policy reads it so.
function Maker:policy_attribute(into)
  local name = one(self, self.names)
  local value = one(self, self.random(6) == 1 and WRONG or VALUES[name] or { "1", "yes" })
  local path = self.declared[name].path and self.random(3) == 1 and ":/a" or ""
  into[name .. path] = value
end

function Maker:instance(number)
  return build.instance(number, {
    health = one(self, { "HEALTHY", "HEALTHY", "UNHEALTHY", "UNKNOWN" }),
    since = build.NOW - self.random(4000), health_since = build.NOW - self.random(100),
    AVAILABILITY_ZONE = one(self, { "zone-a", "zone-b", "" }) })
end

function Maker:service(group, color)
  local attributes, instances, since = { SERVICE = group, COLOR = color }, {}, {}
  for _ = 1, self.random(4) do
    local key = one(self, KEYS)
    attributes[key], since[key] = one(self, WEIGHTS), build.NOW - self.random(1000)
  end
  attributes["/a"] = attributes["/a"] or "50"
  for _ = 1, self.random(4) - 1 do self:policy_attribute(attributes) end
  for i = 1, self.random(5) - 1 do instances[i] = self:instance(i) end
  return build.service(group .. "-" .. color, attributes, instances, { since = since })
end

function Maker:services()
  local list = {}
  for _, group in ipairs(GROUPS) do
    for _, color in ipairs(COLORS) do
      if self.random(2) == 1 then list[#list + 1] = self:service(group, color) end
    end
  end
  return list
end

function Maker:snapshot()
  local meshes = { build.namespace("own", "own.local", 8080, self:services()) }
  if self.random(2) == 1 then
    meshes[2] = build.namespace("NAMESPACE_0", "other.local", 8081, self:services())
  end
  return build.snapshot(meshes, self.random(3) > 1 and "shop-blue" or nil)
end

---@param seed integer
---@param declared table<string, table> attributes that policies declare, by name
---@return table maker `snapshot()`, `random`
function random_mesh.new(seed, declared)
  local names = {}
  for name in pairs(declared) do names[#names + 1] = name end
  table.sort(names)
  return setmetatable({ random = random_mesh.generator(seed), declared = declared, names = names },
    Maker)
end

---The same list in another order.
function random_mesh.shuffled(random, list)
  local result = table.move(list, 1, #list, 1, {})
  for i = #result, 2, -1 do
    local j = random(i)
    result[i], result[j] = result[j], result[i]
  end
  return result
end

---Some of a list's elements, one at least, in another order.
function random_mesh.some(random, list)
  local result = random_mesh.shuffled(random, list)
  for i = #result, random(#result) + 1, -1 do result[i] = nil end
  return result
end

---@param policies table[] loaded by plan/policy_folder.lua
---@return table<string, table> declared
function random_mesh.declared(policies)
  local declared = {}
  for _, policy in ipairs(policies) do
    for name, attribute in pairs(policy.record.attributes or {}) do declared[name] = attribute end
  end
  return declared
end

return random_mesh
