-- What the agent keeps across a restart, in `$TMP_DIR/nightjar-state/`: the last good snapshot, the
-- last accepted generation, the way back to it while another one is being published, the history,
-- and what Envoy refused.

local file = require("host.file")
local form = require("nightjar.agent.form")
local history = require("nightjar.agent.history")
local json = require("host.json")
local log = require("nightjar.log")
local owner = require("nightjar.agent.owner")
local stored = require("nightjar.agent.stored")
local undo = require("nightjar.agent.undo")

local state = {}
state.__index = state

-- A snapshot that differs only in its times is written this seldom: an unchanged pass writes
-- nothing, and an age read after a restart is wrong by no more than this.
local REFRESH = 300 -- seconds
-- When something was read is no part of what it says; but attributes may have any name.
local UNTIMED = { read_at = true, taken_at = true }
local NAMED_BY_OTHERS = "attributes"

-- What is in force grows with the mesh and is wanted at a change alone: it is on disk, and read
-- from there.
local HEAVY = { clusters = true, plan_listeners = true }

local function read(path)
  local value, err = stored.read(path, form[path:match("([^/]*)%.json$")])
  if err then
    log.warn("state_unreadable", { path = path, reason = err })
  end
  return value
end

-- The same without what is heavy, which is there all the same when somebody asks.
local function lightened(accepted, path)
  local light = {}
  for key, value in pairs(accepted) do
    light[key] = not HEAVY[key] and value or nil
  end
  -- Who asks for one of them asks for the other too. As long as somebody has what was read, it is
  -- not read again; for most of the time nobody has.
  local last = setmetatable({}, { __mode = "v" })
  return setmetatable(light, { __index = function(_, key)
    if not HEAVY[key] then
      return nil
    end
    local known = last[key]
    local whole = known == nil and read(path)
    if not whole or whole.generation ~= light.generation then
      return known
    end
    for name in pairs(HEAVY) do
      last[name] = whole[name]
    end
    return whole[key]
  end })
end

-- What a killed agent was writing, or had Envoy judge (agent/bootstrap.lua).
local function sweep(directory)
  file.sweep(directory)
  for _, item in ipairs(file.list(directory) or {}) do
    if item.name:match("^candidate%-") then
      file.remove(directory .. "/" .. item.name)
    end
  end
end

---The state below a folder, with what an earlier agent left there.
---A damaged file is named in a warning and treated as absent.
---@param directory string
---@return table? state
---@return string? err the folder cannot be made, or another agent works with it
function state.open(directory)
  local ok, err = file.mkdir(directory)
  if not ok then
    return nil, err
  end
  local claimed, problem, code, lock = owner.claim(directory)
  if code == "taken" then
    return nil, problem
  end
  local accepted = read(directory .. "/accepted.json")
  if not claimed and not accepted then
    return nil, problem
  elseif not claimed then
    -- A disk that is full, or read-only, is no reason not to serve what is on it.
    log.warn("state_not_saved", { reason = problem })
  end
  sweep(directory)
  local past
  past, problem = history.open(directory)
  if problem then
    log.warn("state_unreadable", { path = past.folder, reason = problem })
  end
  return setmetatable({
    directory = directory, claimed = claimed, lock = lock, history = past,
    refused_path = directory .. "/refused.json", refused = read(directory .. "/refused.json"),
    snapshot_path = directory .. "/snapshot.json",
    accepted_path = directory .. "/accepted.json",
    snapshot = read(directory .. "/snapshot.json"),
    accepted = accepted and lightened(accepted, directory .. "/accepted.json"),
    undo = undo.open(directory, accepted),
    saved = nil, -- the stored snapshot without its times, and when it was stored
    came = 0, refusals = 0, -- generations that came into force, and that Envoy refused
  }, state)
end

---Give the folder up: from here on another agent may take it.
function state:leave()
  if self.lock then
    self.lock:close()
  end
end

-- Whether two values say the same, whenever they were read. What discovery found unchanged is the
-- very table that it was.
local function same(a, b, verbatim)
  if a == b then
    return true
  elseif type(a) ~= "table" or type(b) ~= "table" then
    return false
  end
  local more = 0
  for key, item in pairs(a) do
    local other = b[key]
    if item ~= other and (verbatim or not UNTIMED[key])
      and not same(item, other, verbatim or key == NAMED_BY_OTHERS) then
      return false
    end
    more = other == nil and more or more - 1
  end
  for _ in pairs(b) do more = more + 1 end
  return more == 0 -- else there is something in `b` that is not in `a`
end

local function without_times(record)
  local copy = {}
  for key, item in pairs(record) do
    if not UNTIMED[key] then
      copy[key] = item
    end
  end
  return copy
end

-- A snapshot whose meshes and services are made over: by `mend`, which gets each of the three.
local function made_over(snapshot, mend)
  local copy = mend(snapshot)
  copy.meshes = json.array({})
  for i, mesh in ipairs(snapshot.meshes) do
    local one = mend(mesh)
    one.services = mesh.services and json.array({})
    for j, service in ipairs(mesh.services or {}) do
      one.services[j] = mend(service)
    end
    copy.meshes[i] = one
  end
  return copy
end

-- The instances are most of a large mesh, and stand in whatever is written of it.
local function with_instances_written(record)
  local copy = {}
  for key, item in pairs(record) do
    copy[key] = key == "instances" and assert(json.written(item)) or item
  end
  return copy
end

-- What a snapshot says, whenever it was read. Only the snapshot, its meshes and their services have
-- such times.
local function content_of(snapshot)
  return json.hash(assert(json.encode(made_over(snapshot, without_times))))
end

local function encode(path, value)
  local text, err = json.encode(value)
  return text or error("state: " .. path .. ": " .. err)
end

local function written_for(path, value)
  local written, err = json.written(value)
  return written or error("state: " .. path .. ": " .. err)
end

local function write(path, text)
  local ok, problem = file.write(path, text, { mode = 384 }) -- 0600: the owner's alone
  if not ok then
    log.warn("state_not_saved", { path = path, reason = problem })
  end
  return ok
end

---Keep a snapshot, on disk if it says something new.
---@param snapshot table
---@return string content the hash of what it says, whenever it was read
---@return userdata? written what json.encode writes as this snapshot, if it had to be written
function state:keep_snapshot(snapshot)
  local saved, before = self.saved, self.snapshot
  self.snapshot = snapshot
  local parts
  if not (saved and same(before, snapshot)) then
    parts = made_over(snapshot, with_instances_written)
  end
  local content = parts and content_of(parts) or saved.content
  -- The clock may have been set back.
  if saved and saved.content == content and math.abs(snapshot.taken_at - saved.at) < REFRESH then
    return content
  end
  local written = written_for(self.snapshot_path, parts or snapshot)
  if write(self.snapshot_path, encode(self.snapshot_path, written)) then
    self.saved = { content = content, at = snapshot.taken_at }
  end
  return content, written
end

---Keep at hand what share each color has, for who shows it often: reading it from disk each time
---would cost more than it takes.
function state:keep_weights()
  self.pack = require("nightjar.agent.weights").pack -- not loaded where nobody wants it
  self.weights = self.pack(self.accepted and self.accepted.plan_listeners)
end

-- Another generation than the one before is in force.
function state:note(accepted)
  self.came = self.came + 1
  if self.pack then
    self.weights = self.pack(accepted.plan_listeners)
  end
end

-- The parts of a memory, of which some are large, for all that is written of them.
local function written_parts(path, memory)
  local written = {}
  for name, value in pairs(memory) do
    written[name] = written_for(path, value)
  end
  return written
end

local function added(to, fields)
  for name, value in pairs(fields) do
    to[name] = value
  end
  return to
end

---Keep what was accepted: what the next pass must know of it, and the published paths.
---@param accepted table `generation`, `paths`, …; gets the fields of the memory
---@param memory table what `memory.of` returned
---@return table written what json.encode writes as the memory
function state:keep_accepted(accepted, memory)
  if not self.claimed then
    local _, lock
    self.claimed, _, _, lock = owner.claim(self.directory, self.lock)
    self.lock = self.lock or lock
  end
  accepted.format = 1
  local written = written_parts(self.accepted_path, memory)
  local text = encode(self.accepted_path, added(added({}, accepted), written))
  added(accepted, memory)
  if not self.accepted or self.accepted.generation ~= accepted.generation then
    self:note(accepted)
  end
  local hash = json.hash(text)
  if self.accepted_hash ~= hash then
    self.accepted_hash = write(self.accepted_path, text) and hash
    self.accepted = self.accepted_hash and lightened(accepted, self.accepted_path) or accepted
  end
  return written
end

---Keep what Envoy refused, so that a restart does not try it again.
---@param refused { generation: string, reason: string, outside: boolean? }? nil: nothing is refused
function state:keep_refused(refused)
  if refused then
    refused.format, self.refusals = 1, self.refusals + 1
    write(self.refused_path, encode(self.refused_path, refused))
  elseif self.refused then
    file.remove(self.refused_path)
  end
  self.refused = refused
end

return state
