-- One pass of the cycle: gives each stage what the one before it made, keeps what must outlive the
-- pass, and says in the log what happened. The stages themselves know nothing of one another.

local clock = require("host.clock")
local cycle = require("nightjar.cycle")
local discover = require("nightjar.agent.discover")
local log = require("nightjar.log")
local planner = require("nightjar.agent.planner")
local publish = require("nightjar.agent.publish")
local sched = require("nightjar.agent.sched")

local pass = {}
pass.__index = pass

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

---Log each warning once, and once more when it is over.
function pass:warnings(list)
  local now = {}
  for _, warning in ipairs(list) do
    local key = warning.code .. "\0" .. warning.message
    now[key] = warning
    if not self.told[key] then
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

---Say how old the data is of which the last reading failed.
---@return integer stale number of services
local function staleness(snapshot)
  local services, oldest, reason = 0, 0, nil
  for _, mesh in ipairs(snapshot.meshes) do
    for _, service in ipairs(mesh.services) do
      if service.stale then
        services = services + 1
        oldest = math.max(oldest, snapshot.taken_at - service.read_at)
        reason = reason or service.error
      end
    end
    reason = reason or mesh.stale and mesh.error
  end
  if services > 0 or reason then
    log.warn("stale", { services = services, oldest_seconds = oldest, reason = reason })
  end
  return services
end

---The stages of the world in their order, over one record that grows on its way.
function pass:stages()
  local state, supervisor, settings = self.state, self.supervisor, self.settings
  return {
    discover = function(record)
      local snapshot, err = discover.run(state.snapshot, settings)
      if not snapshot then
        return nil, err
      end
      state:keep_snapshot(snapshot)
      record.snapshot, record.stale = snapshot, staleness(snapshot)
      return record
    end,
    plan = function(record)
      local accepted = state.accepted
      local response, err = planner.run({
        snapshot = record.snapshot, now = math.floor(clock.now()),
        previous = accepted and { clusters = accepted.clusters, routes = accepted.routes } or nil,
      }, settings)
      if not response then
        return nil, err
      end
      self:warnings(response.warnings)
      self:layers(response.layers)
      record.plan, record.files, record.copies = response.plan, response.files, response.copies
      return record
    end,
    publish = function(record)
      local done, err, refused = publish.run({
        files = record.files, copies = record.copies or {}, refused = self.refused,
        published = state.accepted and state.accepted.paths,
        envoy = supervisor:reachable(), settle = not supervisor:supervises(),
      }, settings)
      self.refused = refused or done and nil or self.refused
      if not done then
        return nil, err
      end
      record.done = done
      return record
    end,
    supervise = function(record)
      local ok, err = supervisor:run(record)
      if not ok then
        return nil, err
      end
      return record
    end,
  }
end

---Say once which protections nightjar-plan runs under.
function pass:layers(layers)
  local text = table.concat(layers or {}, " ")
  if text ~= self.layers_told then
    self.layers_told = text
    log.info("sandbox", { layers = text })
  end
end

---What the next pass must know of the plan in force, so that clusters can leave one generation
---later than their routes: the clusters that routes name, and which route names which.
---@return table[] clusters
---@return { listener: string, path: string, clusters: string[] }[] routes
local function routed(plan)
  local named, clusters, routes = {}, {}, {}
  for _, listener in ipairs(plan.listeners) do
    for _, route in ipairs(listener.routes) do
      local names = {}
      for i, share in ipairs(route.clusters) do
        named[share.cluster], names[i] = true, share.cluster
      end
      routes[#routes + 1] = { listener = listener.name, path = route.path, clusters = names }
    end
  end
  for _, cluster in ipairs(plan.clusters) do
    if named[cluster.name] then
      clusters[#clusters + 1] = cluster
    end
  end
  return clusters, routes
end

function pass:finish(record, started)
  local done = record.done
  local clusters, routes = routed(record.plan)
  self.state:keep_accepted {
    generation = done.generation, paths = done.paths, clusters = clusters, routes = routes,
  }
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
  local stages, steps = self:stages(), {}
  for i, name in ipairs(cycle.world) do
    steps[i] = { name = name, run = stages[name] }
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
