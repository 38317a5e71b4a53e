-- The publish stage: puts a generation's files where Envoy reads them, in an order in which every
-- step is a valid configuration: clusters, routes, listeners, then removals. Each step is
-- confirmed by Envoy before the next; a refused generation goes back, whole.

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

-- One publication on its way: what it found, what it has changed so far.
local work = {}
work.__index = work

---Write the files of one step that differ from what is on disk.
---@return table[]? changed
---@return string? err
function work:write(step)
  local changed = {}
  for _, one in ipairs(self.files) do
    if one.step == step then
      local path = self.folder .. "/" .. one.path
      local old, err, code = file.read(path, MAX_FILE)
      if not old and code ~= "ENOENT" and code ~= "ENOTDIR" then
        return nil, err
      end
      if old ~= one.content then
        self.before[#self.before + 1] = { path = one.path, content = old, step = one.step }
        self.replaced = self.replaced or old ~= nil
        local ok, problem = place(self.folder, one)
        if not ok then
          return nil, problem
        end
        changed[#changed + 1] = one
      end
    end
  end
  return changed
end

---Put back what this publication replaced, last step first.
function work:restore()
  for i = #self.before, 1, -1 do
    local old = self.before[i]
    local ok, err = true, nil
    if old.content then
      ok, err = place(self.folder, old)
    end
    if not ok then
      log.error("restore_failed", { path = old.path, reason = err })
    end
  end
end

---Wait until Envoy runs this step's files, or for a settling time where it cannot be asked.
---@return true? ok
---@return string? err
---@return string? code
function work:confirm(step, changed, versions)
  if not ACKNOWLEDGED[step] then
    return true
  elseif not versions then
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
    before = versions,
    all = step == "listeners",
    again = function(one) return place(self.folder, one) end,
  })
end

function work:step(step)
  local versions = ACKNOWLEDGED[step] and self.envoy and self.envoy:versions() or nil
  local changed, err = self:write(step)
  if not changed then
    return nil, err
  end
  for _, one in ipairs(changed) do
    self.changed[#self.changed + 1] = one.path
  end
  return self:confirm(step, changed, versions)
end

---Remove what the generation before this one had and this one has not.
function work:remove(published)
  local kept, removed = {}, {}
  for _, one in ipairs(self.files) do
    kept[one.path] = true
  end
  for _, path in ipairs(published or {}) do
    if not kept[path] then
      local ok, err, code = file.remove(self.folder .. "/" .. path)
      if ok then
        removed[#removed + 1] = path
      elseif code ~= "ENOENT" then
        log.warn("remove_failed", { path = path, reason = err })
      end
    end
  end
  return removed
end

---Publish a generation.
---@param input { files: table[], copies: table[], published: string[]?, refused: string?,
---  envoy: table?, settle: boolean? } what `nightjar-plan` rendered and the operator's own files;
---  `published`: paths of the last accepted generation; `refused`: fingerprint of a generation that
---  Envoy refused; `envoy`: the admin interface of a running Envoy; `settle`: an Envoy that cannot
---  be asked reads the folder
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
    files = files, folder = settings.config_dir, envoy = input.envoy, settle = input.settle,
    before = {}, changed = {},
  }, work)
  for _, step in ipairs(STEPS) do
    local ok, err, code = self:step(step)
    if not ok then
      local refused = code == "refused" and generation or nil
      if refused then
        self:restore()
      end
      return nil, "publish: generation " .. generation .. ": " .. err, refused
    end
  end
  local done = { generation = generation, changed = self.changed, paths = {} }
  for i, one in ipairs(files) do
    done.paths[i] = one.path
  end
  done.removed = self:remove(input.published)
  return done
end

return publish
