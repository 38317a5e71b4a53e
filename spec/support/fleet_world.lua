-- A fleet of agents on one bucket of fake_s3.lua, with a clock that specs move: each agent passes
-- when it is told to. What takes time by itself is in simulated_fleet.lua.

local fake_s3 = require("spec.support.fake_s3")
local fleet = require("nightjar.agent.discover.fleet")
local json = require("host.json")
local merge = require("nightjar.agent.discover.merge")
local sched = require("nightjar.agent.sched")

local world = {}
world.__index = world

world.NOW = 1795491670
world.KEY = "/mesh/ns-1.json"
local REFRESH_TIME = 30
---Seconds from pass to pass, which the agents of a fleet make of REFRESH_TIME.
world.T = 27
world.NAMESPACE = { id = "ns-1", name = "shop.local", arn = "arn:aws:x:r:1:namespace/ns-1" }

---@param id string
---@param health string?
function world.instance(id, health)
  return { id = id, health = health or "HEALTHY", attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1",
    AWS_INSTANCE_PORT = "80" } }
end

---@return table world `time`, `bucket`, `mesh` (what a reading brings), `reads`, `pauses` (sleeps)
function world.new()
  local self = setmetatable({ time = world.NOW, reads = 0, pauses = 0 }, world)
  self.bucket = fake_s3.new(function() return self.time end)
  self.mesh = { services = { { id = "srv-1", name = "web-blue", attributes = { ["/"] = "1" },
    instances = { world.instance("b1") } } } }
  return self
end

function world.copy(value) return json.decode(json.encode(value)) end

---An agent that makes passes.
---@param fields table?  `skew`: how far its clock is ahead; `mesh`: what it reads instead;
---  `refresh_time`, `http`, `sleep`
---@return table agent `fleet`, `snapshot`
function world:agent(fields)
  local one = { skew = 0, mesh = self.mesh }
  for name, value in pairs(fields or {}) do one[name] = value end
  local settings = { environment = { HOME = "/nonexistent" }, sources = {},
    snapshot_store = "s3://fleet/mesh/", refresh_time = one.refresh_time or REFRESH_TIME }
  one.fleet = assert(fleet.new(settings, { region = "eu-central-1", context = {
    settings = settings, clock = { skew = 0 }, random = math.random,
    http = one.http or function(request) return self.bucket:http(request) end,
    now = function() return self.time + one.skew end, monotonic = function() return self.time end,
    sleep = one.sleep or function(seconds)
      self.pauses, self.time = self.pauses + 1, self.time + seconds
    end,
    spawn = sched.spawn,
  } }))
  return one
end

---What a pass asks of the fleet.
---@param one table  the agent
---@param fields table?  of the call
function world:call(one, fields)
  local call = { namespace = world.NAMESPACE, now = math.floor(self.time + one.skew),
    warnings = {}, read = function()
      self.reads = self.reads + 1
      return world.copy(one.mesh)
    end }
  for name, value in pairs(fields or {}) do call[name] = value end
  return call
end

---One pass, which an operator may have asked for.
---@param one table
---@param requested boolean?
---@return table snapshot
function world:pass(one, requested)
  local last = one.snapshot and one.snapshot.meshes[1]
  local call = self:call(one, { complete = requested,
    last = last and last.read_at > 0 and last or nil })
  local result = sched.run(one.fleet.services, one.fleet, call)
  one.snapshot = assert(merge.run(one.snapshot, { source = "cloudmap", now = call.now,
    warnings = call.warnings, meshes = { { ref = "own", port = 80, audience = "private",
      id = world.NAMESPACE.id, name = world.NAMESPACE.name, arn = world.NAMESPACE.arn,
      read_at = result.read_at, services = result.services, error = result.error } } }))
  return one.snapshot
end

---The first service of a snapshot.
function world.service_of(snapshot) return snapshot.meshes[1].services[1] end

---The warnings of a snapshot, a line each.
function world.warned(snapshot)
  local texts = {}
  for position, one in ipairs(snapshot.warnings) do
    texts[position] = one.code .. ": " .. one.message
  end
  return table.concat(texts, "\n")
end

return world
