--- The first stage: reads the world and makes a snapshot of it and of the last one.
local clock = require "host.clock"
local merge = require "nightjar.agent.discover.merge"

local discover = {}

-- The two implementations of the interface: `run(previous, settings, now, hints) → reading | nil,
-- err`.
local sources = {
  cloudmap = "nightjar.agent.discover.cloudmap",
  file = "nightjar.agent.discover.file",
}

--- Whether the settings suffice for a first pass: what fails here fails at each pass, so an agent
--- that starts says so at once. Of the network only the instance's metadata service is asked, where
--- nothing else names the region.
---@param settings table
---@return true?
---@return string? err
---@return string? code  "unknown": what is missing may be known later
function discover.check(settings)
  if settings.discovery ~= "cloudmap" then return true end
  local session, err, code = require("nightjar.agent.discover.cloudmap").open(settings)
  if not session then return nil, "discovery: " .. err, code end
  return true
end

--- One reading, merged with the last snapshot: what could not be read keeps its last good data,
--- marked stale. Must run in a coroutine of the scheduler.
---@param previous table?  the snapshot of the last pass, or of the last run of the agent
---@param settings table
---@param hints DiscoverHints?
---@return table? snapshot
---@return string? err  the settings are wrong, or nothing was ever read and nothing could be now
function discover.run(previous, settings, hints)
  local name = sources[settings.discovery]
  if not name then
    return nil, ("discovery: expected cloudmap or file, got %q"):format(
      tostring(settings.discovery))
  end
  local reading, err = require(name).run(previous, settings, math.floor(clock.now()), hints)
  if not reading then return nil, "discovery: " .. err end
  local snapshot, merge_err = merge.run(previous, reading)
  if not snapshot then return nil, "discovery: " .. merge_err end
  return snapshot
end

-- What asks AWS for these settings: Cloud Map first, and the fleet's store.
local function clients_of(settings)
  if settings.discovery ~= "cloudmap" then return {} end
  local cloudmap = require "nightjar.agent.discover.cloudmap"
  local fleet = cloudmap.fleet(settings)
  return { cloudmap.client(settings), fleet and fleet.client }
end

local function in_fleet(settings)
  return settings.snapshot_store and settings.discovery == "cloudmap"
end

--- From the start of one pass to the start of the next.
---@param settings table
---@return number seconds  REFRESH_TIME; a little less in a fleet
function discover.every(settings)
  if not in_fleet(settings) then return settings.refresh_time end
  return require("nightjar.agent.discover.fleet_pace").between(settings.refresh_time)
end

--- When the next pass should begin, where discovery has a wish; said once.
---@param settings table
---@return number? time  by the monotonic clock
function discover.take_due(settings)
  if not in_fleet(settings) then return nil end
  local fleet = require("nightjar.agent.discover.cloudmap").fleet(settings)
  return fleet and fleet:take_due()
end

--- How an agent that reads Cloud Map comes by a namespace: "alone", "fleet_leads", "fleet_follows".
---@param settings table
---@param id string?  of the namespace
---@return string? role  nil: not known before a pass
function discover.role(settings, id)
  return require("nightjar.agent.discover.cloudmap").role(settings, id)
end

--- How the agent gets on with AWS: what its calls say beside their numbers.
---@param settings table
---@return {region: string, skew: number, throttles: integer, slowed: integer,
---  credentials: table?}? relation  `skew`: seconds by which AWS's clock is ahead; `throttles`:
---  answers so far that asked for fewer requests; `slowed`: operations that go slower for it now;
---  `credentials`: see CredentialsStore:describe; nil where nothing is asked of AWS
function discover.relation(settings)
  local clients = clients_of(settings)
  local first = clients[1]
  if not first then return nil end
  local relation = { region = first.region, skew = first.context.clock.skew, throttles = 0,
    slowed = 0,
    credentials = first.credentials and first.credentials:describe() }
  for _, client in ipairs(clients) do
    relation.throttles = relation.throttles + client.throttles
    relation.slowed = relation.slowed + client.limiter:slowed()
  end
  return relation
end

--- What was asked of AWS for these settings so far, each try counted.
---@param settings table
---@return {operations: table<string, table<string, integer>>, retries: integer}? counts  requests
---  by AWS service and operation; nil where nothing was asked of AWS
function discover.counts(settings)
  local clients = clients_of(settings)
  if #clients == 0 then return nil end
  local counts = { operations = {}, retries = 0 }
  for _, client in ipairs(clients) do
    counts.operations[client.service.name] = client:counts()
    counts.retries = counts.retries + client.retries
  end
  return counts
end

return discover
