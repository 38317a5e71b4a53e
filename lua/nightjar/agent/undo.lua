-- What a publication replaced, until it is accepted: the way back to the last accepted generation,
-- whole, after a refusal and after a kill in the midst of it.

local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")

local undo = {}
undo.__index = undo

local MAX_FILE = 256 * 1024 * 1024 -- bytes
-- Only what decides over Envoy's configuration is kept on disk.
local KEPT = { clusters = true, routes = true, listeners = true, bootstrap = true }

---The way back that an earlier agent left, or none.
---@param directory string
---@param accepted table? the last accepted generation: the way back from that one is over
---@return table undo
function undo.open(directory, accepted)
  local self = setmetatable({ path = directory .. "/undo.json", entries = {} }, undo)
  local text, err, code = file.read(self.path, MAX_FILE)
  if not text then
    if code ~= "ENOENT" then
      log.warn("state_unreadable", { path = self.path, reason = err })
    end
    return self
  end
  local value, problem = json.decode(text)
  if type(value) ~= "table" or value.format ~= 1 or type(value.entries) ~= "table" then
    log.warn("state_unreadable", { path = self.path, reason = problem or "expected format 1" })
  elseif accepted and value.generation ~= accepted.generation then
    self.entries = value.entries
  end
  return self
end

---Is there anything to put back?
function undo:pending()
  return #self.entries > 0
end

---Was this path noted? Then what it held is in the entry.
---@return { path: string, step: string, content: string? }?
function undo:find(path)
  for _, entry in ipairs(self.entries) do
    if entry.path == path then
      return entry
    end
  end
end

local function save(self, generation)
  local kept = {}
  for _, entry in ipairs(self.entries) do
    -- An operator's own files may hold any bytes, and JSON holds text.
    if KEPT[entry.step] and (not entry.content or utf8.len(entry.content)) then
      kept[#kept + 1] = entry
    end
  end
  local text, err = json.encode {
    format = 1, generation = generation, entries = json.array(kept),
  }
  local ok = text and true or nil
  if ok then
    ok, err = file.write(self.path, text, { mode = 384 }) -- 0600: the owner's alone
  end
  return ok, err
end

---Note what files held, before they change. A path keeps what was noted first.
---@param generation string the one that is being published
---@param entries { path: string, step: string, content: string? }[] no content: no file
---@return true? ok
---@return string? err it could not be stored; it is remembered all the same
function undo:note(generation, entries)
  local new = false
  for _, entry in ipairs(entries) do
    if not self:find(entry.path) then
      self.entries[#self.entries + 1] = entry
      new = new or KEPT[entry.step]
    end
  end
  if not new then
    return true
  end
  return save(self, generation)
end

---Forget: the publication was accepted, or all is back.
function undo:clear()
  self.entries = {}
  local ok, err, code = file.remove(self.path)
  if not ok and code ~= "ENOENT" then
    log.warn("state_not_saved", { path = self.path, reason = err })
  end
end

return undo
