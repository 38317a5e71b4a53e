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

--- What was asked of AWS for these settings so far, each try counted.
---@param settings table
---@return {operations: table<string, table<string, integer>>, retries: integer}? counts  requests
---  by AWS service and operation; nil where nothing was asked of AWS
function discover.counts(settings)
  if settings.discovery ~= "cloudmap" then return nil end
  local cloudmap = require "nightjar.agent.discover.cloudmap"
  local clients = { cloudmap.client(settings) }
  if #clients == 0 then return nil end
  local fleet = cloudmap.fleet(settings)
  clients[2] = fleet and fleet.client
  local counts = { operations = {}, retries = 0 }
  for _, client in ipairs(clients) do
    counts.operations[client.service.name] = client:counts()
    counts.retries = counts.retries + client.retries
  end
  return counts
end

return discover
