-- Tells an operator's program or URL what became of generations (docs/hooks.md). It runs beside the
-- passes and never holds one up: events wait in a short queue, out of which the oldest fall when
-- the hook is slow, so that the newest state always arrives. Loaded only where HOOK is set.

local clock = require("host.clock")
local file = require("host.file")
local hook_call = require("nightjar.agent.hook_call")
local json = require("host.json")
local log = require("nightjar.log")
local program = require("host.program")
local sched = require("nightjar.agent.sched")
local text = require("nightjar.text")

local hook = {}
hook.__index = hook

local LIMIT = 16          -- events that wait
local MAX_TEXT = 2000     -- bytes of the sentence for people
local MAX_VALUE = 65536   -- bytes of any other text
local LOOK = 0.05         -- seconds between two looks whether all is told
local KILLED_WITHIN = 0.2 -- seconds for a program that was given up to be reaped

-- What an event may carry besides its name, time, place and text.
local FACTS = { "generation", "cause", "difference", "pinned", "reason", "files", "in_force",
  "services", "which", "oldest_seconds", "other_reasons", "seconds" }

local function hostname()
  return (file.read("/proc/sys/kernel/hostname", 1024) or ""):match("%S+")
end

---@param settings table `hook`, `hook_timeout`, `service_member`, `environment`
---@return table hook `succeeded` is called after each event that the hook has taken
function hook.new(settings)
  return setmetatable({ settings = settings, waiting = {}, missed = 0, task = nil,
    place = { host = hostname(), member = settings.service_member,
      nightjar = program.version }, succeeded = function() end }, hook)
end

---A hook that is told what a pass tells.
---@param pass table (agent/pass.lua)
---@param settings table as for `new`
---@return table hook
function hook.attach(pass, settings)
  local self = hook.new(settings)
  function pass.tell(event, facts)
    -- A mesh that is stale is so for what is in force.
    self:tell(event, setmetatable({ generation = facts.generation or pass:in_force() },
      { __index = facts }))
  end
  return self
end

local SENTENCES = {
  accepted = function(facts)
    return ("generation %s is in force (%s): %s"):format(facts.generation, facts.cause,
      table.concat(facts.difference or {}, "; "))
  end,
  refused = function(facts)
    return ("Envoy refused generation %s, %s stays in force: %s"):format(facts.generation,
      facts.in_force, facts.reason)
  end,
  stale = function(facts)
    return ("%s cannot be read and keeps its old data: %s"):format(facts.which, facts.reason)
  end,
  fresh = function(facts)
    return ("all is read again, after %s seconds"):format(facts.seconds)
  end,
}

-- `text` is what chat programs show; the name fits those of Slack and its like.
local function sentence(event, facts, place)
  local where = place.host and "nightjar on " .. place.host or "nightjar"
  return text.clean(where .. ": " .. SENTENCES[event](facts), MAX_TEXT)
end

-- What others have written is made fit for JSON, which is UTF-8.
local function fit(value)
  if type(value) == "string" then
    return text.clean(value, MAX_VALUE)
  elseif type(value) ~= "table" then
    return value
  end
  local list = json.array({})
  for i, item in ipairs(value) do
    list[i] = fit(item)
  end
  return list
end

---Tell of an event. Returns at once.
---@param event "accepted"|"refused"|"stale"|"fresh"
---@param facts table what the log says of it
function hook:tell(event, facts)
  local one = { event = event, at = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(clock.now())),
    text = sentence(event, facts, self.place) }
  for key, value in pairs(self.place) do
    one[key] = value
  end
  for _, key in ipairs(FACTS) do
    one[key] = fit(facts[key])
  end
  if #self.waiting >= LIMIT then
    table.remove(self.waiting, 1)
    self.missed = self.missed + 1
    log.warn("hook_behind", { hook = hook_call.label(self.settings.hook), missed = self.missed,
      reason = "it is slower than events come; the oldest are left out" })
  end
  self.waiting[#self.waiting + 1] = one
  self.task = self.task or sched.spawn(function() self:run() end)
end

function hook:call(one)
  one.missed, self.missed = self.missed > 0 and self.missed or nil, 0
  local ok, err = hook_call.run(self.settings, one.event, assert(json.encode(one)))
  if ok then
    return self.succeeded()
  end
  log.warn("hook_failed", { hook = hook_call.label(self.settings.hook), of = one.event,
    reason = err })
end

-- Tells what waits, one after the other. An error of ours must not take the agent along.
function hook:run()
  while self.waiting[1] do
    local ran, err = xpcall(self.call, debug.traceback, self, table.remove(self.waiting, 1))
    if not ran then
      log.error("internal_error", { reason = err })
    end
  end
  self.task = nil
end

---The agent ends, or becomes another program: what waits is told as far as the time goes; then the
---hook is given up.
---@param seconds number
---@param urgent fun(): boolean the operator wants the end now
function hook:finish(seconds, urgent)
  local deadline = sched.now() + seconds
  while self.task and sched.now() < deadline and not urgent() do
    sched.sleep(LOOK)
  end
  if self.task then
    log.warn("hook_given_up", { hook = hook_call.label(self.settings.hook),
      untold = #self.waiting + 1 })
    self.task:cancel()
    self.task, self.waiting = nil, {}
    sched.sleep(KILLED_WITHIN)
  end
end

return hook
