-- What a pass that changed nothing leaves settled. A plan is a pure function of the snapshot, the
-- policies, the templates, the settings, what is in force and the time; so while none of the first
-- five has moved, and nothing depended on the time, the next pass would make the same bytes. It
-- need not plan, render, compare or write: it only looks whether all is as it was.

local clock = require("host.clock")
local file = require("host.file")
local still = require("nightjar.agent.still")

local settled = {}
settled.__index = settled

-- Seconds that the latest change in a folder must be old for a stamp to count: file systems' clocks
-- have ticks, of a second in old formats, of two in FAT.
local CALM = 2.5
-- The limits of agent/sources.lua; whatever is larger is an error there.
local LIMITS = { max_files = 1000 }

---@param settings table `policy_dir`, `envoy_template_dir`, `config_dir`
---@return table settled
function settled.new(settings)
  return setmetatable({ settings = settings, kept = nil }, settled)
end

-- A folder's stamp; nil when it tells nothing.
local function stamp(directory)
  local folder = file.folder(directory)
  if not folder then
    return nil
  end
  local digest, changed = folder:stamp(LIMITS)
  folder:close()
  local calm = digest and math.abs(clock.now() - changed) >= CALM
  return calm and digest or nil
end

-- The state of what a plan is made of besides the mesh, taken before it is read.
local function sources_of(settings)
  local policies = stamp(settings.policy_dir)
  local templates = policies and stamp(settings.envoy_template_dir)
  return templates and policies .. templates
end

local function is_as_kept(kept, record, state)
  return kept ~= nil and not record.requested and record.sources == kept.sources
    and record.inputs.mesh == kept.content and record.stale == 0
    and state.accepted == kept.accepted and not state.refused and not record.held
    and record.published == kept.published
end

---Whether this pass has nothing to do. If so the record is as after a publication without changes.
---@param record { inputs: { mesh: string }, stale: integer, held: table?, requested: boolean? } of
---  the pass, after discovery; `requested`: an operator wants all to be done; gets `sources`,
---  `before` and `published`, for `note`, and `settled` and `done`, or `doubt`: Envoy may be
---  another one
---@param state table what outlives the pass (agent/state.lua)
---@param supervisor table Envoy (agent/supervise.lua)
---@return boolean
function settled:look(record, state, supervisor)
  local kept = self.kept
  record.sources, record.before, self.kept = sources_of(self.settings), state.accepted, nil
  record.published = stamp(self.settings.config_dir)
  if not is_as_kept(kept, record, state) then
    return false
  elseif not still.holds(supervisor, kept.files) then
    record.doubt = true
    return false
  end
  self.kept, record.settled = kept, true
  record.done = { generation = kept.generation, changed = {}, removed = {} }
  return true
end

-- What recognises a file in Envoy. Its content may be megabytes, and is on disk.
local function without_content(files)
  local list = {}
  for i, one in ipairs(files) do
    list[i] = { path = one.path, step = one.step, kind = one.kind, version = one.version,
      counted = one.counted, resources = one.resources }
  end
  return list
end

-- Stale data grow older, a cluster that lingers leaves, a second list is told of each time, and
-- what the history could not keep is tried again: none of these is settled.
local function is_quiet(record, state)
  local done = record.done
  return record.timeless and not record.held and not record.has_shadow and record.stale == 0
    and #done.changed == 0 and #done.removed == 0 and #done.left == 0
    and #record.memory.lingering == 0 and not state.refused and state.accepted == record.before
    and state.history:has_newest(state.accepted.generation)
end

---Notes what a whole pass has made, for the next ones, if that is settled.
---@param record table of the pass, after `look` and all that followed
---@param state table
function settled:note(record, state)
  local published = record.sources and is_quiet(record, state) and stamp(self.settings.config_dir)
  -- A file that went after it was compared leaves nothing that is new; but the stamp is another.
  if not published or published ~= record.published then
    return
  end
  self.kept = { content = record.inputs.mesh, sources = record.sources, accepted = state.accepted,
    published = published, generation = record.done.generation,
    files = without_content(record.done.files) }
end

return settled
