-- One pass of the cycle: gives each stage what the one before it made, keeps what must outlive the
-- pass, and says in the log what happened. The stages themselves know nothing of one another.

local clock = require("host.clock")
local cycle = require("nightjar.cycle")
local discover = require("nightjar.agent.discover")
local json = require("host.json")
local log = require("nightjar.log")
local planner = require("nightjar.agent.planner")
local publish = require("nightjar.agent.publish")
local sched = require("nightjar.agent.sched")
local staleness = require("nightjar.agent.staleness")

local pass = {}
pass.__index = pass

-- What stood in the way may be gone, such as a port that another program held; but each new try of
-- a generation that is wrong in itself puts its clusters and routes into force for a moment.
local REFUSED_FOR = 300 -- seconds; at once where nothing is in force that could suffer

---@param settings table
---@param state table what outlives the pass (agent/state.lua)
---@param supervisor table Envoy (agent/supervise.lua)
---@return table pass
function pass.new(settings, state, supervisor)
  return setmetatable({
    settings = settings, state = state, supervisor = supervisor,
    told = {},  -- warnings that are in the log already
    counts = { passes = 0, failures = 0, warnings = 0 },
  }, pass)
end

---Log each warning once, and once more when it is over; but one line says all of what is stale.
function pass:warnings(list)
  local now = {}
  for _, warning in ipairs(list) do
    local key = table.concat({ warning.code, warning.mesh or "", warning.service or "",
      warning.message }, "\0")
    local own = not staleness.codes[warning.code]
    now[key] = own and warning or nil
    if own and not self.told[key] then
      self.counts.warnings = self.counts.warnings + 1
      log.warn(warning.code, warning)
    end
  end
  for key, warning in pairs(self.told) do
    if not now[key] then
      log.info("resolved", warning)
    end
  end
  self.told = now
end

---Say once what keeps old data and why, and once that it is over.
---@return integer stale number of services
function pass:staleness(snapshot)
  local line
  self.stale, line = staleness.look(snapshot, self.stale)
  if line then
    if line.level == "warn" then
      self.counts.warnings = self.counts.warnings + 1
    end
    log[line.level](line.event, line.fields)
  end
  return self.stale and self.stale.services or 0
end

---What publication needs to know of Envoy.
function pass:envoy()
  local supervisor = self.supervisor
  local envoy = supervisor:reachable()
  return {
    undo = self.state.undo, envoy = envoy,
    settle = not envoy and (supervisor:running() or not supervisor:supervises()),
  }
end

---Remembers a generation that Envoy refused, or that none was.
function pass:refuse(generation)
  if generation ~= self.refused then
    self.refused, self.refused_at = generation, sched.now()
  end
end

---The generation that is not worth a new try yet.
function pass:hopeless()
  local wait = self.state.accepted and REFUSED_FOR or 0
  if self.refused and sched.now() - self.refused_at >= wait then
    self:forgive()
  end
  return self.refused
end

---What the last pass left unfinished goes back: Envoy refused it.
function pass:give_up(generation)
  self:refuse(generation)
  local ok, err = publish.restore(self:envoy(), self.settings)
  if not ok then
    log.error("restore_failed", { reason = err })
  end
end

function pass:discover(record)
  local snapshot, err = discover.run(self.state.snapshot, self.settings)
  if not snapshot then
    return nil, err
  end
  self.state:keep_snapshot(snapshot)
  record.snapshot, record.stale = snapshot, self:staleness(snapshot)
  return record
end

function pass:plan(record)
  local accepted = self.state.accepted
  local response, err, refusal = planner.run({
    snapshot = record.snapshot, now = math.floor(clock.now()),
    previous = accepted and { clusters = accepted.clusters, routes = accepted.routes } or nil,
  }, self.settings)
  if not response then
    self:warnings(refusal and refusal.warnings or {})
    return nil, err
  end
  self:warnings(response.warnings)
  self:layers(response.layers)
  record.plan, record.files, record.copies = response.plan, response.files, response.copies
  return record
end

function pass:publish(record)
  local input = self:envoy()
  input.files, input.copies = record.files, record.copies or {}
  input.published = self.state.accepted and self.state.accepted.paths
  input.refused = self:hopeless()
  if self.supervisor:supervises() then
    input.check = function(one) return self.supervisor:check(one) end
  end
  local done, err, refused = publish.run(input, self.settings)
  self:refuse(refused) -- one that was published makes another worth a new try
  if not done then
    return nil, err
  end
  record.done = done
  return record
end

function pass:supervise(record)
  local ok, err, code = self.supervisor:run(record)
  if not ok then
    if code == "refused" then
      self:give_up(record.done.generation)
    end
    return nil, err
  end
  return record
end

---A generation that Envoy refused may be tried again: an operator asks for a pass.
function pass:forgive()
  self.refused = nil
end

---Say once which protections nightjar-plan runs under.
function pass:layers(layers)
  local text = table.concat(layers or {}, " ")
  if text ~= self.layers_told then
    self.layers_told = text
    log.info("sandbox", { layers = text })
  end
end

---What the next pass must know of the plan in force: which route names which clusters, and those
---clusters.
---@return table[] clusters
---@return table[] routes
local function routed(plan)
  local named, clusters, routes = {}, {}, {}
  for _, listener in ipairs(plan.listeners) do
    for _, route in ipairs(listener.routes) do
      local names = {}
      for i, share in ipairs(route.clusters) do
        named[share.cluster], names[i] = true, share.cluster
      end
      routes[#routes + 1] = { listener = listener.name, path = route.path,
        clusters = json.array(names) }
    end
  end
  for _, cluster in ipairs(plan.clusters) do
    if named[cluster.name] then
      -- Its age grows with each pass; what is kept changes only when the mesh does.
      local kept = {}
      for key, value in pairs(cluster) do
        kept[key] = value
      end
      kept.age = 0
      clusters[#clusters + 1] = kept
    end
  end
  return json.array(clusters), json.array(routes)
end

function pass:finish(record, started)
  local done = record.done
  local clusters, routes = routed(record.plan)
  -- From here on this generation is the one to go back to.
  self.state:keep_accepted {
    generation = done.generation, paths = done.paths, clusters = clusters, routes = routes,
  }
  if self.state.undo:pending() then
    self.state.undo:clear()
  end
  local fields = {
    generation = done.generation, files = #done.changed, removed = #done.removed,
    stale = record.stale, warnings = self.counts.warnings,
    seconds = ("%.3f"):format(sched.now() - started),
  }
  if #done.changed > 0 or #done.removed > 0 then
    fields.changed = table.concat(done.changed, " ")
    log.info("published", fields)
  else
    log.debug("unchanged", fields)
  end
end

---Make one pass. A failure leaves the last accepted generation in force.
---@return true? ok
---@return string? err
function pass:run()
  local started = sched.now()
  self.counts.passes = self.counts.passes + 1
  local steps = {}
  for i, name in ipairs(cycle.world) do
    steps[i] = { name = name, run = function(record) return self[name](self, record) end }
  end
  local record, err = cycle.run(steps, {}, self.settings)
  if not record then
    self.counts.failures = self.counts.failures + 1
    log.error("pass_failed", {
      reason = err, failures = self.counts.failures,
      in_force = self.state.accepted and self.state.accepted.generation or "none",
    })
    return nil, err
  end
  self:finish(record, started)
  return true
end

return pass
