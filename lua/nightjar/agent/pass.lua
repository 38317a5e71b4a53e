-- One pass of the cycle: gives each stage what the one before it made, keeps what must outlive the
-- pass, and says in the log what happened. The stages themselves know nothing of one another.

local clock = require("host.clock")
local cycle = require("nightjar.cycle")
local difference = require("nightjar.agent.difference")
local discover = require("nightjar.agent.discover")
local hold = require("nightjar.agent.hold")
local inotify = require("nightjar.agent.inotify")
local json = require("host.json")
local log = require("nightjar.log")
local lost_folder = require("nightjar.agent.lost_folder")
local memory = require("nightjar.agent.memory")
local planner = require("nightjar.agent.planner")
local program = require("host.program")
local publish = require("nightjar.agent.publish")
local reason = require("nightjar.agent.reason")
local refusals = require("nightjar.agent.refusals")
local sched = require("nightjar.agent.sched")
local settled = require("nightjar.agent.settled")
local shadow = require("nightjar.agent.shadow")
local staleness = require("nightjar.agent.staleness")
local task_bootstrap = require("nightjar.agent.task_bootstrap")
local warned = require("nightjar.agent.warned")

local pass = {}
pass.__index = pass

---@param settings table
---@param state table what outlives the pass (agent/state.lua)
---@param supervisor table Envoy (agent/supervise.lua)
---@return table pass
function pass.new(settings, state, supervisor)
  local counts = { passes = 0, failures = 0, warnings = 0 }
  return setmetatable({
    settings = settings, state = state, supervisor = supervisor,
    hold = hold.new(settings, state), inotify = inotify.watch(),
    task_bootstrap = task_bootstrap.new(settings), shadow = shadow.new(settings),
    settled = settled.new(settings),
    refused_at = sched.now(),
    counts = counts, warned = warned.new(counts),
    tell = function() end, -- of what becomes of generations; agent/agent.lua puts a hook here
    ended = function() end, -- an event whose end was told; agent/agent.lua has the log forget it
  }, pass)
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
    self.tell(line.event, line.fields)
    if line.event == "fresh" then self.ended("stale") end
  end
  return self.stale and self.stale.services or 0
end

---Warn before Envoy gets listeners for which the host has no inotify instances left.
---@param listeners string[] names
function pass:inotify_for(listeners)
  local accepted = self.state.accepted
  if self.supervisor:supervises() then
    self.inotify:look(#listeners,
      self.supervisor:running() and accepted and #(accepted.listeners or {}) or nil)
  end
end

---What publication needs to know of Envoy.
function pass:envoy()
  local supervisor = self.supervisor
  local envoy, accepted = supervisor:reachable(), self.state.accepted
  return {
    undo = self.state.undo, envoy = envoy, published = accepted and accepted.paths,
    settle = not envoy and (supervisor:running() or not supervisor:supervises()),
    deafened = function(folder) return lost_folder.tell(supervisor, folder) end,
    deaf = supervisor:supervises() and supervisor.processes:is_outdated(),
  }
end

---What a pass left unfinished goes back. Only an Envoy that runs is asked, and waited for.
function pass:go_back()
  local supervisor, undo = self.supervisor, self.state.undo
  local alone = not undo:pending() or supervisor:supervises() and not supervisor:running()
  local ok, err = publish.restore(alone and { undo = undo } or self:envoy(), self.settings)
  if not ok then log.error("restore_failed", { reason = err }) end
end

function pass:in_force()
  return self.state.accepted and self.state.accepted.generation or "none"
end

function pass:discover(record)
  -- What is asked for from here on is asked of the next pass, and of it too where this one fails.
  record.requested, self.requested = self.requested, nil
  local snapshot, err = discover.run(self.state.snapshot, self.settings,
    { complete = record.requested, resting = self.resting })
  if not snapshot then
    self.requested = self.requested or record.requested
    return nil, err
  end
  record.inputs = {}
  record.inputs.mesh, record.written = self.state:keep_snapshot(snapshot)
  record.snapshot, record.stale = snapshot, self:staleness(snapshot)
  return record
end

-- What today's mesh, policies and templates make.
function pass:make(record)
  -- The generational collector takes so much that is new, and goes again, for a heap that has
  -- grown, and then lets it grow to twice that.
  collectgarbage("incremental", 200)
  record.planned = { snapshot = record.written or record.snapshot, now = math.floor(clock.now()),
    previous = memory.previous(self.state.accepted) }
  local response, err, refusal = planner.run(record.planned, self.settings)
  if not response then
    self.warned:look(refusal and refusal.warnings or {})
    return nil, err
  end
  self.warned:look(response.warnings)
  self:layers(response.layers)
  for name, hash in pairs(response.inputs) do
    record.inputs[name] = hash
  end
  record.plan, record.memory = response.plan, memory.of(response.plan)
  record.files, record.copies = response.files, response.copies
  record.has_shadow, record.timeless = response.has_shadow, response.timeless
  self.resting = response.resting
  return record
end

function pass:plan(record)
  local held, err = self.hold:look()
  if err then
    return nil, "plan: " .. err
  end
  record.held = held
  if self.settled:look(record, self.state, self.supervisor) then
    return record
  end
  if record.doubt then
    self.task_bootstrap:forget()
  end
  local made, problem = self:make(record)
  if not held then
    return made, problem
  end
  return self.hold:apply(record, held, problem)
end

-- An Envoy that dies meanwhile must not start from what it has not accepted.
function pass:publish_alone(input)
  local supervisor = self.supervisor
  local _ <close> = setmetatable({}, { __close = function() supervisor.publishing = false end })
  supervisor.publishing = true
  return publish.run(input, self.settings)
end

function pass:publish(record)
  if record.settled then
    return record
  end
  self:inotify_for(record.memory.listeners)
  local input = self:envoy()
  input.files, input.copies = record.files, record.copies or {}
  input.in_force = self.state.accepted and self.state.accepted.generation
  input.refused = refusals.hopeless(self, input.files)
  if self.supervisor:supervises() then
    input.check = function(one) return refusals.judge(self, one) end
  end
  input.explain = function(refused, files)
    return reason.of(refused, files, input.envoy, self.settings)
  end
  input.silence = self.supervisor:silence()
  if input.envoy and self.supervisor:supervises() then
    input.alive = function() return self.supervisor:running() end
  end
  local done, err, refusal = self:publish_alone(input)
  refusal = refusals.deadly(self, refusal)
  if done or refusal then
    refusals.keep(self, refusal) -- one that was published makes another worth a new try
  end
  if not done then
    return nil, err
  end
  if not self.supervisor:supervises() then
    self.task_bootstrap:look(input.envoy, done.files)
  end
  -- What a new Envoy must take, the operator's own files included.
  record.done, record.files = done, done.files
  record.accepted = done.generation == self:in_force()
  return record
end

---The last accepted generation goes back before an Envoy starts anew from what was never accepted.
---Not while a pass waits for that very start.
function pass:before_start()
  if not self.supervising then
    self:go_back()
  end
end

function pass:supervise(record)
  if record.settled then
    return record
  end
  local _ <close> = setmetatable({}, { __close = function() self.supervising = false end })
  self.supervising = true
  local ok, err, code, refused = self.supervisor:run(record)
  if ok then
    return record
  elseif code == "refused" then
    local refusal = refusals.of_start(self, record, err)
    if refused then
      refusal.bootstrap = nil -- it has started
      for i, one in ipairs(refused) do
        refusal.files[i] = one.path
      end
      local why
      why, refusal.outside = reason.of(refused, record.files, self.supervisor:reachable(),
        self.settings)
      refusal.reason = err .. ": " .. why
    end
    refusals.keep(self, refusal)
    self:go_back()
    err = ("publish: generation %s: %s"):format(refusal.generation, refusal.reason)
  end
  return nil, err
end

---A generation that Envoy refused may be tried again.
function pass:forgive()
  self.state:keep_refused(nil)
end

---An operator asks for a pass: it reads all there is, and tries again what was refused.
function pass:request()
  self.requested = true
  self:forgive()
end

---Say once which protections nightjar-plan runs under.
function pass:layers(layers)
  local text = table.concat(layers or {}, " ")
  if text ~= self.layers_told then
    self.layers_told = text
    log.info("sandbox", { layers = text })
  end
end

---What there is to keep and to tell of the generation that has just come into force.
function pass:account(record)
  local done, before, held = record.done, self.state.accepted, record.held
  if before and before.generation == done.generation then
    return before.cause, before.difference, before.at
  end
  local cause = difference.cause(before, record.inputs)
  if held then
    cause = "rollback"
  elseif before and before.pinned then
    cause = "resume"
  end
  -- The reasons of today's plan are not those of a pinned generation.
  return cause, difference.between(before, record.memory, done.changed, not held and record.plan
    or nil), math.floor(clock.now())
end

function pass:accept(record)
  local done, before = record.done, self.state.accepted
  local cause, lines, at = self:account(record)
  local paths = {}
  for i, one in ipairs(done.files) do
    paths[i] = one.path
  end
  table.move(done.left, 1, #done.left, #paths + 1, paths)
  local accepted = { generation = done.generation, paths = paths, inputs = record.inputs, at = at,
    cause = cause, difference = json.array(lines or {}),
    pinned = record.held and record.held.generation }
  -- From here on this generation is the one to go back to.
  local written = self.state:keep_accepted(accepted, record.memory)
  self.state.undo:clear()
  if not record.held then
    self.state.history:keep(accepted, done.files, written)
  end
  return before and before.generation ~= done.generation and accepted or not before and accepted
end

function pass:finish(record, started)
  local done = record.done
  local new = not record.settled and self:accept(record)
  local fields = {
    generation = done.generation, files = #done.changed, removed = #done.removed,
    stale = record.stale, warnings = self.counts.warnings,
    seconds = ("%.3f"):format(sched.now() - started),
    pinned = record.held and record.held.generation,
  }
  -- One whose files a pass before has put in place, and then failed, comes into force without any.
  if #done.changed > 0 or #done.removed > 0 or new then
    fields.changed = table.concat(done.changed, " ")
    if new then
      fields.cause, fields.difference = new.cause, table.concat(new.difference, "; ")
      self.tell("accepted", new)
    end
    log.info("published", fields)
    return "published"
  end
  log.debug("unchanged", fields)
  return "unchanged"
end

-- As `run`, and last whether it was a whole one. What it made is out of reach when it returns.
function pass:try()
  local started = sched.now()
  self.counts.passes = self.counts.passes + 1
  local steps = {}
  for i, name in ipairs(cycle.world) do
    steps[i] = { name = name, run = function(record)
      self.stage = name
      return self[name](self, record)
    end }
  end
  local record, err, stage = cycle.run(steps, {}, self.settings)
  if not record then
    self.counts.failures = self.counts.failures + 1
    log.error("pass_failed", { reason = err, failures = self.counts.failures,
      in_force = self:in_force() })
    return nil, err, stage
  end
  local outcome = self:finish(record, started)
  if not record.settled then
    self.settled:note(record, self.state)
    self.shadow:follow(record)
  end
  return true, outcome, nil, not record.settled
end

---Make one pass. A failure leaves the last accepted generation in force.
---@param last? boolean the process ends with it, and its memory
---@return true? ok
---@return string? outcome "published" or "unchanged"; or the message
---@return string? stage that failed
function pass:run(last)
  local ok, outcome, stage, whole = self:try()
  if whole and not last then
    program.trim() -- a plan with its files takes much, and may not come again for hours
  end
  return ok, outcome, stage
end

return pass
