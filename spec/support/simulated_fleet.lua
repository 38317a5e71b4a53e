-- A fleet of agents in simulated time: the real code of fleet reading and merging, each agent a
-- coroutine that passes every `every` seconds, on one bucket of fake_s3.lua and one mesh.

local fake_s3 = require("spec.support.fake_s3")
local fleet = require("nightjar.agent.discover.fleet")
local json = require("host.json")
local merge = require("nightjar.agent.discover.merge")
local pace = require("nightjar.agent.discover.fleet_pace")

local simulation = {}
simulation.__index = simulation

local START = 1795491670
local NAMESPACE = { id = "ns-1", name = "shop.local" }
-- What the network takes, in seconds: a request to S3, a reading of Cloud Map.
local REQUEST, READING = 0.02, 0.4

---@param count integer agents
---@param options { every: number?, reading: number?, phase: (fun(position: integer): number)? }?
---  reading: seconds of one of Cloud Map; phase: seconds from the start to an agent's first pass;
---  spread over a pass if nil
---@return table simulation `agents`, `bucket`, `services` (the mesh as it is), `reads`
function simulation.new(count, options)
  options = options or {}
  local self = setmetatable({ time = START, start = START, every = options.every or 30, reads = 0,
    reading = options.reading or READING, agents = {}, services = {}, queue = {} }, simulation)
  self.bucket = fake_s3.new(function() return self.time end)
  for position = 1, count do
    local phase = options.phase and options.phase(position)
      or pace.between(self.every) * (position - 1) / count
    self:add(phase)
  end
  return self
end

---What a mesh of one service holds, in `services`.
---@param weight string|integer
---@return table[]
function simulation.mesh(weight)
  return { { id = "srv-1", name = "web-blue", attributes = { ["/"] = tostring(weight) },
    instances = { { id = "b1", health = "HEALTHY", attributes = { AWS_INSTANCE_IPV4 = "10.0.0.1",
      AWS_INSTANCE_PORT = "80" } } } } }
end

local function sleep(seconds) coroutine.yield(seconds) end

-- What an agent does beside its pass, and goes with it.
function simulation:spawn(agent, fn)
  local helper = { of = agent }
  helper.task = coroutine.create(function()
    fn()
    helper.dead = true
  end)
  helper.cancel = function() helper.dead = true end
  helper.join = function()
    while not helper.dead do sleep(REQUEST) end
  end
  self:schedule(helper, 0)
  return helper
end

function simulation:settings()
  return { environment = { HOME = "/nonexistent" }, sources = {},
    snapshot_store = "s3://fleet", refresh_time = self.every }
end

function simulation:fleet_of(agent)
  local settings = self:settings()
  return assert(fleet.new(settings, { region = "eu-central-1", context = {
    settings = settings, clock = { skew = 0 }, random = math.random, sleep = sleep,
    now = function() return self.time + agent.skew end,
    monotonic = function() return self.time end,
    spawn = function(fn) return self:spawn(agent, fn) end,
    http = function(request)
      sleep(REQUEST)
      return self.bucket:http(request)
    end } }))
end

-- One pass, as agent/discover makes it.
function simulation:pass(agent)
  local now, warnings = math.floor(self.time + agent.skew), {}
  local last = agent.snapshot and agent.snapshot.meshes[1]
  local result = agent.fleet:services { namespace = NAMESPACE, now = now, last = last,
    warnings = warnings, read = function()
      self.reads, agent.reads = self.reads + 1, agent.reads + 1
      sleep(self.reading)
      return { services = json.decode(json.encode(json.array(self.services))) }
    end }
  agent.snapshot = assert(merge.run(agent.snapshot, { source = "cloudmap", now = now,
    warnings = warnings, meshes = { { ref = "own", port = 80, audience = "private",
      id = NAMESPACE.id, name = NAMESPACE.name, read_at = result.read_at,
      services = result.services } } }))
  agent.passes = agent.passes + 1
end

---Adds an agent, whose first pass is so many seconds from now.
---@param phase number
---@param skew number? how far its clock is ahead
---@return table agent `snapshot`, `passes`, `reads`, `dead`
function simulation:add(phase, skew)
  local agent = { passes = 0, reads = 0, skew = skew or 0 }
  agent.fleet = self:fleet_of(agent)
  agent.task = coroutine.create(function()
    while true do
      local began = self.time
      self:pass(agent)
      local due = agent.fleet:take_due() or math.huge
      sleep(math.max(0, math.min(began + agent.fleet.every, due) - self.time))
    end
  end)
  self.agents[#self.agents + 1] = agent
  self:schedule(agent, phase)
  return agent
end

function simulation:schedule(agent, seconds)
  self.queue[#self.queue + 1] = { at = self.time + seconds, agent = agent, number = #self.queue }
  table.sort(self.queue, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.number < b.number
  end)
end

---Goes on until `done`, or for so many seconds.
---@param done number|fun(): boolean
function simulation:run(done)
  local deadline = type(done) == "number" and self.time + done
  while self.queue[1] and not (deadline and self.queue[1].at > deadline)
    and (deadline or not done()) do
    local event = table.remove(self.queue, 1)
    self.time = event.at
    local one = event.agent
    if not one.dead and not (one.of and one.of.dead) then
      local ok, seconds = coroutine.resume(one.task)
      assert(ok, ok or debug.traceback(one.task, seconds))
      if not one.dead then self:schedule(one, seconds) end
    end
  end
  if deadline then self.time = deadline end
end

---Each agent that lives makes so many more passes.
function simulation:passes(count)
  local wanted = {}
  for _, agent in ipairs(self.agents) do wanted[agent] = agent.passes + count end
  self:run(function()
    for agent, passes in pairs(wanted) do
      if not agent.dead and agent.passes < passes then return false end
    end
    return true
  end)
end

---How many agents have read.
function simulation:readers()
  local count = 0
  for _, agent in ipairs(self.agents) do count = count + (agent.reads > 0 and 1 or 0) end
  return count
end

---The agent that leads.
function simulation:leader()
  for _, agent in ipairs(self.agents) do
    local member = agent.fleet.members[NAMESPACE.id]
    if not agent.dead and member and member.leads then return agent end
  end
end

---The path of the record in the bucket.
simulation.PATH = "/" .. NAMESPACE.id .. ".json"

return simulation
