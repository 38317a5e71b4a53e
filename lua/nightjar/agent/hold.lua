-- Holds a pinned generation in force, loudly: looks for the pin at each pass, and puts the files of
-- that generation in the place of those that the plan has made.

local clock = require("host.clock")
local file = require("host.file")
local log = require("nightjar.log")
local memory = require("nightjar.agent.memory")
local pin = require("nightjar.agent.pin")
local rollback = require("nightjar.agent.rollback")
local sched = require("nightjar.agent.sched")

local hold = {}
hold.__index = hold

local REMIND = 300                -- seconds between two warnings that a pin holds
local MAX_FILE = 64 * 1024 * 1024 -- bytes of one published file

---@param settings table `state_dir`, `config_dir`
---@param state table what outlives a pass (agent/state.lua)
---@return table hold
function hold.new(settings, state)
  return setmetatable({ settings = settings, state = state }, hold)
end

local function utc(at)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", at)
end

function hold:say(pinned)
  self.pinned = pinned -- for the status
  if not pinned then
    if self.told then
      log.warn("unpinned", { generation = self.told })
    end
    self.told = nil
  elseif self.told ~= pinned.generation or sched.now() >= self.remind_at then
    self.told, self.remind_at = pinned.generation, sched.now() + REMIND
    log.warn("pinned", { generation = pinned.generation, since = utc(pinned.at),
      seconds = math.max(0, math.floor(clock.now()) - pinned.at),
      reason = "nightjar rollback; neither weights nor templates change until `nightjar resume`" })
  end
end

---What is pinned now, with its files.
---@return { generation: string, files: table[], memory: table }? held nil when nothing is pinned
---@return string? err a pin is there and cannot be followed: what is in force must stay
function hold:look()
  local pinned, err = pin.read(self.settings.state_dir)
  if not pinned and err then
    return nil, err
  end
  self:say(pinned)
  if not pinned then
    self.held = nil
    return nil
  elseif self.held and self.held.generation == pinned.generation then
    return self.held
  end
  local entry = self.state.history:of(pinned.generation)
  if not entry then
    return nil, ("%s: generation %s is not in the history; `nightjar resume` ends the pin")
      :format(pin.path(self.settings.state_dir), pinned.generation)
  end
  local files, kept = self.state.history:read(entry)
  if not files then
    return nil, kept --[[@as string]]
  end
  self.held = { generation = pinned.generation, files = files, memory = kept }
  return self.held
end

-- Clusters that the routes in force name: they must not leave before these routes have.
local function named_in_force(accepted)
  local names, seen = {}, {}
  memory.each_route(accepted, function(_, route)
    for _, name in ipairs(memory.named(route)) do
      if not seen[name] then
        names[#names + 1], seen[name] = name, true
      end
    end
  end)
  return names
end

function hold:published(path)
  return (file.read(self.settings.config_dir .. "/" .. path, MAX_FILE))
end

-- Where endpoints are today: what the plan has made, or what is in force where there is no plan.
local function today(self, record, held, problem)
  local contents, clusters = {}, {}
  for _, one in ipairs(problem and held.files or record.files) do
    contents[one.path] = problem and self:published(one.path) or one.content
  end
  local accepted = self.state.accepted
  for _, cluster in ipairs(problem and accepted and accepted.clusters
    or record.plan and record.plan.clusters or {}) do
    clusters[cluster.name] = cluster
  end
  return contents, clusters
end

---Put the pinned generation in the place of what the plan has made.
---@param record table of the pass; its `files`, `copies` and `memory` change
---@param held table what `look` returned
---@param problem string? why there is no plan today: told once, for the pin holds all the same
---@return table record
function hold:apply(record, held, problem)
  if problem and problem ~= self.problem then
    log.error("plan_failed", { reason = problem, pinned = held.generation })
  end
  self.problem = problem
  local contents, clusters = today(self, record, held, problem)
  record.files, record.memory = rollback.files(held.files, held.memory, {
    files = contents, clusters = clusters, named = named_in_force(self.state.accepted),
    read = function(path) return self:published(path) end,
  })
  record.copies, record.held = {}, held
  return record
end

return hold
