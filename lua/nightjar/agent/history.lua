-- The last accepted generations, whole, in `nightjar-state/history/`: what `nightjar history` lists
-- and `nightjar rollback` goes back to. Contents are kept once, by their hash; an index names them.

local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")
local stored = require("nightjar.agent.stored")

local history = {}
history.__index = history

local KEPT = 10                    -- generations
local MAX_FILE = 256 * 1024 * 1024 -- bytes
local OWNER_ALONE = 384            -- 0600
-- What an entry says of each of its files besides the content.
local FACTS = { "path", "step", "kind", "version", "counted", "resources" }

-- An entry is used by code that trusts it; a damaged index must end here.
local function check_entry(entry)
  if type(entry) ~= "table" or type(entry.generation) ~= "string" or type(entry.files) ~= "table"
    or not math.tointeger(entry.at) or type(entry.difference) ~= "table"
    or type(entry.memory) ~= "string" then
    return false
  end
  for _, one in ipairs(entry.files) do
    if type(one) ~= "table" or type(one.path) ~= "string" or type(one.hash) ~= "string"
      or type(one.step) ~= "string" or type(one.resources) ~= "table" then
      return false
    end
  end
  return true
end

local function read_index(path)
  local value, err = stored.read(path)
  if not value then
    return not err and {} or nil, err
  elseif type(value.entries) ~= "table" then
    return nil, path .. ": expected entries"
  end
  for i, entry in ipairs(value.entries) do
    if not check_entry(entry) then
      return nil, ("%s: entries[%d]: expected an accepted generation"):format(path, i)
    end
  end
  return value.entries
end

---The history below a state folder. Reads the index alone, changes nothing.
---@param directory string the state folder
---@return table history `entries`, newest first; none when the index is damaged
---@return string? err what is wrong with the index
function history.open(directory)
  local folder = directory .. "/history"
  local entries, err = read_index(folder .. "/index.json")
  return setmetatable({ folder = folder, entries = entries or {} }, history), err
end

---The entry that a person means.
---@param which string? a number as `nightjar history` shows it, or the beginning of a
---  generation's name (at least 4 characters)
---@return table? entry
---@return string? err
function history:find(which)
  local number = #which < 4 and math.tointeger(tonumber(which))
  if number then
    local entry = self.entries[number + 1]
    if entry and number >= 0 then
      return entry
    end
    return nil, ("%s: expected a number from 0 to %d"):format(which, #self.entries - 1)
  end
  local found
  for _, entry in ipairs(self.entries) do
    if #which >= 4 and entry.generation:sub(1, #which) == which then
      -- One that came into force again stands in the list twice.
      if found and found.generation ~= entry.generation then
        return nil, which .. ": more than one generation is called so"
      end
      found = found or entry
    end
  end
  if not found then
    return nil, which .. ": expected a number or a generation of `nightjar history`"
  end
  return found
end

---The newest entry of a generation.
---@param generation string
---@return table? entry
function history:of(generation)
  for _, entry in ipairs(self.entries) do
    if entry.generation == generation then
      return entry
    end
  end
end

---Whether a generation is the one that was kept last.
---@param generation string
---@return boolean
function history:has_newest(generation)
  local newest = self.entries[1]
  return newest ~= nil and newest.generation == generation
end

function history:read_content(hash)
  local text, err = file.read(self.folder .. "/" .. hash, MAX_FILE)
  if not text then
    return nil, err
  elseif json.hash(text) ~= hash then
    return nil, ("%s/%s: damaged: its content has another hash"):format(self.folder, hash)
  end
  return text
end

---The files of an entry, with their contents, and what linger needs to know of it.
---@param entry table
---@return table[]? files as they were published
---@return table|string memory what `keep` was given, or the message
function history:read(entry)
  local files = {}
  for i, known in ipairs(entry.files) do
    local content, err = self:read_content(known.hash)
    if not content then
      return nil, err
    end
    local one = { content = content }
    for _, name in ipairs(FACTS) do
      one[name] = known[name]
    end
    files[i] = one
  end
  local text, err = self:read_content(entry.memory)
  local memory = text and json.decode(text, { max_depth = 64 })
  if type(memory) ~= "table" then
    return nil, err or self.folder .. ": damaged: expected an object"
  end
  return files, memory
end

-- Keeps one content under its hash, which may be known; returns that.
function history:store(content, hash)
  hash = hash or json.hash(content)
  local path = self.folder .. "/" .. hash
  if file.read(path, MAX_FILE) == content then
    return hash
  end
  local ok, err = file.write(path, content, { mode = OWNER_ALONE })
  return ok and hash, err
end

-- Removes what no entry names. Only after the index has been written, so that whoever reads one
-- finds what it names.
function history:tidy()
  local named = { ["index.json"] = true }
  for _, entry in ipairs(self.entries) do
    named[entry.memory] = true
    for _, one in ipairs(entry.files) do
      named[one.hash] = true
    end
  end
  for _, item in ipairs(file.list(self.folder) or {}) do
    if not named[item.name] then
      file.remove(self.folder .. "/" .. item.name)
    end
  end
end

function history:make_entry(accepted, files, memory)
  local entry = {
    generation = accepted.generation, at = accepted.at, cause = accepted.cause,
    difference = json.array(accepted.difference), files = json.array({}),
  }
  local err
  entry.memory, err = self:store(assert(json.encode(memory)))
  if not entry.memory then
    return nil, err
  end
  for i, one in ipairs(files) do
    local known = {}
    for _, name in ipairs(FACTS) do
      known[name] = one[name]
    end
    known.resources = json.array(known.resources or {})
    known.hash, err = self:store(one.content, one.hash)
    if not known.hash then
      return nil, err
    end
    entry.files[i] = known
  end
  return entry
end

-- Publishing goes on when a history cannot be kept.
local function complain(err)
  log.warn("history_not_saved", { reason = err })
end

---Keep an accepted generation, unless it is the newest one already; the oldest goes.
---@param accepted { generation: string, at: integer, cause: string, difference: string[] }
---  `at` in unix seconds
---@param files table[] what was published: `path`, `content`, `step`, …; `hash`, if that is known
---@param memory table what the next pass must know once this generation is in force again
function history:keep(accepted, files, memory)
  if self:has_newest(accepted.generation) then
    return
  end
  local ok, err = file.mkdir(self.folder, 448) -- 0700
  if not ok then
    return complain(err)
  end
  local entry
  entry, err = self:make_entry(accepted, files, memory)
  if not entry then
    return complain(err)
  end
  local entries = json.array({ entry })
  for i = 1, math.min(#self.entries, KEPT - 1) do
    entries[i + 1] = self.entries[i]
  end
  local text = assert(json.encode({ format = 1, entries = entries }))
  ok, err = file.write(self.folder .. "/index.json", text, { mode = OWNER_ALONE })
  if not ok then
    return complain(err)
  end
  self.entries = entries
  self:tidy()
end

return history
