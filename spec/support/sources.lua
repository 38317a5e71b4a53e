--- A store of credentials with a clock that a spec moves, asking real endpoints and programs.
local cli = require "spec.support.cli"
local credentials = require "nightjar.agent.aws.credentials"
local sched = require "nightjar.agent.sched"
local timestamp = require "nightjar.agent.aws.timestamp"

local sources = {}
sources.__index = sources

--- When every spec begins: 2026-11-24T03:00:00Z.
sources.START = assert(timestamp.parse "2026-11-24T03:00:00Z")

--- So many seconds after the start, as AWS writes it.
function sources.time(seconds) return timestamp.format(sources.START + seconds) end

--- Opens a store. Nothing but `environment` and what is needed to find nothing else is set.
---@param environment table<string, string>
---@param options table?  {exec}
function sources.open(environment, options)
  local self = setmetatable({ now = sources.START, slept = {} }, sources)
  local variables = { HOME = "/nonexistent", AWS_REGION = "eu-central-1",
    AWS_EC2_METADATA_DISABLED = "true" }
  for name, value in pairs(environment) do variables[name] = value end
  self.store = credentials.new({ environment = variables, sources = {} }, {
    now = function() return self.now end, monotonic = function() return self.now end,
    random = function() return 0.5 end, exec = options and options.exec,
    sleep = function(seconds) self.slept[#self.slept + 1] = seconds end,
  })
  return self
end

--- What the store gives so many seconds after the start.
function sources:at(seconds)
  self.now = sources.START + seconds
  return sched.run(self.store.get, self.store)
end

--- What it gives to many who ask at once, in their order.
function sources:at_once(count)
  local places = {}
  for i = 1, count do places[i] = i end
  return sched.run(function()
    return sched.all(places, count, function() return self.store:get() end)
  end)
end

--- Writes a file below a folder and returns its path; `mode` as chmod takes it.
function sources.write(folder, name, text, mode)
  local path = folder .. "/" .. name
  cli.write(path, text)
  if mode then os.execute(("chmod %s '%s'"):format(mode, path)) end
  return path
end

return sources
