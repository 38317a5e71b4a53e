-- What a publication replaced, until it is accepted: the way back to the last accepted generation,
-- whole, after a refusal and after a kill in the midst of it.

local file = require("host.file")
local form = require("nightjar.agent.form")
local json = require("host.json")
local log = require("nightjar.log")
local stored = require("nightjar.agent.stored")

local undo = {}
undo.__index = undo

-- Only what decides over Envoy's configuration is kept on disk.
local KEPT = { clusters = true, routes = true, listeners = true, bootstrap = true }

---The way back that an earlier agent left, or none.
---@param directory string
---@param accepted table? the last accepted generation: the way back from that one is over
---@return table undo
function undo.open(directory, accepted)
  local self = setmetatable({ path = directory .. "/undo.json", entries = {},
    generation = nil }, undo) -- `generation`: the one that is named on disk
  local value, err = stored.read(self.path, form.undo)
  self.on_disk = value ~= nil or err ~= nil
  if err then
    log.warn("state_unreadable", { path = self.path, reason = err })
  elseif value and accepted and value.generation == accepted.generation then
    self:clear()
  elseif value and accepted then
    self.entries, self.generation = value.entries, value.generation
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
    self.on_disk = true
    ok, err = file.write(self.path, text, { mode = 384 }) -- 0600: the owner's alone
    self.generation = ok and generation
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
  -- Which generation it is that ends the way back counts too.
  if not new and (not self.on_disk or self.generation == generation) then
    return true
  end
  return save(self, generation)
end

---Forget: the publication was accepted, or all is back. What could not be removed is tried again by
---the next call.
function undo:clear()
  self.entries, self.generation = {}, nil
  if not self.on_disk then
    return
  end
  local ok, err, code = file.remove(self.path)
  if ok or code == "ENOENT" then
    self.on_disk = false
  else
    log.warn("state_not_saved", { path = self.path, reason = err })
  end
end

return undo
