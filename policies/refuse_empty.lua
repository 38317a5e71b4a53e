-- A floor under a color: when more of its endpoints vanish at once than seems
-- right, the previous ones stay. That is for mistakes: a script that deregisters
-- too much, health checks that all fail together. Envoy finds out by itself
-- which of them still answer.

local attributes = require("lib.attributes")
local in_force = require("lib.in_force")
local parse = require("lib.parse")
local text = require("lib.text")
local walk = require("lib.walk")

local function is_usable(endpoint)
  return endpoint.health ~= "unhealthy"
end

local function count(endpoints)
  local usable = 0
  for _, endpoint in ipairs(endpoints) do
    if is_usable(endpoint) then usable = usable + 1 end
  end
  return usable
end

-- Of the endpoints in force those that are missing now, and not for too long.
local function missing(cluster, before, seconds, now)
  local present, list = {}, {}
  for _, endpoint in ipairs(cluster.endpoints) do
    if is_usable(endpoint) then present[in_force.place(endpoint)] = true end
  end
  for _, endpoint in ipairs(before) do
    endpoint.gone_since = endpoint.gone_since or now
    if is_usable(endpoint) and not present[in_force.place(endpoint)]
      and now - endpoint.gone_since < seconds then
      list[#list + 1] = endpoint
    end
  end
  return list
end

local function keep(mesh, cluster, kept, floor)
  local back, endpoints = in_force.by_place(kept), {}
  for _, endpoint in ipairs(cluster.endpoints) do
    if not back[in_force.place(endpoint)] then endpoints[#endpoints + 1] = endpoint end
  end
  table.insert(mesh.warnings, {
    code = "endpoints_kept", mesh = cluster.mesh, service = cluster.cloudmap_service,
    message = ("mesh %s: service %s: %d endpoints are left, %d are wanted at least; %d previous "
      .. "ones stay"):format(text.quote(cluster.mesh), text.quote(cluster.cloudmap_service),
      count(cluster.endpoints), floor, #kept),
  })
  cluster.endpoints = table.move(kept, 1, #kept, #endpoints + 1, endpoints)
end

---@param mesh nightjar.Mesh
---@param settings nightjar.Settings
---@param now integer seconds since 1970
---@param previous? nightjar.Previous what is in force
---@return nightjar.Mesh
local function apply(mesh, settings, now, previous)
  local floors, before = attributes.collect(mesh, "MIN_ENDPOINTS", parse.amount),
    in_force.endpoints(previous, mesh)
  local default = settings.min ~= "" and parse.amount.read(settings.min) or nil
  if settings.min ~= "" and not default then
    error("settings: min: expected " .. parse.amount.expected, 0)
  end
  for _, cluster in ipairs(mesh.clusters) do
    local amount, old = floors[cluster.name] or default, before[cluster.name] or {}
    local floor = amount and (amount.count or math.ceil(count(old) * amount.part - 1e-9)) or 0
    if walk.usable(cluster) < floor then
      local kept = missing(cluster, old, settings.seconds, now)
      if #kept > 0 then keep(mesh, cluster, kept, floor) end
    end
  end
  return mesh
end

local function color(min, endpoints)
  return { clusters = { { name = "blue", attributes = { MIN_ENDPOINTS = min },
    endpoints = endpoints } } }
end

local function tasks(...)
  local list = {}
  for i, number in ipairs({ ... }) do
    list[i] = { id = "t" .. number, address = "192.0.2." .. number }
  end
  return list
end

local function in_force_with(endpoints)
  return { clusters = { { name = "blue", endpoints = endpoints } } }
end

local GONE = { id = "t2", address = "192.0.2.2", gone_since = 1000 }

return {
  about = "Under a floor of endpoints the previous ones stay.",
  attributes = {
    MIN_ENDPOINTS = { about = 'the floor: "2", or "50%" of the endpoints in force' },
  },
  settings = {
    min = { type = "string", default = "", about = "MIN_ENDPOINTS of services that say nothing" },
    seconds = { type = "integer", default = 3600, min = 1, max = 31536000,
      about = "how long endpoints stay that are gone" },
  },
  apply = apply,
  examples = {
    { about = "when all are gone, the previous ones stay", now = 1000, given = color("1", {}),
      previous = in_force_with(tasks(1, 2)),
      expect = { clusters = { { endpoints = { { id = "t1", gone_since = 1000 }, { id = "t2" } } } },
        warnings = { { code = "endpoints_kept" } } } },
    { about = "above the floor what is gone is gone", now = 1000, given = color("1", tasks(1)),
      previous = in_force_with(tasks(1, 2)),
      expect = { clusters = { { endpoints = { { id = "t1" } } } }, warnings = {} } },
    { about = "a part is that of the endpoints in force", now = 1000,
      given = color("50%", tasks(1)), previous = in_force_with(tasks(1, 2, 3)),
      expect = { clusters = { { endpoints = { { id = "t1" }, { id = "t2" }, { id = "t3" } } } } } },
    { about = "health checks that fail together count as gone", now = 1000,
      given = color("1", { { id = "t1", address = "192.0.2.1", health = "unhealthy" } }),
      previous = in_force_with(tasks(1)),
      expect = { clusters = { { endpoints = { { id = "t1", health = "healthy" } } } } } },
    { about = "they stay for an hour", now = 1000 + 3600, given = color("1", {}),
      previous = in_force_with({ GONE }), expect = { clusters = { { endpoints = {} } } } },
    { about = "but not a second less", now = 1000 + 3599, given = color("1", {}),
      previous = in_force_with({ GONE }), expect = { clusters = { { endpoints = { {} } } } } },
    { about = "a color that was never there has nothing to keep", given = color("1", {}),
      expect = { clusters = { { endpoints = {} } } } },
  },
}
