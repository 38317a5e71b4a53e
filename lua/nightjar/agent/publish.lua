-- The publish stage: puts a generation's files where Envoy reads them, in an order in which every
-- step is a valid configuration: clusters, routes, listeners, then removals. Each step is
-- confirmed by Envoy before the next; a refused generation goes back, whole, in the reverse order.

local acknowledge = require("nightjar.agent.acknowledge")
local file = require("host.file")
local json = require("host.json")
local log = require("nightjar.log")
local lost_folder = require("nightjar.agent.lost_folder")
local resources = require("nightjar.agent.resources")
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
    files[#files + 1] = resources.of(copy.path, copy.content)
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
---@param files table[] each gets the `hash` of its content
---@return string
local function fingerprint(files)
  local parts = {}
  for i, one in ipairs(files) do
    one.hash = json.hash(one.content)
    parts[i] = one.path .. "\0" .. one.hash
  end
  return json.hash(table.concat(parts, "\0"))
end

-- One publication on its way: what it has changed so far.
local work = {}
work.__index = work

function work:place(one)
  local path = self.folder .. "/" .. one.path
  if self.deafened and not self.lost then
    self.lost = lost_folder.look(self.folder, one.path, self.published, self.all)
    self.deaf = self.lost and self.deafened(self.lost) or self.deaf
  end
  local ok, err = file.mkdir(path:match("^(.*)/"))
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

---Note in the way back what is about to change. Without an accepted generation there is none, and
---files of the accepted one that somebody has removed or spoiled are none.
function work:note(entries)
  if #entries > 0 and self.published and self.generation ~= self.in_force then
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
---@return table[]? refused
function work:write(step)
  local changed, before = self:compare(step)
  if not changed then
    return nil, before --[[@as string]]
  elseif #changed > 0 and self.silence then
    return nil, self.silence, "lost"
  end
  if step == "bootstrap" and self.check then
    for _, one in ipairs(changed) do
      local ok, err, code = self.check(one)
      if not ok then
        return nil, err, code, { one }
      end
    end
  end
  self:note(before)
  for _, one in ipairs(changed) do
    local ok, err = self:place(one)
    if not ok then
      return nil, err
    end
    self.changed[#self.changed + 1] = one.path
    self.written[one.path] = true
  end
  return changed
end

---Whether the Envoy that runs cannot read a file yet, as a template has a new name: of routes the
---listeners tell it the path, of clusters and listeners the bootstrap, and these come later.
function work:is_moved(one, step)
  if not self.published or self.fresh or step ~= one.step then
    return false
  end
  for _, path in ipairs(self.published) do
    if path == one.path then
      return false
    end
  end
  local bootstrap = step ~= "routes" and self:compare("bootstrap")
  return step == "routes" or bootstrap and #bootstrap > 0
end

---The files that Envoy must run for this step to be done. The counters of what has no version of
---ours tell nothing of a file that was not touched.
function work:to_confirm(step)
  local files = {}
  for _, one in ipairs(self.files) do
    -- Route configurations of new listeners are confirmed with the listeners.
    local routes = step == "listeners" and one.step == "routes" and not one.counted
    if (one.step == step or routes) and (not one.counted or self.written[one.path])
      and not self:is_moved(one, step) then
      files[#files + 1] = one
    end
  end
  return files
end

---Wait until Envoy runs this step's files, or for a settling time where it cannot be asked.
---@return true? ok
---@return string? err
---@return string? code
---@return table[]? refused
function work:confirm(step, changed, before)
  if not ACKNOWLEDGED[step] or self.deaf then
    return true
  elseif not before then
    -- Nobody can have read what was not there before.
    if self.settle and #changed > 0 and self.replaced then
      sched.sleep(SETTLE)
    end
    return true
  end
  return acknowledge.wait(self.envoy, self:to_confirm(step), {
    before = before, fresh = self.fresh, alive = self.alive,
    again = function(one) return self:place(one) end,
  })
end

---@return true? ok
---@return string? err
---@return string? code
---@return table[]? refused
function work:step(step)
  local before, err
  if ACKNOWLEDGED[step] and self.envoy then
    before, err = self.envoy:subscriptions()
    if not before then
      return nil, err, self.alive and not self.alive() and "died" or "lost"
    end
  end
  local changed, problem, code, refused = self:write(step)
  if not changed then
    return nil, problem, code, refused
  end
  return self:confirm(step, changed, before)
end

---Remove what the generation before this one had and this one has not, and what a publication
---that came to nothing left.
---@return string[] removed
---@return string[] left what could not be removed: the next publication tries again
function work:remove()
  local kept, removed, left, gone = {}, {}, {}, {}
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
        left[#left + 1] = path
      end
    end
  end
  return removed, left
end

---What there is to say of a refusal. A bootstrap was judged, with a reason, before it was in place.
function work:refusal(step, err, refused)
  local refusal = { generation = self.generation, files = {}, reason = err }
  for i, one in ipairs(refused) do
    refusal.files[i] = one.path
  end
  if ACKNOWLEDGED[step] and self.explain then
    local reason
    reason, refusal.outside = self.explain(refused, self.files)
    refusal.reason = err .. ": " .. reason
  end
  return refusal
end

local function restore_step(self, step)
  self.files = {}
  for _, entry in ipairs(self.undo.entries) do
    if entry.step == step and entry.content then
      local one = resources.of(entry.path, entry.content)
      one.step = step
      self.files[#self.files + 1], self.written[one.path] = one, true
    end
  end
  for _, one in ipairs(self.files) do
    local ok, err = self:place(one)
    if not ok then
      return nil, err
    end
  end
  return true
end

---Put the last accepted generation back, last step first, each confirmed as far as Envoy answers.
---@param input { undo: table, envoy: table?, settle: boolean?, published: string[]?,
---  deafened: (fun(folder: string): boolean)?, deaf: boolean? } as for `run`
---@param settings table `config_dir`
---@return true? ok also when there was nothing to put back
---@return string? err a file could not be written or removed; what is noted stays noted
function publish.restore(input, settings)
  local undo = input.undo
  if not undo:pending() then
    return true
  end
  local self = setmetatable({
    folder = settings.config_dir, undo = undo, envoy = input.envoy, settle = input.settle,
    replaced = true, fresh = true, written = {}, published = input.published, all = undo.entries,
    deafened = input.deafened, deaf = input.deaf,
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
      local ok, err, code = file.remove(self.folder .. "/" .. entry.path)
      if not ok and code ~= "ENOENT" then
        return nil, "publish: restore: " .. err
      end
    end
  end
  log.warn("restored", { files = paths })
  undo:clear()
  return true
end

---The end of a publication that did not come to its end: what Envoy refused, or died of, goes back
---before anything else can start from it. What is only late stays: each prefix is valid.
---@return nil
---@return string err
---@return table? refusal
function work:fail(step, err, code, refused)
  local where = "publish: generation " .. self.generation .. ": "
  -- An Envoy that was shown nothing new has died of something else.
  local shown = #self.changed > 0 or self.undo:pending()
  if code ~= "refused" and not (code == "died" and shown) then
    return nil, where .. err
  end
  local refusal = { generation = self.generation, files = {}, reason = err, died = true,
    outside = true }
  if code == "refused" then
    refusal = self:refusal(step, err, refused)
  else
    self.envoy, self.settle = nil, nil -- nobody is left to confirm
  end
  local back, problem = publish.restore(self, { config_dir = self.folder })
  return nil, where .. refusal.reason .. (back and "" or "; " .. problem), refusal
end

---Publish a generation.
---@param input { files: table[], copies: table[], published: string[]?, in_force: string?,
---  refused: table?, undo: table, envoy: table?, settle: boolean?,
---  deafened: (fun(folder: string): boolean)?, deaf: boolean?,
---  check: (fun(file: table): true?, string?, string?)?,
---  explain: (fun(refused: table[], files: table[]): string, boolean)?,
---  alive: (fun(): boolean)?, silence: string? } what `nightjar-plan` rendered and the operator's
---  own files; `published`: paths of the last accepted generation, `in_force` its name; `refused`:
---  the refusal that this function returned before; `undo`: the way back (agent/undo.lua), which
---  the caller clears once the generation is accepted; `envoy`: the admin interface of a running
---  Envoy; `settle`: an Envoy that cannot be asked reads the folder; `deafened`: called when a
---  folder that Envoy reads from has to be made anew; whether it is `deaf` from then on, and not to
---  be asked; `check`: judges a bootstrap; `explain`: why Envoy refused files, and whether the
---  cause lies outside of them; `alive`: whether the Envoy that was asked still runs; `silence`:
---  why no file may change now
---@param settings table `config_dir`
---@return { generation: string, changed: string[], removed: string[], left: string[],
---  files: table[] }? done `left`: could not be removed; `files`: all of the generation, in the
---  order of their steps
---@return string? err
---@return { generation: string, files: string[], reason: string, outside: boolean?,
---  died: boolean? }? refusal when Envoy refused this generation, now or before, or `died` of it
function publish.run(input, settings)
  local files = in_order(input)
  local generation = fingerprint(files)
  if input.refused and generation == input.refused.generation then
    -- The way back may have failed when it was refused: a full disk.
    local back, problem = publish.restore(input, settings)
    return nil, ("publish: generation %s: Envoy refused it before; it is not tried again until it "
      .. "changes: %s"):format(generation, input.refused.reason)
      .. (back and "" or "; " .. problem), input.refused
  end
  local self = setmetatable({
    files = files, all = files, generation = generation, folder = settings.config_dir, changed = {},
    written = {}, envoy = input.envoy, settle = input.settle, check = input.check,
    undo = input.undo, published = input.published, explain = input.explain,
    alive = input.alive, silence = input.silence, in_force = input.in_force,
    deafened = input.deafened, deaf = input.deaf,
  }, work)
  for _, step in ipairs(STEPS) do
    local ok, err, code, refused = self:step(step)
    if not ok then
      return self:fail(step, err, code, refused)
    end
  end
  local removed, left = self:remove()
  return { generation = generation, changed = self.changed, removed = removed, left = left,
    files = files }
end

return publish
