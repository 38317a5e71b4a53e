-- The publish stage: puts a generation's files where Envoy reads them, in an order in which every
-- step is a valid configuration: clusters, routes, listeners, then removals. Each step is
-- confirmed by Envoy before the next; a refused generation goes back, whole, in the reverse order.

local acknowledge = require("nightjar.agent.acknowledge")
local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")
local sched = require("nightjar.agent.sched")

local publish = {}

-- `other` and `input` name nothing that Envoy is told of by name later; the bootstrap comes last
-- because it is read only by an Envoy that starts after it.
local STEPS = { "other", "input", "clusters", "routes", "listeners", "bootstrap" }
local ACKNOWLEDGED = { clusters = true, routes = true, listeners = true }
local SETTLE = 1.0               -- seconds per step where Envoy cannot be asked
local MAX_FILE = 64 * 1024 * 1024 -- bytes of one published file

---All files of a generation in the order of their steps, then of their paths.
local function in_order(input)
  local rank, files = {}, {}
  for i, step in ipairs(STEPS) do
    rank[step] = i
  end
  for _, one in ipairs(input.files) do
    files[#files + 1] = one
  end
  for _, copy in ipairs(input.copies) do
    files[#files + 1] = { path = copy.path, content = copy.content, step = "other" }
  end
  table.sort(files, function(a, b)
    local x, y = rank[a.step], rank[b.step]
    if x ~= y then
      return x < y
    end
    return a.path < b.path
  end)
  return files
end

---The fingerprint of a whole generation, for logs and to recognise one that was refused.
---@param files table[]
---@return string
local function fingerprint(files)
  local parts = {}
  for i, one in ipairs(files) do
    parts[i] = one.path .. "\0" .. json.hash(one.content)
  end
  return json.hash(table.concat(parts, "\0"))
end

local function place(folder, one)
  local path = folder .. "/" .. one.path
  local parent = path:match("^(.*)/")
  local ok, err = file.mkdir(parent)
  if not ok then
    return nil, err
  end
  local warning
  ok, warning = file.write(path, one.content)
  if not ok then
    return nil, warning
  elseif warning then
    log.warn("not_durable", { path = path, reason = warning })
  end
  return true
end

-- One publication on its way: what it has changed so far.
local work = {}
work.__index = work

---The files of one step that differ from what is on disk.
---@return table[]? different
---@return table[]|string before what the disk holds in their places, or the message
function work:compare(step)
  local different, before = {}, {}
  for _, one in ipairs(self.files) do
    if one.step == step then
      local old, err, code = file.read(self.folder .. "/" .. one.path, MAX_FILE)
      if not old and code ~= "ENOENT" and code ~= "ENOTDIR" then
        return nil, err
      elseif old ~= one.content then
        different[#different + 1] = one
        before[#before + 1] = { path = one.path, step = step, content = old }
        self.replaced = self.replaced or old ~= nil
      end
    end
  end
  return different, before
end

---Note in the way back what is about to change. Without an accepted generation there is none.
function work:note(entries)
  if #entries > 0 and self.published then
    local ok, err = self.undo:note(self.generation, entries)
    if not ok then
      log.warn("undo_not_saved", { reason = err })
    end
  end
end

---Write the files of one step that differ from what is on disk.
---@return table[]? changed
---@return string? err
---@return string? code
function work:write(step)
  local changed, before = self:compare(step)
  if not changed then
    return nil, before --[[@as string]]
  end
  if step == "bootstrap" and self.check then
    for _, one in ipairs(changed) do
      local ok, err, code = self.check(one)
      if not ok then
        return nil, err, code
      end
    end
  end
  self:note(before)
  for _, one in ipairs(changed) do
    local ok, err = place(self.folder, one)
    if not ok then
      return nil, err
    end
    self.changed[#self.changed + 1] = one.path
  end
  return changed
end

---Wait until Envoy runs this step's files, or for a settling time where it cannot be asked.
---@return true? ok
---@return string? err
---@return string? code
function work:confirm(step, changed, before)
  if not ACKNOWLEDGED[step] then
    return true
  elseif not before then
    -- Nobody can have read what was not there before.
    if self.settle and #changed > 0 and self.replaced then
      sched.sleep(SETTLE)
    end
    return true
  end
  local files = {}
  for _, one in ipairs(self.files) do
    -- Route configurations of new listeners are confirmed with the listeners.
    if one.step == step or (step == "listeners" and one.step == "routes") then
      files[#files + 1] = one
    end
  end
  return acknowledge.wait(self.envoy, files, {
    before = before, fresh = self.fresh,
    again = function(one) return place(self.folder, one) end,
  })
end

---@return true? ok
---@return string? err
---@return string? code
function work:step(step)
  local before, err
  if ACKNOWLEDGED[step] and self.envoy then
    before, err = self.envoy:subscriptions()
    if not before then
      return nil, err, "lost"
    end
  end
  local changed, problem, code = self:write(step)
  if not changed then
    return nil, problem, code
  end
  return self:confirm(step, changed, before)
end

---Remove what the generation before this one had and this one has not, and what a publication
---that came to nothing left.
---@return string[] removed
function work:remove()
  local kept, removed, gone = {}, {}, {}
  for _, one in ipairs(self.files) do
    kept[one.path] = true
  end
  for _, path in ipairs(self.published or {}) do
    gone[#gone + 1] = path
  end
  for _, entry in ipairs(self.undo.entries) do
    gone[#gone + 1] = not entry.content and entry.path or nil
  end
  for _, path in ipairs(gone) do
    local full = self.folder .. "/" .. path
    if not kept[path] then
      self:note { { path = path, step = "routes", content = file.read(full, MAX_FILE) } }
      local ok, err, code = file.remove(full)
      if ok then
        removed[#removed + 1] = path
      elseif code ~= "ENOENT" then
        log.warn("remove_failed", { path = path, reason = err })
      end
    end
  end
  return removed
end

-- A file that is put back, with what acknowledgement needs to know of it.
local function put_back(entry)
  local value = ACKNOWLEDGED[entry.step] and json.decode(entry.content)
  local resources = {}
  if type(value) == "table" and type(value.resources) == "table" then
    for _, resource in ipairs(value.resources) do
      resources[#resources + 1] = type(resource) == "table" and resource.name or nil
    end
  end
  return {
    path = entry.path, step = entry.step, content = entry.content, resources = resources,
    version = type(value) == "table" and value.version_info or nil,
  }
end

local function restore_step(self, step)
  self.files = {}
  for _, entry in ipairs(self.undo.entries) do
    if entry.step == step and entry.content then
      self.files[#self.files + 1] = put_back(entry)
    end
  end
  for _, one in ipairs(self.files) do
    local ok, err = place(self.folder, one)
    if not ok then
      return nil, err
    end
  end
  return true
end

---Put the last accepted generation back, last step first, each confirmed as far as Envoy answers.
---@param input { undo: table, envoy: table?, settle: boolean? } as for `run`
---@param settings table `config_dir`
---@return true? ok also when there was nothing to put back
---@return string? err a file could not be written; what is noted stays noted
function publish.restore(input, settings)
  local undo = input.undo
  if not undo:pending() then
    return true
  end
  local self = setmetatable({
    folder = settings.config_dir, undo = undo, envoy = input.envoy, settle = input.settle,
    replaced = true, fresh = true,
  }, work)
  for i = #STEPS, 1, -1 do
    local before = self.envoy and self.envoy:subscriptions() or nil
    local ok, err = restore_step(self, STEPS[i])
    if not ok then
      return nil, "publish: restore: " .. err
    end
    if #self.files > 0 then
      ok, err = self:confirm(STEPS[i], self.files, before)
      if not ok then
        log.warn("restore_unconfirmed", { reason = err })
      end
    end
  end
  local paths = {}
  for i, entry in ipairs(undo.entries) do
    paths[i] = entry.path
    if not entry.content then
      file.remove(self.folder .. "/" .. entry.path)
    end
  end
  log.warn("restored", { files = paths })
  undo:clear()
  return true
end

---Publish a generation.
---@param input { files: table[], copies: table[], published: string[]?, refused: string?,
---  undo: table, envoy: table?, settle: boolean?,
---  check: (fun(file: table): true?, string?, string?)? } what `nightjar-plan` rendered and the
---  operator's own files; `published`: paths of the last accepted generation; `refused`:
---  fingerprint of a generation that Envoy refused; `undo`: the way back (agent/undo.lua), which
---  the caller clears once the generation is accepted; `envoy`: the admin interface of a running
---  Envoy; `settle`: an Envoy that cannot be asked reads the folder; `check`: judges a bootstrap
---@param settings table `config_dir`
---@return { generation: string, changed: string[], removed: string[], paths: string[] }? done
---@return string? err
---@return string? refused the fingerprint, when Envoy refused this generation
function publish.run(input, settings)
  local files = in_order(input)
  local generation = fingerprint(files)
  if generation == input.refused then
    return nil, "publish: generation " .. generation .. ": Envoy refused it before; "
      .. "it is not tried again until it changes", generation
  end
  local self = setmetatable({
    files = files, generation = generation, folder = settings.config_dir, changed = {},
    envoy = input.envoy, settle = input.settle, check = input.check, undo = input.undo,
    published = input.published,
  }, work)
  for _, step in ipairs(STEPS) do
    local ok, err, code = self:step(step)
    if not ok then
      err = "publish: generation " .. generation .. ": " .. err
      if code ~= "refused" then
        return nil, err
      end
      local back, problem = publish.restore(input, settings)
      return nil, back and err or err .. "; " .. problem, generation
    end
  end
  local done = { generation = generation, changed = self.changed, paths = {} }
  for i, one in ipairs(files) do
    done.paths[i] = one.path
  end
  done.removed = self:remove()
  return done
end

return publish
