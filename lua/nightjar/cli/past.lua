-- What `history`, `rollback` and `resume` share: the agent's state folder, seen from another shell.

local file = require "host.file"
local history = require "nightjar.agent.history"
local json = require "host.json"
local owner = require "nightjar.agent.owner"
local pin = require "nightjar.agent.pin"
local sched = require "nightjar.agent.sched"

local past = {}

local MAX_FILE = 256 * 1024 * 1024 -- bytes
local WAIT = 20                    -- seconds for the agent to follow
local LOOK = 0.1                   -- seconds between two looks

---What is in force, as the agent noted it.
---@param settings table `state_dir`
---@return table? accepted nil when nothing is, or the note cannot be read
---@return string? err why it cannot be read
function past.accepted(settings)
  local path = settings.state_dir .. "/accepted.json"
  local text, err, code = file.read(path, MAX_FILE)
  if not text then return nil, code ~= "ENOENT" and err or nil end
  local value, problem = json.decode(text, { max_depth = 64 })
  if type(value) ~= "table" or type(value.generation) ~= "string" then
    return nil, ("%s: %s"):format(path, problem or "expected a generation")
  end
  return value
end

---The history with what is in force and what is pinned.
---@param settings table `state_dir`
---@return { entries: table[], accepted: table?, pinned: table?, history: table }? view
---@return string? err
function past.read(settings)
  local kept, err = history.open(settings.state_dir)
  if err then return nil, err end
  local pinned, problem = pin.read(settings.state_dir)
  if problem then return nil, problem end
  return { entries = kept.entries, history = kept, pinned = pinned,
    accepted = past.accepted(settings) }
end

---@param at integer unix seconds
---@return string
function past.utc(at)
  return tostring(os.date("!%Y-%m-%dT%H:%M:%SZ", at))
end

---Wait until the agent has done what was asked for.
---@param settings table `state_dir`
---@param done fun(accepted: table): boolean
---@return "done"|"absent"|"late" outcome `absent`: no agent runs with this folder; `late`: it has
---  not followed within 20 seconds
function past.await(settings, done)
  return sched.run(function()
    local deadline = sched.now() + WAIT
    repeat
      local accepted = past.accepted(settings)
      if not owner.of(settings.state_dir) then return "absent" end
      if accepted and done(accepted) then return "done" end
      sched.sleep(LOOK)
    until sched.now() >= deadline
    return "late"
  end)
end

return past
