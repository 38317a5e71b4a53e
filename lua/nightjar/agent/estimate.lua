-- What a day of passes asks of AWS, and what that costs: arithmetic on the numbers of a mesh and
-- the settings, for `nightjar cost` and the status. Nothing is read here. docs/cost.md says why.

local pace = require "nightjar.agent.discover.fleet_pace"
local seldom = require "nightjar.agent.discover.seldom"
local times = require "nightjar.agent.discover.times"

local estimate = {}

local DAY = 86400 -- seconds
local PAGE = 100  -- services on a page of ListServices

---Dollars for a million calls. Cloud Map's is that of most regions ("AWS Cloud Map pricing"); S3's
---are those of the standard class in us-east-1 ("Amazon S3 pricing": 0.005 and 0.0004 for 1,000).
---What is not here is free of charge: Cloud Map's List and Get calls.
estimate.prices = {
  servicediscovery = { DiscoverInstances = 1.00 },
  s3 = { PutObject = 5.00, GetObject = 0.40 },
}

estimate.DAYS_A_YEAR = 365

---@class CostDay  what one day asks
---@field passes number of one agent
---@field operations table<string, table<string, number>>  calls by AWS service and operation

local function add(operations, service, operation, count)
  operations[service] = operations[service] or {}
  local known = operations[service]
  known[operation] = (known[operation] or 0) + count
end

-- Lists, and attributes of services, some of which rest. Calls in one pass.
local function add_seldom(operations, mesh, given, resting, attributed_resting)
  local list = seldom.passes(given.list, given.every)
  add(operations, "servicediscovery", "ListServices",
    math.max(1, math.ceil(mesh.services / PAGE)) / list)
  local between = seldom.passes(times.attributes(given, mesh.services), given.every)
  local attributed = mesh.attributed - attributed_resting
  local without = mesh.services - resting - attributed
  local without_resting = resting - attributed_resting
  -- One that rests is asked for attributes when it is read, and not in between.
  add(operations, "servicediscovery", "GetServiceAttributes", attributed + without / between
    + attributed_resting / list + without_resting / math.max(list, between))
end

-- One mesh as an agent reads it that is alone. Calls in one pass.
local function add_alone(operations, mesh, given)
  local share = 1 / seldom.passes(given.list, given.every) -- of the passes: those that read it
  add(operations, "servicediscovery", "DiscoverInstances",
    mesh.services - mesh.resting + mesh.resting * share)
  add_seldom(operations, mesh, given, mesh.resting, mesh.attributed_resting)
end

-- One mesh as the agent reads it that leads a fleet: all of it, and stores it, at each pass.
local function add_leader(operations, mesh, given)
  add(operations, "servicediscovery", "DiscoverInstances", mesh.services)
  add_seldom(operations, mesh, given, 0, 0)
  add(operations, "s3", "PutObject", 1)
end

-- And as so many other agents of the fleet know it: they ask the store, at their pace.
local function add_followers(operations, given, count)
  add(operations, "s3", "GetObject", count * given.looks)
end

-- By what an agent is to a mesh, its part in one pass.
local parts = {
  alone = add_alone,
  fleet_leads = add_leader,
  fleet_follows = function(operations, _, given) add_followers(operations, given, 1) end,
}

-- The times of the settings; seconds between two passes, and looks at the store in each.
local function given_by(settings)
  local given = times.of(settings)
  given.every = settings.snapshot_store and pace.between(given.pass) or given.pass
  given.looks = pace.looks(given.pass)
  return given
end

local function scaled(operations, factor)
  local result = {}
  for service, counts in pairs(operations) do
    for operation, count in pairs(counts) do add(result, service, operation, count * factor) end
  end
  return result
end

---Those meshes of which anything is known.
---@param meshes CallsMesh[]
---@return CallsMesh[]
function estimate.read(meshes)
  local list = {}
  for _, mesh in ipairs(meshes) do
    if not mesh.unread then list[#list + 1] = mesh end
  end
  return list
end

---A day in steady state: everything was read once, and no mesh changes.
---@param meshes CallsMesh[] those that could never be read are left out
---@param settings table `refresh_time`, `list_time`, `attributes_time`, `snapshot_store`
---@param agents? integer that read the same meshes, 1 by default
---@return CostDay day of all of them
function estimate.day(meshes, settings, agents)
  agents = agents or 1
  local given, operations = given_by(settings), {}
  for _, mesh in ipairs(estimate.read(meshes)) do
    if settings.snapshot_store then
      add_leader(operations, mesh, given)
      add_followers(operations, given, agents - 1)
    else
      add_alone(operations, mesh, given)
    end
  end
  local passes = DAY / given.every
  return { passes = passes,
    operations = scaled(operations, settings.snapshot_store and passes or passes * agents) }
end

---A day of one agent, in steady state: of a fleet, its part, as it leads or follows now.
---@param meshes CallsMesh[]
---@param settings table as for `day`
---@param role fun(id: string?): string? what the agent is to a mesh (`discover.role`)
---@return CostDay? day nil: of no mesh it is known
function estimate.of_agent(meshes, settings, role)
  local given, operations, known = given_by(settings), {}, false
  for _, mesh in ipairs(estimate.read(meshes)) do
    local add_part = parts[role(mesh.id)]
    if add_part then
      known = true
      add_part(operations, mesh, given)
    end
  end
  local passes = DAY / given.every
  return known and { passes = passes, operations = scaled(operations, passes) } or nil
end

---@param operations table<string, table<string, number>>
---@return number
function estimate.total(operations)
  local total = 0
  for _, counts in pairs(operations) do
    for _, count in pairs(counts) do total = total + count end
  end
  return total
end

---@param operations table<string, table<string, number>>
---@param prices? table dollars for a million calls, as in `estimate.prices`
---@return number dollars
function estimate.dollars(operations, prices)
  local dollars = 0
  for service, counts in pairs(operations) do
    for operation, count in pairs(counts) do
      local price = ((prices or estimate.prices)[service] or {})[operation] or 0
      dollars = dollars + count * price / 1e6
    end
  end
  return dollars
end

local function with(settings, name, value)
  return setmetatable({ [name] = value }, { __index = settings })
end

-- The store is taken away by `false`: nil would let the other value through.
local function store_row(meshes, settings, agents)
  if settings.snapshot_store then
    return { setting = "without SNAPSHOT_STORE",
      day = estimate.day(meshes, with(settings, "snapshot_store", false), agents) }
  end
  return { setting = "SNAPSHOT_STORE", note = agents == 1 and "one agent shares with nobody" or nil,
    day = estimate.day(meshes, with(settings, "snapshot_store", true), agents) }
end

-- What remains without one of the settings NAMESPACE_x: a mesh that another one names too stays.
local function without(meshes, ref)
  local rest = {}
  for _, mesh in ipairs(meshes) do
    if mesh.refs[1] ~= ref or mesh.refs[2] then rest[#rest + 1] = mesh end
  end
  return rest
end

local function try_times(rows, meshes, settings, agents)
  local given = times.of(settings)
  local function try(name, values, now)
    for _, value in ipairs(values) do
      if value ~= now then
        rows[#rows + 1] = { setting = ("%s=%g"):format(name, value),
          day = estimate.day(meshes, with(settings, name:lower(), value), agents) }
      end
    end
  end
  try("REFRESH_TIME", { 15, 30, 60 }, given.pass)
  try("LIST_TIME", { 0, 600 }, given.list)
  try("ATTRIBUTES_TIME", { 0, 3600 }, given.attributes)
end

---What a day would ask with one setting changed.
---@param meshes CallsMesh[]
---@param settings table
---@param agents? integer
---@return { setting: string, day: CostDay, note: string? }[] rows
function estimate.changes(meshes, settings, agents)
  agents = agents or 1
  local rows = {}
  try_times(rows, meshes, settings, agents)
  rows[#rows + 1] = store_row(meshes, settings, agents)
  local seen = {}
  for _, mesh in ipairs(estimate.read(meshes)) do
    for _, ref in ipairs(mesh.refs) do
      if ref ~= "own" and not seen[ref] then
        seen[ref] = true
        rows[#rows + 1] = { setting = "without " .. ref, note = mesh.name,
          day = estimate.day(without(meshes, ref), settings, agents) }
      end
    end
  end
  return rows
end

return estimate
