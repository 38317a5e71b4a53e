--- What the AWS code needs of the world, so that specs can put another one in its place.
local clock = require "host.clock"
local sched = require "nightjar.agent.sched"

local world = {}

---@class AwsWorld
---@field settings table
---@field http fun(request: table, note: table?): table?, table?  `note`: see aws/trace.lua
---@field batch (fun(request: table, holder: BatchHolder): integer?, table)?  as sched.batch; nil
---  where `http` is not the real one
---@field is_traced boolean  `http` wants notes; making them costs something at each request
---@field exec fun(options: table): table?, string?  runs a program, as sched.exec
---@field now fun(): number  wall clock, unix seconds
---@field monotonic fun(): number
---@field sleep fun(seconds: number)
---@field spawn fun(fn: function): Task  runs beside, as sched.spawn
---@field random fun(): number  in [0, 1)
---@field clock {skew: number}  how far AWS's clock is ahead of ours, seconds; all clients share it

--- The real world, but for what `options` replaces; a world stays itself.
---@param settings table
---@param options table?  fields of AwsWorld
---@return AwsWorld
function world.new(settings, options)
  options = options or {}
  return {
    settings = settings,
    http = options.http or sched.http, is_traced = options.http ~= nil,
    batch = options.batch or not options.http and sched.batch or nil,
    exec = options.exec or sched.exec,
    now = options.now or clock.now, monotonic = options.monotonic or clock.monotonic,
    sleep = options.sleep or sched.sleep, spawn = options.spawn or sched.spawn,
    random = options.random or math.random,
    clock = options.clock or { skew = 0 },
  }
end

return world
